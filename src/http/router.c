#include "http/router.h"

#include "base/buf.h"

/* The next segment of a pattern, from behind one `/` to before the next. */
static bool pattern_take(const char **at, struct str *ret)
{
    if (**at != '/')
        return false;
    const char *from = *at + 1;
    size_t size = strcspn(from, "/");
    *ret = (struct str){from, size};
    *at = from + size;
    return true;
}

static bool is_parameter(struct str segment)
{
    return segment.size > 2 && segment.data[0] == '{' && segment.data[segment.size - 1] == '}';
}

/* 0 = no match; else the greater, the earlier its literal segments stand. */
static uint32_t match(const char *pattern, const struct target *target)
{
    uint32_t rank = 1;
    size_t count = 0;
    for (struct str segment; pattern_take(&pattern, &segment); count++) {
        if (count >= target->segment_count || count >= TARGET_SEGMENTS_MAX)
            return 0;
        struct str given = target->segments[count];
        bool parameter = is_parameter(segment);
        if (parameter ? given.size == 0 : !str_equal(segment, given))
            return 0;
        rank = rank * 2 + !parameter;
    }
    return count == target->segment_count ? rank : 0;
}

static bool is_listed(const struct buf *list, const char *method)
{
    return str_contains(buf_str(list), str_from(method));
}

static void list_method(struct buf *list, const char *method)
{
    if (is_listed(list, method))
        return;
    buf_put_text(list, list->size ? ", " : "");
    buf_put_text(list, method);
}

enum routing router_find(const struct http_route *routes, size_t count, struct str method,
                         const struct target *target, struct arena *arena, const struct http_route **ret,
                         const char **ret_allow)
{
    bool head = str_equal(method, STR("HEAD"));
    const struct http_route *best = NULL;
    uint32_t best_rank = 0;
    struct buf allow = {0};
    for (size_t i = 0; i < count; i++) {
        const struct http_route *route = &routes[i];
        uint32_t rank = match(route->pattern, target);
        if (!rank)
            continue;
        list_method(&allow, route->method);
        bool get = strcmp(route->method, "GET") == 0;
        if (get)
            list_method(&allow, "HEAD");
        if ((str_equal(str_from(route->method), method) || (head && get)) && rank > best_rank) {
            best = route;
            best_rank = rank;
        }
    }
    enum routing routing = best ? ROUTING_FOUND : allow.size ? ROUTING_NO_METHOD : ROUTING_NO_PATH;
    if (routing == ROUTING_FOUND)
        *ret = best;
    if (routing == ROUTING_NO_METHOD)
        *ret_allow = arena_str(arena, buf_str(&allow)).data;
    buf_deinit(&allow);
    return routing;
}

bool router_parameter(const struct http_route *route, const struct target *target, struct str name,
                      struct str *ret)
{
    const char *pattern = route->pattern;
    struct str segment;
    for (size_t i = 0; pattern_take(&pattern, &segment); i++) {
        if (is_parameter(segment) && str_equal((struct str){segment.data + 1, segment.size - 2}, name)) {
            *ret = target->segments[i];
            return true;
        }
    }
    return false;
}
