/* Contacts: who somebody is, what they did, where they are inside, and their history row by row. */
#include "http/api.h"
#include "json/write.h"

enum { TIMELINE_USUAL = 50, TIMELINE_MOST = 100 };

struct contact_read {
    struct str external_id;
    bool found;
    struct buf out;       /* profile */
    struct api_page page; /* timeline */
    uint32_t partition, contact;
    uint64_t head;
};

static void answer_unknown(struct http_request *request)
{
    struct err_detail detail = {"", ""};
    err_fail(&detail, ERR_NOT_FOUND, "", "nobody is known by this id");
    http_problem(request, 404, ERR_NOT_FOUND, &detail);
}

/* Asks the contact's partition; `end` may read the store with `reads_store`. */
static void ask(struct service *service, struct http_request *request, struct contact_read *read,
                mail_read *look, gather_end *end, bool reads_store)
{
    read->external_id = http_request_parameter(request, "contact");
    read->partition = partition_of(contact_hash(read->external_id), crew_partitions(service->crew));
    struct gather *gather = gather_new(service, request, end, read);
    gather->reads_store = reads_store;
    gather_read(gather, read->partition, look);
    gather_post(gather);
}

static bool find_contact(struct contact_read *read, const struct engine *engine, struct contact_id *ret)
{
    read->found =
        contacts_find(engine_contacts(engine), read->external_id, contact_hash(read->external_id), ret);
    return read->found;
}

/* ── the profile ──────────────────────────────────────────────────────────── */

void api_put_attributes(const struct engine *engine, const struct names *names, struct contact_id contact,
                        struct buf *out)
{
    const struct contacts *contacts = engine_contacts(engine);
    api_key(out, "attributes");
    buf_put_char(out, '{');
    for (uint16_t id = 1; id <= names_count(names, NAME_ATTRIBUTE); id++) {
        struct value value = contacts_attribute(contacts, contact, id);
        if (value.type == VALUE_MISSING)
            continue;
        api_item(out);
        json_write_string(names_get(names, NAME_ATTRIBUTE, id), out);
        buf_put_char(out, ':');
        value_write_json(&value, out);
    }
    buf_put_char(out, '}');
}

static void put_past(const struct engine *engine, const struct names *names, struct contact_id contact,
                     struct buf *out)
{
    int64_t first_ms = INSTANT_NEVER, last_ms = INSTANT_NEVER;
    api_key(out, "events");
    buf_put_char(out, '[');
    for (uint16_t id = 1; id <= names_count(names, NAME_EVENT); id++) {
        struct past_count past = past_get(engine_past(engine), contact.n, id);
        if (past.count == 0)
            continue;
        api_item(out);
        buf_put_char(out, '{');
        api_text(out, "event", names_get(names, NAME_EVENT, id));
        api_number(out, "count", past.count);
        api_instant(out, "first", past.first_ms);
        api_instant(out, "last", past.last_ms);
        buf_put_char(out, '}');
        if (past.first_ms < first_ms)
            first_ms = past.first_ms;
        if (last_ms == INSTANT_NEVER || past.last_ms > last_ms)
            last_ms = past.last_ms;
    }
    buf_put_char(out, ']');
    api_instant(out, "first_seen", first_ms);
    api_instant(out, "last_seen", last_ms);
}

static void put_inside(const struct plan_version *version, const struct enrollment_view *view,
                       struct buf *out)
{
    const struct node *node = &version->definition->nodes[view->node];
    api_item(out);
    buf_put_char(out, '{');
    api_text(out, "journey", version->definition->name);
    api_number(out, "version", version->ordinal);
    api_text(out, "node", node->id);
    api_truth(out, "before", view->before);
    api_instant(out, "entered", view->entered_ms);
    api_instant(out, "arrived", view->arrived_ms);
    api_instant(out, "due", view->due_ms);
    api_instant(out, "timeout", view->timeout_ms);
    api_key(out, "waits_for");
    buf_put_char(out, '[');
    for (uint8_t d = 0; node->kind == NODE_ACTIVATE && d < node->activate.count; d++) {
        if (view->pending & (1u << d)) {
            api_item(out);
            json_write_string(node->activate.destinations[d], out);
        }
    }
    buf_put_text(out, "]}");
}

