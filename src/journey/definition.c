#include "journey/definition.h"

#include "journey/parse.h"
#include "json/document.h"

const char *node_kind_name(enum node_kind kind)
{
    static const char *const names[] = {
#define X(name, key) #key,
        NODE_TABLE(X)
#undef X
    };
    return names[kind];
}

const char *leave_reason_name(enum leave_reason reason)
{
    static const char *const names[] = {
#define X(name, key) #key,
        LEAVE_TABLE(X)
#undef X
    };
    return names[reason];
}

int definition_find_node(const struct definition *definition, struct str id)
{
    for (uint16_t i = 0; i < definition->node_count; i++) {
        if (str_equal(definition->nodes[i].id, id))
            return i;
    }
    return EDGE_NONE;
}

static void parse_labels(struct parse *parse, struct place at, struct definition *ret)
{
    size_t count;
    if (!at.json || !read_array(parse, at, "labels", DEFINITION_LABELS_MAX, &count))
        return;
    struct str *labels = arena_take_array(parse->arena, count, sizeof *labels);
    for (size_t i = 0; i < count; i++) {
        struct place item = place_item(parse, at, i);
        if (!read_text(parse, item, "a label", DEFINITION_NAME_MAX, &labels[i]))
            continue;
        for (size_t k = 0; k < i; k++) {
            if (str_equal(labels[k], labels[i]))
                problem_invalid(parse, item.pointer, "keep one of the two", "the label %s stands here twice",
                                quoted(parse->arena, labels[i]));
        }
    }
    ret->labels = labels;
    ret->label_count = (uint32_t)count;
}

static void parse_description(struct parse *parse, struct place at, struct definition *ret)
{
    if (json_is_string(at.json) && json_string_length(at.json) == 0)
        return; /* an editor's empty field */
    if (at.json)
        read_text(parse, at, "a description", DEFINITION_DESCRIPTION_MAX, &ret->description);
}

void parse_definition(struct parse *parse, const json_t *document, struct definition *ret)
{
    static const struct key keys[] = {{"name"},
                                      {"description"},
                                      {"labels"},
                                      {"entry"},
                                      {"exits"},
                                      {"goals"},
                                      {"timeout"},
                                      {"nodes"},
                                      {"start"},
                                      {"control", "a control group"},
                                      {"quiet_hours", "quiet hours"},
                                      {NULL}};
    /* jansson's iterators take no const, though they change nothing. */
    struct place at = {(json_t *)(uintptr_t)document, ""};
    *ret = (struct definition){.late_tolerance_ms = DEFINITION_LATE_TOLERANCE_MINUTES * MINUTE_MS};
    if (!read_object(parse, at, "a journey's definition, an object,", keys))
        return;
    parse->root_read = true;
    read_text(parse, place_key(parse, at, "name"), "the journey's name", DEFINITION_NAME_MAX, &ret->name);
    parse_description(parse, place_key(parse, at, "description"), ret);
    parse_labels(parse, place_key(parse, at, "labels"), ret);
    parse_entry(parse, place_key(parse, at, "entry"), ret);
    parse_exits(parse, place_key(parse, at, "exits"), ret);
    parse_goals(parse, place_key(parse, at, "goals"), ret);
    struct place timeout = place_key(parse, at, "timeout");
    parse->timeout_written = timeout.json != NULL;
    if (timeout.json)
        read_duration(parse, timeout, "the journey's timeout, a duration,", &ret->timeout_ms);
    parse_nodes(parse, place_key(parse, at, "nodes"), ret);
    parse_start(parse, place_key(parse, at, "start"), ret);
}

/* The bytes of a text that fit, never half a character: it may become JSON again. */
static int fitting(const char *text, size_t size_max)
{
    size_t size = strlen(text);
    if (size > size_max) {
        size = size_max;
        while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
            size--;
    }
    return (int)size;
}

static enum err first_error(const struct parse *parse, struct err_detail *detail)
{
    if (parse->problems.count == 0)
        return ERR_OK;
    const struct problem *problem = &parse->problems.items[0];
    const struct finding *finding = &problem->finding;
    struct err_detail sizes;
    char text[sizeof sizes.text * 2];
    snprintf(text, sizeof text, "%s; %s", finding->message, finding->fix);
    char place[sizeof sizes.place];
    snprintf(place, sizeof place, "%.*s", fitting(finding->pointer, sizeof place - 1), finding->pointer);
    return err_fail(detail, problem->err, place, "%.*s", fitting(text, sizeof sizes.text - 1), text);
}

enum err definition_parse(const json_t *json, struct arena *arena, struct definition *ret,
                          struct err_detail *detail)
{
    struct parse parse = {.arena = arena};
    struct definition definition;
    parse_definition(&parse, json, &definition);
    enum err err = first_error(&parse, detail);
    array_free(&parse.problems);
    if (err == ERR_OK)
        *ret = definition;
    return err;
}

enum err definition_read_head(const json_t *json, struct arena *arena, struct definition *ret,
                              struct err_detail *detail)
{
    struct parse name = {.arena = arena}, rest = {.arena = arena};
    struct place at = {(json_t *)(uintptr_t)json, ""};
    struct definition head = {0};
    if (!json_is_object(json))
        return err_fail(detail, ERR_INVALID, "", "a journey's definition, an object, is expected here");
    read_text(&name, place_key(&name, at, "name"), "the journey's name", DEFINITION_NAME_MAX, &head.name);
    enum err err = first_error(&name, detail);
    if (!err) {
        parse_description(&rest, place_key(&rest, at, "description"), &head);
        parse_labels(&rest, place_key(&rest, at, "labels"), &head);
    }
    array_free(&name.problems);
    array_free(&rest.problems);
    if (err)
        return err;
    struct str *labels = arena_take_array(arena, head.label_count, sizeof *labels);
    uint32_t sound = 0;
    for (uint32_t i = 0; i < head.label_count; i++) {
        if (head.labels[i].size)
            labels[sound++] = head.labels[i];
    }
    head.labels = labels;
    head.label_count = sound;
    *ret = head;
    return ERR_OK;
}
