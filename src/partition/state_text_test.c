#include "partition/state_text_test.h"

#include <inttypes.h>

#include "base/check.h"
#include "engine/state.h"

/* ── what is known ────────────────────────────────────────────────────────── */

static void put_versions(struct buf *text, const struct engine *engine)
{
    array_each (&engine->versions, v) {
        const struct version_runtime *runtime = &engine->versions.items[v];
        buf_printf(text, "version %zu %s %s opened %" PRId64 " closed %" PRId64 " held %" PRId64, v,
                   version_state_name(runtime->status.state), version_hold_name(runtime->status.hold),
                   runtime->opened_ms, runtime->closed_ms, runtime->held_ms);
        array_each (&runtime->closures, i)
            buf_printf(text, " [%" PRId64 ",%" PRId64 ")", runtime->closures.items[i].from_ms,
                       runtime->closures.items[i].to_ms);
        buf_put_char(text, '\n');
    }
}

static void put_contact(struct buf *text, const struct engine *engine, const struct plan *plan,
                        struct contact_id id)
{
    buf_printf(text, "contact %u %.*s head %" PRIu64, id.n,
               STR_ARG(contacts_external_id(engine->contacts, id)), contacts_head(engine->contacts, id));
    for (uint16_t a = 1; a <= names_count(plan_names(plan), NAME_ATTRIBUTE); a++) {
        struct value value = contacts_attribute(engine->contacts, id, a);
        buf_printf(text, " %u=", a);
        value_write_json(&value, text);
    }
    for (uint16_t journey = 0; journey < plan_journey_count(plan); journey++) {
        struct contact_left left;
        if (contacts_left_journey(engine->contacts, id, journey, &left))
            buf_printf(text, " left %u at %" PRId64 " by %" PRIu64, journey, left.at_ms, left.seq);
    }
    buf_put_char(text, '\n');
}

static void put_past(struct buf *text, const struct engine *engine, const struct plan *plan, uint32_t contact)
{
    for (uint16_t name = 1; name <= names_count(plan_names(plan), NAME_EVENT); name++) {
        struct past_count count = past_get(engine->past, contact, name);
        if (count.count)
            buf_printf(text, "past %u/%u %u %" PRId64 "..%" PRId64 "\n", contact, name, count.count,
                       count.first_ms, count.last_ms);
    }
    for (uint16_t a = 0; a < past_aggregates(engine->past); a++) {
        struct past_moment moment;
        buf_printf(text, "aggregate %u/%u %" PRIu64, contact, a,
                   past_aggregate_count(engine->past, contact, a));
        for (uint16_t k = 1; past_newest(engine->past, contact, a, k, &moment); k++)
            buf_printf(text, " %" PRId64 "/%" PRIu64, moment.at_ms, moment.seq);
        buf_put_char(text, '\n');
    }
}

static void put_enrollment(struct buf *text, const struct engine *engine, uint32_t id)
{
    const struct enrollment *e = enrollments_find(&engine->enrollments, id);
    buf_printf(text,
               "enrollment %u contact %u version %u node %u bits %x visits %u pending %x due %" PRId64
               " entered %" PRId64 "/%" PRIu64 " arrived %" PRId64 "/%" PRIu64 " next %u",
               id, e->contact, e->version, e->node, e->bits, e->visits, e->pending, enrollment_due(e),
               (int64_t)e->entered_ms, (uint64_t)e->entered_seq, (int64_t)e->arrived_ms,
               (uint64_t)e->arrived_seq, e->next);
    if (e->bits & ENROLLMENT_HELD) {
        struct hold hold = holds_get(&engine->holds, id);
        hold_write(&hold, text);
    }
    buf_put_char(text, '\n');
}

static void put_totals_of(struct buf *text, const struct totals *totals, uint16_t version, uint8_t node)
{
    for (uint8_t kind = 0; kind < STAT_KINDS; kind++) {
        for (uint8_t outcome = 0; outcome < 16; outcome++) {
            struct stat_row row = totals_get(totals, (struct stat_key){version, node, kind, outcome});
            if (row.total || row.value != 0)
                buf_printf(text, "total %u/%u/%u/%u %" PRId64 " %.17g\n", version, node, kind, outcome,
                           row.total, row.value);
        }
    }
}