/* The control's lock is held for a read. */
static void read_profile(struct mail *mail, const struct partition *partition)
{
    struct gather *gather = gather_of(mail);
    struct contact_read *read = gather->context;
    const struct engine *engine = partition_engine(partition);
    const struct plan *plan = control_plan(gather->service->control);
    struct contact_id contact;
    if (!find_contact(read, engine, &contact))
        return;
    struct buf *out = &read->out;
    buf_put_char(out, '{');
    api_text(out, "contact", read->external_id);
    api_put_attributes(engine, plan_names(plan), contact, out);
    put_past(engine, plan_names(plan), contact, out);
    api_key(out, "journeys");
    buf_put_char(out, '[');
    for (uint16_t journey = 0; journey < plan_journey_count(plan); journey++) {
        struct enrollment_view view;
        if (engine_enrollment(engine, contact, journey, &view))
            put_inside(plan_version(plan, view.version), &view, out);
    }
    buf_put_text(out, "]}");
}

static void answer_profile(struct gather *gather)
{
    struct contact_read *read = gather->context;
    if (read->found)
        api_answer(gather->request, 200, &read->out);
    else
        answer_unknown(gather->request);
}

void api_contact(void *context, struct http_request *request)
{
    struct contact_read *read = arena_take(http_request_arena(request), sizeof *read);
    ask(context, request, read, read_profile, answer_profile, false);
}

/* ── the timeline ─────────────────────────────────────────────────────────── */

struct row { /* copied: what a walk hands out lives only for its call */
    bool is_event;
    union {
        struct event_row event;
        struct ledger_row ledger;
    };
};

struct walk {
    struct arena *arena;
    uint32_t contact, limit, count;
    bool foreign;
    uint64_t next; /* 0 = nothing older */
    struct row *rows;
};

static bool on_row(void *context, const struct store_row *row)
{
    struct walk *walk = context;
    walk->next = row->event ? row->event->seq : row->ledger->seq;
    walk->foreign = walk->contact != (row->event ? row->event->contact : row->ledger->contact);
    if (walk->foreign || walk->count == walk->limit)
        return false;
    struct row *kept = &walk->rows[walk->count++];
    kept->is_event = row->event != NULL;
    if (row->event) {
        kept->event = *row->event;
        kept->event.body = arena_str(walk->arena, row->event->body);
    } else {
        kept->ledger = *row->ledger;
        struct passage *path = arena_take_array(walk->arena, kept->ledger.path_count, sizeof *path);
        for (uint16_t i = 0; i < kept->ledger.path_count; i++)
            path[i] = row->ledger->path[i];
        kept->ledger.path = path;
    }
    walk->next = 0;
    return true;
}

static void put_event(const struct event_row *row, const struct plan *plan, struct buf *out)
{
    api_text(out, "kind", str_from(event_kind_name(row->kind)));
    api_instant(out, "at", row->at_ms);
    api_instant(out, "received", row->received_ms);
    if (event_is_deed(row->kind) && row->name == 0) { /* its body has both members already */
        buf_put_char(out, ',');
        buf_put(out, row->body.data + 1, row->body.size - 2);
        return;
    }
    if (row->kind == EVENT_ENROLL)
        api_text(out, "journey", plan_journey_name(plan, (uint16_t)(row->name - 1)));
    else if (event_is_deed(row->kind))
        api_text(out, "event", names_get(plan_names(plan), NAME_EVENT, row->name));
    api_key(out, event_is_deed(row->kind) ? "properties" : "traits");
    buf_put_str(out, row->body.size ? row->body : STR("{}"));
}

static void put_path(const struct ledger_row *row, const struct definition *definition, struct buf *out)
{
    api_key(out, "path");
    buf_put_char(out, '[');
    for (uint16_t i = 0; i < row->path_count; i++) {
        const struct node *node = &definition->nodes[row->path[i].node];
        api_item(out);
        buf_put_char(out, '{');
        api_text(out, "node", node->id);
        api_text(out, "outcome", node->outcomes[row->path[i].outcome].name);
        buf_put_char(out, '}');
    }
    buf_put_char(out, ']');
}

