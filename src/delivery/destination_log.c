#include "delivery/destination_log.h"

#include "base/buf.h"
#include "json/document.h"
#include "json/write.h"

static const struct str kind = {"destination", 11};

static size_t find(const struct destination_list *list, struct str name)
{
    array_each (&list->entries, i) {
        if (str_equal(list->entries.items[i].settings.name, name))
            return i;
    }
    return SIZE_MAX;
}

static void forget(struct destination_list *list, size_t index)
{
    for (size_t i = index; i + 1 < list->entries.count; i++)
        list->entries.items[i] = list->entries.items[i + 1];
    list->entries.count--;
}

/* One entry of the log on top of those before it. */
static enum err take(struct destination_list *list, json_t *json, uint64_t revision, struct arena *arena,
                     struct err_detail *detail)
{
    const json_t *name = json_object_get(json, "name");
    size_t index = find(list, (struct str){json_string_value(name), json_string_length(name)});
    if (json_is_true(json_object_get(json, "removed"))) {
        if (index != SIZE_MAX)
            forget(list, index);
        return ERR_OK;
    }
    struct destination_entry entry = {.revision = revision};
    enum err err = destination_parse(json, arena, &entry.settings, detail);
    if (err)
        return err;
    *(index == SIZE_MAX ? array_push(&list->entries) : &list->entries.items[index]) = entry;
    return ERR_OK;
}

enum err destination_log_read(const struct control *control, struct arena *arena,
                              struct destination_list *ret, struct err_detail *detail)
{
    struct destination_list list = {0};
    enum err err = ERR_OK;
    struct str body;
    for (size_t i = 0; !err && control_note_at(control, kind, i, &body); i++) {
        json_t *json;
        err = document_parse(body, "destination", &json, detail);
        if (err)
            break;
        err = take(&list, json, i + 1, arena, detail);
        json_decref(json);
    }
    if (err)
        array_free(&list.entries);
    else
        *ret = list;
    return err;
}

const struct destination_entry *destination_list_find(const struct destination_list *list, struct str name)
{
    size_t index = find(list, name);
    return index == SIZE_MAX ? NULL : &list->entries.items[index];
}

void destination_put_settings(const struct destination_settings *settings, struct buf *out)
{
    buf_put_text(out, "\"name\":");
    json_write_string(settings->name, out);
    buf_put_text(out, ",\"kind\":");
    json_write_string(str_from(destination_kind_name(settings->kind)), out);
    switch (settings->kind) {
    case DESTINATION_FILE:
        buf_put_text(out, ",\"path\":");
        json_write_string(settings->file.path, out);
        return;
    case DESTINATION_KINDS: return;
    }
}

enum err destination_log_define(struct control *control, const struct destination_settings *settings,
                                const struct control_by *by, struct err_detail *detail)
{
    struct buf text = {0};
    buf_put_char(&text, '{');
    destination_put_settings(settings, &text);
    buf_put_char(&text, '}');
    enum err err = control_note(control, kind, buf_str(&text), by, detail);
    buf_deinit(&text);
    return err;
}

enum err destination_log_remove(struct control *control, struct str name, const struct control_by *by,
                                struct err_detail *detail)
{
    struct buf text = {0};
    buf_put_text(&text, "{\"name\":");
    json_write_string(name, &text);
    buf_put_text(&text, ",\"removed\":true}");
    enum err err = control_note(control, kind, buf_str(&text), by, detail);
    buf_deinit(&text);
    return err;
}

static void add_unknown(const char *node, size_t index, struct str name, struct arena *arena,
                        struct findings *findings)
{
    const char *at = pointer_join(arena, "/nodes", node);
    struct finding *finding = array_push(&findings->rows);
    *finding =
        (struct finding){.code = FINDING_UNKNOWN_DESTINATION, .node = arena_str(arena, str_from(node))};
    finding->pointer = pointer_index(arena, pointer_join(arena, at, "destinations"), index);
    finding->message = arena_printf(arena, "No destination \"%.*s\" is defined: contacts wait at \"%s\".",
                                    STR_ARG(name), node);
    finding->fix = arena_printf(arena, "Define it, PUT /v1/destinations/…, or name one that there is.");
    findings->warnings++;
}

static void check_node(const struct destination_list *list, const char *id, const json_t *node,
                       struct arena *arena, struct findings *findings)
{
    const json_t *kind_of_node = json_object_get(node, "type"), *name;
    size_t index;
    if (!json_is_string(kind_of_node) ||
        strcmp(json_string_value(kind_of_node), node_kind_name(NODE_ACTIVATE)) != 0)
        return;
    json_array_foreach(json_object_get(node, "destinations"), index, name)
    {
        struct str text = {json_string_value(name), json_string_length(name)};
        if (json_is_string(name) && !destination_list_find(list, text))
            add_unknown(id, index, text, arena, findings);
    }
}

void destination_log_check(const struct control *control, const json_t *document, struct arena *arena,
                           struct findings *findings)
{
    struct destination_list list = {0};
    const char *id;
    json_t *node;
    if (destination_log_read(control, arena, &list, NULL))
        return; /* the findings of the definition are no worse for that */
    json_object_foreach(json_object_get(document, "nodes"), id, node)
        check_node(&list, id, node, arena, findings);
    array_free(&list.entries);
}

static bool hands_over_to(const struct definition *definition, struct str name)
{
    for (uint16_t n = 0; n < definition->node_count; n++) {
        const struct node *node = &definition->nodes[n];
        for (uint8_t d = 0; node->kind == NODE_ACTIVATE && d < node->activate.count; d++) {
            if (str_equal(node->activate.destinations[d], name))
                return true;
        }
    }
    return false;
}

size_t destination_users(const struct control *control, struct str name, struct arena *arena,
                         const struct str **ret)
{
    const struct plan *plan = control_plan(control);
    struct str *users = arena_take_array(arena, plan_version_count(plan), sizeof *users);
    size_t count = 0;
    for (uint16_t v = 0; v < plan_version_count(plan); v++) {
        const struct plan_version *version = plan_version(plan, v);
        bool listed = false;
        for (size_t i = 0; i < count; i++)
            listed |= str_equal(users[i], version->definition->name);
        if (!listed && control_version_status(control, v).state != VERSION_STOPPED &&
            hands_over_to(version->definition, name))
            users[count++] = arena_str(arena, version->definition->name);
    }
    *ret = users;
    return count;
}
