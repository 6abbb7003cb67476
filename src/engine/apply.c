/* The only code that changes what an engine knows. A row is complete: applying it evaluates no rule, reads no
 * clock and touches one contact and one enrollment. While loading, a part that its block already contains is
 * passed over. */
#include "engine/state.h"

enum { SEQS_AT_ONCE = 1024 };

uint64_t engine_seq(struct engine *engine, uint32_t follow)
{
    if (engine->seq_end - engine->seq_next < (uint64_t)follow + 1) {
        uint32_t count = follow + 1 > SEQS_AT_ONCE ? follow + 1 : SEQS_AT_ONCE;
        engine->seq_next = engine->options.seqs(engine->options.seqs_context, count);
        engine->seq_end = engine->seq_next + count;
    }
    CHECK(engine->seq_next > engine->head.seq);
    engine->head.seq = engine->seq_next++;
    check_context(engine->options.partition, engine->head.seq);
    return engine->head.seq;
}

/* ── chunks ───────────────────────────────────────────────────────────────── */

void engine_dirty(struct engine *engine, enum block_kind kind, uint32_t id)
{
    struct chunks *chunks = &engine->chunks[kind];
    uint32_t number = id / CONTACTS_CHUNK;
    while (chunks->dirty.count <= number)
        *array_push(&chunks->dirty) = false;
    chunks->dirty.items[number] = true;
}

bool engine_newer(const struct engine *engine, enum block_kind kind, uint32_t id, uint64_t seq)
{
    const struct chunks *chunks = &engine->chunks[kind];
    uint32_t number = id / CONTACTS_CHUNK;
    return !engine->loading || number >= chunks->block_seq.count || seq > chunks->block_seq.items[number];
}

struct version_runtime *engine_version(struct engine *engine, uint16_t version)
{
    while (engine->versions.count <= version)
        *array_push(&engine->versions) =
            (struct version_runtime){.closed_ms = INSTANT_NEVER, .held_ms = INSTANT_NEVER};
    return &engine->versions.items[version];
}

/* ── events ───────────────────────────────────────────────────────────────── */

void engine_put_event(struct engine *engine, struct event_row *row, const struct event_content *content)
{
    row->seq = engine_seq(engine, 0);
    row->prev = row->created.size ? 0 : contacts_head(engine->contacts, (struct contact_id){row->contact});
    *array_push(&engine->batch->events) = *row;
    apply_event(engine, row, content);
}

void engine_aggregate(struct engine *engine, const struct event_row *row, const struct properties *properties,
                      uint16_t from, uint16_t end)
{
    const struct plan_listeners *listeners =
        plan_event_listeners(engine->plan, engine_event_id(row->kind, row->name));
    array_each (&listeners->aggregates, i) {
        uint16_t number = listeners->aggregates.items[i];
        if (number < from || number >= end)
            continue;
        const struct plan_aggregate *aggregate = plan_aggregate(engine->plan, number);
        if (where_matches(aggregate->where, properties, row->received_ms))
            past_add(engine->past, row->contact, number, (struct past_moment){row->at_ms, row->seq});
    }
}

uint16_t engine_aggregates_there(const struct engine *engine, uint32_t contact)
{
    uint32_t number = contact / PAST_CHUNK;
    uint16_t in_block = number < engine->block_aggregates.count ? engine->block_aggregates.items[number] : 0;
    return in_block > engine->backfill_from ? in_block : engine->backfill_from;
}

static void apply_to_contact(struct engine *engine, const struct event_row *row,
                             const struct event_content *content)
{
    struct contact_id contact = {row->contact};
    contacts_set_head(engine->contacts, contact, row->seq);
    for (uint32_t i = 0; i < content->trait_count; i++)
        contacts_set_attribute(engine->contacts, contact, content->traits[i].attribute,
                               &content->traits[i].value);
    engine_dirty(engine, BLOCK_CONTACTS, row->contact);
}

static void apply_to_past(struct engine *engine, const struct event_row *row,
                          const struct event_content *content)
{
    if (!event_is_deed(row->kind) || row->name == 0)
        return;
    if (row->kind != EVENT_ENROLL) /* no rule asks for it by a name */
        past_count(engine->past, row->contact, row->name, row->at_ms);
    uint16_t end =
        engine->loading ? engine_aggregates_there(engine, row->contact) : past_aggregates(engine->past);
    engine_aggregate(engine, row, &content->properties, 0, end);
    engine_dirty(engine, BLOCK_PAST, row->contact);
}

void apply_event(struct engine *engine, const struct event_row *row, const struct event_content *content)
{
    if (row->created.size && row->contact >= contacts_count(engine->contacts)) {
        struct contact_id id = contacts_add(engine->contacts, row->created, contact_hash(row->created));
        CHECK(id.n == row->contact);
    }
    if (engine_newer(engine, BLOCK_CONTACTS, row->contact, row->seq))
        apply_to_contact(engine, row, content);
    if (engine_newer(engine, BLOCK_PAST, row->contact, row->seq))
        apply_to_past(engine, row, content);
    if (event_is_deed(row->kind) && (!engine->loading || row->seq > engine->totals_seq))
        engine->totals.events++;
    engine->head.contacts = contacts_count(engine->contacts);
}