static void put_totals(struct buf *text, const struct engine *engine)
{
    const struct totals *totals = &engine->totals;
    buf_printf(text, "totals of quarter %" PRId64 ", %" PRIu64 " events, to be written:", totals->quarter,
               totals->events);
    array_each (&totals->dirty, i)
        buf_printf(text, " %u/%u/%u/%u", totals->dirty.items[i].version, totals->dirty.items[i].node,
                   totals->dirty.items[i].kind, totals->dirty.items[i].outcome);
    buf_put_char(text, '\n');
    for (uint16_t v = 0; v < totals->versions.count; v++) {
        for (uint16_t node = 0; node < totals->versions.items[v].nodes; node++)
            put_totals_of(text, totals, v, (uint8_t)node);
        put_totals_of(text, totals, v, STAT_JOURNEY);
    }
}

void state_text(struct buf *text, const struct engine *engine, const struct plan *plan)
{
    const struct partition_head *head = &engine->head;
    buf_printf(text,
               "head %" PRIu64 " now %" PRId64 " open %d control %" PRIu64 " input %" PRIu64
               " contacts %u enrollments %u open %u\n",
               head->seq, head->now_ms, head->now_open, head->control, head->input, head->contacts,
               head->enrollments, engine->enrollments.open);
    put_versions(text, engine);
    for (uint32_t contact = 0; contact < contacts_count(engine->contacts); contact++) {
        put_contact(text, engine, plan, (struct contact_id){contact});
        put_past(text, engine, plan, contact);
        buf_printf(text, "first %u\n", contacts_enrollments(engine->contacts, (struct contact_id){contact}));
    }
    for (uint32_t id = enrollments_next(&engine->enrollments, 0); id != ENROLLMENT_NONE;
         id = enrollments_next(&engine->enrollments, id + 1))
        put_enrollment(text, engine, id);
    put_totals(text, engine);
    buf_put_char(text, '\0');
}

/* ── what is kept ─────────────────────────────────────────────────────────── */

struct ranks {
    struct buf *text;
    ARRAY(uint64_t) seqs; /* ascending */
};

