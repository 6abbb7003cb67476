#include "engine/totals.h"

#include "base/check.h"
#include "base/memory.h"

/* A version's totals: the kinds of the journey itself, then for each node its own. Goals and exits of a node
 * are kept apart so that `goals{name}` and `exit_rules[]` can stand beside `left`. */
enum {
    JOURNEY_KINDS = STAT_CARRIED_IN + 1,
    PER_NODE_FIXED = 1 + 2 * LEAVE_REASONS + DEFINITION_GOALS_MAX + DEFINITION_EXITS_MAX + EFFECT_KINDS,
};

static size_t node_size(const struct totals_version *v)
{
    return (size_t)PER_NODE_FIXED + v->outcomes;
}

static size_t version_size(const struct totals_version *v)
{
    return JOURNEY_KINDS + v->nodes * node_size(v);
}

/* Where a key stands within a node's part: an offset and how many outcomes the kind has there. */
static bool place_in_node(const struct totals_version *v, uint8_t kind, size_t *ret_offset, size_t *ret_count)
{
    static const uint8_t order[] = {STAT_NODE_ENTERED, STAT_LEFT,   STAT_LEFT_BEFORE, STAT_GOAL,
                                    STAT_EXIT,         STAT_EFFECT, STAT_MOVED};
    const size_t counts[] = {
        1,          LEAVE_REASONS, LEAVE_REASONS, DEFINITION_GOALS_MAX, DEFINITION_EXITS_MAX, EFFECT_KINDS,
        v->outcomes};
    size_t offset = 0;
    for (size_t i = 0; i < sizeof order; i++) {
        if (order[i] == kind) {
            *ret_offset = offset;
            *ret_count = counts[i];
            return true;
        }
        offset += counts[i];
    }
    return false;
}

static struct total *find(const struct totals *totals, struct stat_key key)
{
    if (key.version >= totals->versions.count || !totals->versions.items[key.version].items)
        return NULL;
    const struct totals_version *v = &totals->versions.items[key.version];
    if (key.node == STAT_JOURNEY)
        return key.kind < JOURNEY_KINDS && key.outcome == 0 ? &v->items[key.kind] : NULL;
    size_t offset, count;
    if (key.node >= v->nodes || !place_in_node(v, key.kind, &offset, &count) || key.outcome >= count)
        return NULL;
    return &v->items[JOURNEY_KINDS + key.node * node_size(v) + offset + key.outcome];
}

/* Adding nothing makes the total dirty all the same. */
static void add(struct totals *totals, struct stat_key key, int64_t count, double value)
{
    struct total *total = find(totals, key);
    CHECK(total);
    total->count += count;
    total->value += value;
    if (!total->dirty)
        *array_push(&totals->dirty) = key;
    total->dirty = true;
}

void totals_add_version(struct totals *totals, const struct plan_version *version)
{
    while (totals->versions.count <= version->number)
        *array_push(&totals->versions) = (struct totals_version){0};
    struct totals_version *v = &totals->versions.items[version->number];
    if (v->items)
        return;
    v->nodes = version->definition->node_count;
    for (uint16_t n = 0; n < v->nodes; n++) {
        if (version->definition->nodes[n].outcome_count > v->outcomes)
            v->outcomes = version->definition->nodes[n].outcome_count;
    }
    v->items = memory_take_zeroed(version_size(v), sizeof *v->items);
}

static void count_arrivals(struct totals *totals, const struct ledger_row *row)
{
    struct stat_key key = {.version = row->version, .kind = STAT_NODE_ENTERED};
    bool first_too = row->flags & (LEDGER_ENTERS | LEDGER_OFF_EDGE);
    for (uint16_t i = 0; i <= row->path_count; i++) {
        bool is_last = i == row->path_count;
        if ((i == 0 && !first_too) || (is_last && row->flags & LEDGER_BEFORE))
            continue;
        key.node = is_last ? row->node : row->path[i].node;
        add(totals, key, 1, 0);
    }
}

static void count_leaving(struct totals *totals, const struct ledger_row *row)
{
    struct stat_key key = {.version = row->version, .node = row->node, .outcome = row->reason};
    key.kind = row->flags & LEDGER_BEFORE ? STAT_LEFT_BEFORE : STAT_LEFT;
    add(totals, key, 1, 0);
    if (row->reason == LEAVE_GOAL || row->reason == LEAVE_EXIT_RULE) {
        key.kind = row->reason == LEAVE_GOAL ? STAT_GOAL : STAT_EXIT;
        key.outcome = row->which;
        add(totals, key, 1, row->value);
    }
    if (row->pending) {
        key.kind = STAT_EFFECT;
        key.outcome = EFFECT_CANCELLED;
        add(totals, key, __builtin_popcount(row->pending), 0);
    }
}