enum err event_content_of(struct engine *engine, const struct event_row *row, struct event_content *ret,
                          struct err_detail *detail)
{
    *ret = (struct event_content){0};
    if (row->body.size == 0)
        return ERR_OK;
    struct properties properties;
    enum err err = properties_parse(engine->json, row->body, &engine->scratch, &properties, detail);
    if (err)
        return err_fail(detail, ERR_CORRUPT, "", "event row %lu does not hold a JSON object",
                        (unsigned long)row->seq);
    if (event_is_deed(row->kind)) {
        ret->properties = properties;
        return ERR_OK;
    }
    struct trait *traits = arena_take_array(&engine->scratch, properties.count, sizeof *traits);
    for (uint32_t i = 0; i < properties.count; i++) {
        uint16_t attribute = names_find(plan_names(engine->plan), NAME_ATTRIBUTE, properties.items[i].name);
        if (attribute)
            traits[ret->trait_count++] = (struct trait){attribute, properties.items[i].value};
    }
    ret->traits = traits;
    return ERR_OK;
}

/* ── ledger ───────────────────────────────────────────────────────────────── */

void engine_put_ledger(struct engine *engine, struct ledger_row *row, uint32_t effects)
{
    row->seq = engine_seq(engine, effects);
    if (!(row->flags & LEDGER_CONTROL))
        row->prev = contacts_head(engine->contacts, (struct contact_id){row->contact});
    *array_push(&engine->batch->ledger) = *row;
    CHECK(apply_ledger(engine, row, NULL) == ERR_OK);
}

static void apply_leaving(struct engine *engine, const struct ledger_row *row)
{
    if (row->flags & LEDGER_BARS && engine_newer(engine, BLOCK_CONTACTS, row->contact, row->seq)) {
        uint16_t journey = plan_version(engine->plan, row->version)->journey;
        contacts_set_left_journey(engine->contacts, (struct contact_id){row->contact}, journey,
                                  (struct contact_left){row->at_ms, row->seq});
    }
}

/* Takes the enrollment out of its contact's list; while loading there are no lists yet. */
static void unlink_enrollment(struct engine *engine, uint32_t id, const struct enrollment *enrollment)
{
    struct contact_id contact = {enrollment->contact};
    uint32_t at = contacts_enrollments(engine->contacts, contact);
    if (at == id) {
        contacts_set_enrollments(engine->contacts, contact, enrollment->next);
        return;
    }
    while (at != ENROLLMENT_NONE) {
        struct enrollment *other = enrollments_find(&engine->enrollments, at);
        if (other->next == id) {
            other->next = enrollment->next;
            return;
        }
        at = other->next;
    }
    CHECK(!"an open enrollment stands in its contact's list");
}

static struct enrollment *open_enrollment(struct engine *engine, const struct ledger_row *row)
{
    struct enrollment *e = enrollments_open(&engine->enrollments, row->enrollment);
    e->contact = row->contact;
    e->entered_ms = row->at_ms;
    e->entered_seq = row->seq;
    if (!engine->loading) {
        struct contact_id contact = {row->contact};
        e->next = contacts_enrollments(engine->contacts, contact);
        contacts_set_enrollments(engine->contacts, contact, row->enrollment);
    }
    return e;
}

static void overwrite(struct enrollment *e, const struct ledger_row *row)
{
    e->version = row->version;
    e->node = row->node;
    e->visits = row->visits;
    e->pending = row->pending;
    enrollment_set_due(e, row->due_ms);
    e->bits =
        (uint8_t)(ENROLLMENT_OPEN | (row->goals << ENROLLMENT_GOALS_SHIFT) |
                  (row->failed ? ENROLLMENT_FAILED : 0) | (row->flags & LEDGER_DONE ? ENROLLMENT_DONE : 0) |
                  (row->flags & LEDGER_HELD ? ENROLLMENT_HELD : 0) |
                  (row->flags & LEDGER_BEFORE ? ENROLLMENT_BEFORE : 0));
    if (row->flags & LEDGER_MOVES) {
        e->arrived_ms = row->at_ms;
        e->arrived_seq = row->seq;
    }
}

static enum err apply_to_enrollment(struct engine *engine, const struct ledger_row *row,
                                    struct err_detail *detail)
{
    struct enrollment *e = enrollments_find(&engine->enrollments, row->enrollment);
    if (!e && row->flags & LEDGER_ENTERS)
        e = open_enrollment(engine, row);
    if (!e)
        return err_fail(detail, ERR_CORRUPT, "", "ledger row %lu continues enrollment %u, which is not open",
                        (unsigned long)row->seq, row->enrollment);
    engine_dirty(engine, BLOCK_ENROLLMENTS, row->enrollment);
    if (row->flags & LEDGER_HELD) {
        struct hold hold;
        enum err err = hold_read(row->detail, &hold, detail);
        if (err)
            return err;
        holds_set(&engine->holds, row->enrollment, &hold);
    }
    overwrite(e, row);
    if (row->flags & LEDGER_LEAVES) {
        if (!engine->loading)
            unlink_enrollment(engine, row->enrollment, e);
        enrollments_close(&engine->enrollments, row->enrollment);
    }
    return ERR_OK;
}

enum err apply_ledger(struct engine *engine, const struct ledger_row *row, struct err_detail *detail)
{
    if (row->flags & LEDGER_CONTROL)
        return ERR_OK;
    if (engine_newer(engine, BLOCK_CONTACTS, row->contact, row->seq))
        contacts_set_head(engine->contacts, (struct contact_id){row->contact}, row->seq);
    engine_dirty(engine, BLOCK_CONTACTS, row->contact);
    if (row->flags & LEDGER_LEAVES)
        apply_leaving(engine, row);
    if (row->flags & LEDGER_ENTERS && row->enrollment >= engine->head.enrollments)
        engine->head.enrollments = row->enrollment + 1;
    if (engine_newer(engine, BLOCK_ENROLLMENTS, row->enrollment, row->seq)) {
        enum err err = apply_to_enrollment(engine, row, detail);
        if (err)
            return err;
    }
    if (!engine->loading || row->seq > engine->totals_seq)
        totals_count(&engine->totals, row);
    return ERR_OK;
}