static int compare_seqs(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static uint64_t rank_of(const struct ranks *ranks, uint64_t seq)
{
    if (seq == 0)
        return 0;
    const uint64_t *at = bsearch(&seq, ranks->seqs.items, ranks->seqs.count, sizeof seq, compare_seqs);
    CHECK(at); /* every seq that a row names is one of a row */
    return (uint64_t)(at - ranks->seqs.items) + 1;
}

static int64_t rank_of_cause(const struct ranks *ranks, int64_t cause)
{
    return cause > 0 ? (int64_t)rank_of(ranks, (uint64_t)cause) : cause;
}

static bool collect_row(void *context, const struct store_row *row)
{
    struct ranks *ranks = context;
    *array_push(&ranks->seqs) = row->event ? row->event->seq : row->ledger->seq;
    return true;
}

static bool collect_effect(void *context, uint32_t partition, const struct effect_row *row)
{
    struct ranks *ranks = context;
    (void)partition;
    *array_push(&ranks->seqs) = row->seq;
    return true;
}

static void put_event(struct ranks *ranks, const struct event_row *row)
{
    buf_printf(ranks->text,
               "event %" PRIu64 " prev %" PRIu64 " at %" PRId64 " received %" PRId64
               " contact %u name %u kind %u created '%.*s' body '%.*s'\n",
               rank_of(ranks, row->seq), rank_of(ranks, row->prev), row->at_ms, row->received_ms,
               row->contact, row->name, row->kind, STR_ARG(row->created), STR_ARG(row->body));
}

static void put_ledger(struct ranks *ranks, const struct ledger_row *row)
{
    buf_printf(ranks->text,
               "ledger %" PRIu64 " prev %" PRIu64 " at %" PRId64 " due %" PRId64 " cause %" PRId64
               " contact %u enrollment %u version %u flags %x node %u reason %u which %u goals %x visits %u"
               " pending %x failed %u value %.17g path",
               rank_of(ranks, row->seq), rank_of(ranks, row->prev), row->at_ms, row->due_ms,
               rank_of_cause(ranks, row->cause), row->contact, row->enrollment, row->version, row->flags,
               row->node, row->reason, row->which, row->goals, row->visits, row->pending, row->failed,
               row->value);
    for (uint16_t i = 0; i < row->path_count; i++)
        buf_printf(ranks->text, " %u/%u", row->path[i].node, row->path[i].outcome);
    if (row->detail.size) {
        struct hold hold;
        CHECK(hold_read(row->detail, &hold, NULL) == ERR_OK);
        hold.end_cause = rank_of_cause(ranks, hold.end_cause);
        hold.wait_cause = rank_of_cause(ranks, hold.wait_cause);
        hold_write(&hold, ranks->text);
    }
    buf_put_char(ranks->text, '\n');
}

static bool put_row(void *context, const struct store_row *row)
{
    if (row->event)
        put_event(context, row->event);
    else
        put_ledger(context, row->ledger);
    return true;
}

static bool put_effect(void *context, uint32_t partition, const struct effect_row *row)
{
    struct ranks *ranks = context;
    char key[EFFECT_KEY_BYTES];
    effect_key(partition, row, key);
    buf_printf(ranks->text,
               "effect %" PRIu64 " of %" PRIu64 " at %" PRId64
               " contact %u version %u kind %u key %s '%.*s' '%.*s'\n",
               rank_of(ranks, row->seq), rank_of(ranks, row->effect), row->at_ms, row->contact, row->version,
               row->kind, key, STR_ARG(row->destination_name), STR_ARG(row->operation));
    return true;
}

void ledger_text(struct buf *text, struct store *store)
{
    struct ranks ranks = {.text = text};
    CHECK(store_rows(store, 0, 0, UINT64_MAX, collect_row, &ranks, NULL) == ERR_OK);
    CHECK(store_effects(store, 0, collect_effect, &ranks, NULL) == ERR_OK);
    qsort(ranks.seqs.items, ranks.seqs.count, sizeof *ranks.seqs.items, compare_seqs);
    CHECK(store_rows(store, 0, 0, UINT64_MAX, put_row, &ranks, NULL) == ERR_OK);
    CHECK(store_effects(store, 0, put_effect, &ranks, NULL) == ERR_OK);
    array_free(&ranks.seqs);
    buf_put_char(text, '\0');
}

struct keys {
    ARRAY(struct stat_row) rows;
};

static bool collect_key(void *context, const struct stat_row *row)
{
    struct keys *keys = context;
    *array_push(&keys->rows) = *row;
    return true;
}

void figures_text(struct buf *text, struct store *store, const struct plan *plan, int64_t from_ms,
                  int64_t to_ms)
{
    struct keys keys = {0};
    for (uint16_t version = 0; version < plan_version_count(plan); version++)
        CHECK(store_stat_keys(store, 0, version, INT64_MAX, collect_key, &keys, NULL) == ERR_OK);
    array_each (&keys.rows, i) {
        struct stat_key key = keys.rows.items[i].key;
        buf_printf(text, "figure %u/%u/%u/%u", key.version, key.node, key.kind, key.outcome);
        for (int64_t quarter = from_ms / QUARTER_MS; quarter < to_ms / QUARTER_MS; quarter += 7) {
            struct stat_row row;
            CHECK(store_stat(store, 0, key, quarter, &row, NULL) == ERR_OK);
            buf_printf(text, " %" PRId64, row.total);
        }
        buf_printf(text, " %" PRId64 " %.17g\n", keys.rows.items[i].total, keys.rows.items[i].value);
    }
    array_free(&keys.rows);
    buf_put_char(text, '\0');
}