void totals_count(struct totals *totals, const struct ledger_row *row)
{
    if (row->flags & LEDGER_CONTROL)
        return;
    struct stat_key key = {.version = row->version};
    if (row->flags & LEDGER_ENTERS) {
        key.node = STAT_JOURNEY;
        key.kind = STAT_QUALIFIED;
        add(totals, key, 1, 0);
        key.kind = STAT_ENTERED;
        add(totals, key, 1, 0);
    }
    key.kind = STAT_MOVED;
    for (uint16_t i = 0; i < row->path_count; i++) {
        key.node = row->path[i].node;
        key.outcome = row->path[i].outcome;
        add(totals, key, 1, 0);
    }
    count_arrivals(totals, row);
    if (row->flags & LEDGER_LEAVES)
        count_leaving(totals, row);
}

struct stat_row totals_get(const struct totals *totals, struct stat_key key)
{
    const struct total *total = find(totals, key);
    return (struct stat_row){.key = key,
                             .quarter = totals->quarter,
                             .total = total ? total->count : 0,
                             .value = total ? total->value : 0};
}

void totals_write(struct totals *totals, bool ended, struct batch *batch)
{
    array_each (&totals->dirty, i) {
        *array_push(&batch->stats) = totals_get(totals, totals->dirty.items[i]);
        find(totals, totals->dirty.items[i])->dirty = !ended;
    }
    if (ended)
        array_clear(&totals->dirty);
}

int64_t totals_quarter(int64_t ms)
{
    return ms / QUARTER_MS - (ms % QUARTER_MS < 0);
}

void totals_turn(struct totals *totals, int64_t ms)
{
    int64_t quarter = totals_quarter(ms);
    if (quarter == totals->quarter)
        return;
    array_each (&totals->dirty, i)
        find(totals, totals->dirty.items[i])->dirty = false;
    array_clear(&totals->dirty);
    totals->quarter = quarter;
}

void totals_encode(const struct totals *totals, struct buf *out)
{
    buf_put_zigzag(out, totals->quarter);
    buf_put_varint(out, totals->events);
    buf_put_varint(out, totals->versions.count);
    array_each (&totals->versions, number) {
        const struct totals_version *v = &totals->versions.items[number];
        size_t size = v->items ? version_size(v) : 0;
        buf_put_varint(out, size);
        for (size_t i = 0; i < size; i++) {
            buf_put_varint(out, (uint64_t)v->items[i].count);
            buf_put(out, &v->items[i].value, sizeof v->items[i].value);
        }
    }
    buf_put_varint(out, totals->dirty.count);
    array_each (&totals->dirty, i) {
        const struct stat_key *key = &totals->dirty.items[i];
        buf_put_varint(out, key->version);
        buf_put(out, (const uint8_t[]){key->node, key->kind, key->outcome}, 3);
    }
}

static void decode_dirty(struct totals *totals, struct reader *r)
{
    uint64_t count = reader_varint(r);
    for (uint64_t i = 0; i < count && !r->failed; i++) {
        uint64_t version = reader_varint(r);
        struct str rest = reader_bytes(r, 3);
        if (r->failed)
            return;
        struct stat_key key = {(uint16_t)version, (uint8_t)rest.data[0], (uint8_t)rest.data[1],
                               (uint8_t)rest.data[2]};
        if (find(totals, key))
            add(totals, key, 0, 0);
        else
            r->failed = true;
    }
}

enum err totals_decode(struct totals *totals, struct reader *r, struct err_detail *detail)
{
    totals->quarter = reader_zigzag(r);
    totals->events = reader_varint(r);
    uint64_t versions = reader_varint(r);
    for (uint64_t number = 0; number < versions && !r->failed; number++) {
        uint64_t size = reader_varint(r);
        if (size == 0)
            continue;
        if (number >= totals->versions.count || size != version_size(&totals->versions.items[number]))
            return err_fail(detail, ERR_CORRUPT, "", "the totals block does not fit the published versions");
        struct totals_version *v = &totals->versions.items[number];
        for (uint64_t i = 0; i < size; i++) {
            v->items[i].count = (int64_t)reader_varint(r);
            struct str value = reader_bytes(r, sizeof v->items[i].value);
            if (value.size)
                memcpy(&v->items[i].value, value.data, value.size);
        }
    }
    decode_dirty(totals, r);
    return r->failed ? err_fail(detail, ERR_CORRUPT, "", "the totals block ends too early") : ERR_OK;
}

uint64_t totals_bytes(const struct totals *totals)
{
    uint64_t bytes = array_bytes(&totals->versions) + array_bytes(&totals->dirty);
    array_each (&totals->versions, i) {
        const struct totals_version *version = &totals->versions.items[i];
        bytes += version_size(version) * sizeof *version->items;
    }
    return bytes;
}

void totals_deinit(struct totals *totals)
{
    array_each (&totals->versions, i)
        free(totals->versions.items[i].items);
    array_free(&totals->versions);
    array_free(&totals->dirty);
}