static void put_advance(const struct ledger_row *row, const struct plan *plan, struct buf *out)
{
    const struct plan_version *version = plan_version(plan, row->version);
    const struct definition *definition = version->definition;
    bool leaves = row->flags & LEDGER_LEAVES;
    api_text(out, "kind", STR("journey"));
    api_instant(out, "at", row->at_ms);
    api_text(out, "journey", definition->name);
    api_number(out, "version", version->ordinal);
    api_truth(out, "enters", row->flags & LEDGER_ENTERS);
    put_path(row, definition, out);
    api_text(out, "node", definition->nodes[row->node].id);
    api_truth(out, "before", row->flags & LEDGER_BEFORE);
    api_instant(out, "due", row->due_ms);
    api_truth(out, "held", row->flags & LEDGER_HELD);
    api_key(out, "left");
    if (leaves)
        json_write_string(str_from(leave_reason_name(row->reason)), out);
    else
        buf_put_text(out, "null");
    if (leaves && row->reason == LEAVE_GOAL && row->which < definition->goal_count)
        api_text(out, "goal", definition->goals[row->which].name);
    if (leaves && row->reason == LEAVE_EXIT_RULE)
        api_number(out, "exit_rule", row->which);
}

static void answer_rows(struct gather *gather, const struct walk *walk)
{
    struct service *service = gather->service;
    struct buf out = {0};
    buf_put_text(&out, "{\"timeline\":[");
    crew_control_read(service->crew);
    const struct plan *plan = control_plan(service->control);
    for (uint32_t i = 0; i < walk->count; i++) {
        api_item(&out);
        buf_put_char(&out, '{');
        if (walk->rows[i].is_event)
            put_event(&walk->rows[i].event, plan, &out);
        else
            put_advance(&walk->rows[i].ledger, plan, &out);
        buf_put_char(&out, '}');
    }
    crew_control_unlock(service->crew);
    buf_put_char(&out, ']');
    api_key(&out, "next");
    if (walk->next)
        buf_printf(&out, "\"%llu\"", (unsigned long long)walk->next);
    else
        buf_put_text(&out, "null");
    buf_put_char(&out, '}');
    api_answer(gather->request, 200, &out);
}

static void read_head(struct mail *mail, const struct partition *partition)
{
    struct contact_read *read = gather_of(mail)->context;
    const struct engine *engine = partition_engine(partition);
    struct contact_id contact;
    if (!find_contact(read, engine, &contact))
        return;
    read->contact = contact.n;
    read->head = contacts_head(engine_contacts(engine), contact);
}

/* A cursor is the seq of the row to go on with: it must be one of this contact, not newer than its head. */
static enum err take_cursor(const struct contact_read *read, uint64_t *ret_from, struct err_detail *detail)
{
    int64_t from;
    *ret_from = read->head;
    if (read->page.cursor.size == 0)
        return ERR_OK;
    if (!str_to_int64(read->page.cursor, &from) || from < 1 || (uint64_t)from > read->head)
        return err_fail(detail, ERR_INVALID, "cursor", "is none that this timeline gave; begin without one");
    *ret_from = (uint64_t)from;
    return ERR_OK;
}

/* What the head stands for is durable by now. */
static void answer_timeline(struct gather *gather)
{
    struct contact_read *read = gather->context;
    if (!read->found) {
        answer_unknown(gather->request);
        return;
    }
    struct arena *arena = http_request_arena(gather->request);
    struct walk walk = {.arena = arena,
                        .contact = read->contact,
                        .limit = read->page.limit,
                        .rows = arena_take_array(arena, read->page.limit, sizeof *walk.rows)};
    struct err_detail detail = {"", ""};
    uint64_t from;
    enum err err = take_cursor(read, &from, &detail);
    if (!err)
        err = store_walk(gather->service->store, read->partition, from, on_row, &walk, &detail);
    bool nowhere = err == ERR_NOT_FOUND || walk.foreign;
    if ((!err || nowhere) && walk.count == 0 && read->page.cursor.size)
        err = err_fail(&detail, ERR_INVALID, "cursor", "is none that this timeline gave; begin without one");
    if (err)
        api_refuse(gather->request, err, &detail);
    else
        answer_rows(gather, &walk);
}

void api_contact_timeline(void *context, struct http_request *request)
{
    struct err_detail detail = {"", ""};
    struct contact_read *read = arena_take(http_request_arena(request), sizeof *read);
    enum err err = api_page_of(request, TIMELINE_USUAL, TIMELINE_MOST, &read->page, &detail);
    if (err)
        http_problem(request, 400, err, &detail);
    else
        ask(context, request, read, read_head, answer_timeline, true);
}
