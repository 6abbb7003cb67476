/* 1,024 small tables, chosen by the upper 10 bits of a hash; each is open addressing over 8-byte slots:
 *
 *     slot = lower 54 bits of the hash | number of the generation (10 bits, 1 … 1,023; a slot of 0 is free)
 *
 * The upper bits need not be kept, the table stands for them: all 64 are compared. Ids are not removed one by
 * one: the numbers of the generations that are alive are consecutive, so a slot tells by itself whether it
 * still counts. A dead one is written over when a probe passes it, or left out when its table is made anew.
 * Numbers go round: with every new generation two tables are made anew without their dead, so that all have
 * been after 512, long before a number comes again. */
#include "partition/dedupe.h"

#include "base/array.h"
#include "base/check.h"

enum {
    TABLE_BITS = 10,
    TABLES = 1 << TABLE_BITS,
    GENERATION_BITS = 10,
    NUMBERS = (1 << GENERATION_BITS) - 1,
    SHARES = 32,    /* generations that `ids_max` fills */
    ALIVE_MAX = 80, /* more than those of a window by time and those by count */
    SWEEPS = 2
};
#define KEY_BITS (64 - TABLE_BITS)
#define KEY_MASK ((UINT64_C(1) << KEY_BITS) - 1)

struct table {
    uint64_t *slots;
    uint32_t capacity, used; /* used: alive and dead */
};

struct generation {
    int64_t step, last_ms; /* which step of time it is of; when its newest id was received */
    uint32_t count;
};

struct dedupe {
    uint32_t ids_max, generation_max;
    uint64_t count; /* of all that are alive */
    uint32_t newest, alive;
    uint32_t swept; /* tables, since the beginning */
    int64_t lost_ms;
    struct generation generations[NUMBERS + 1]; /* by number */
    struct table tables[TABLES];
};

struct dedupe *dedupe_new(uint32_t ids_max)
{
    struct dedupe *d = memory_take_zeroed(1, sizeof *d);
    d->ids_max = ids_max;
    d->generation_max = (uint32_t)(((uint64_t)ids_max + SHARES - 1) / SHARES);
    d->lost_ms = INT64_MIN;
    CHECK(ids_max > 0);
    return d;
}

void dedupe_free(struct dedupe *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < TABLES; i++)
        free(d->tables[i].slots);
    free(d);
}

/* ── tables ───────────────────────────────────────────────────────────────── */

static bool is_alive(const struct dedupe *d, uint64_t slot)
{
    uint32_t number = (uint32_t)slot & NUMBERS;
    uint32_t age = d->newest >= number ? d->newest - number : d->newest + NUMBERS - number;
    return age < d->alive;
}

static uint32_t home_of(const struct table *table, uint64_t key)
{
    return (uint32_t)(((key >> (KEY_BITS - 32)) * table->capacity) >> 32);
}

static uint32_t next_of(const struct table *table, uint32_t at)
{
    return at + 1 == table->capacity ? 0 : at + 1;
}

/* Without its dead, and with room for some more. */
static void make_anew(const struct dedupe *d, struct table *table)
{
    struct table anew = {0};
    for (uint32_t i = 0; i < table->capacity; i++)
        anew.used += table->slots[i] && is_alive(d, table->slots[i]);
    anew.capacity = anew.used + anew.used / 5 * 3 + 8;
    anew.slots = memory_take_zeroed(anew.capacity, sizeof *anew.slots);
    for (uint32_t i = 0; i < table->capacity; i++) {
        uint64_t slot = table->slots[i];
        if (!slot || !is_alive(d, slot))
            continue;
        uint32_t at = home_of(&anew, slot >> GENERATION_BITS);
        while (anew.slots[at])
            at = next_of(&anew, at);
        anew.slots[at] = slot;
    }
    free(table->slots);
    *table = anew;
}

/* False where the key is there and alive. */
static bool put(const struct dedupe *d, struct table *table, uint64_t key)
{
    if (table->used >= table->capacity / 5 * 4)
        make_anew(d, table);
    uint32_t at = home_of(table, key), to = UINT32_MAX;
    for (; table->slots[at]; at = next_of(table, at)) {
        bool alive = is_alive(d, table->slots[at]);
        if (alive && table->slots[at] >> GENERATION_BITS == key)
            return false;
        if (!alive && to == UINT32_MAX)
            to = at;
    }
    if (to == UINT32_MAX) {
        to = at;
        table->used++;
    }
    table->slots[to] = key << GENERATION_BITS | d->newest;
    return true;
}

static struct table *table_of(struct dedupe *d, uint64_t message)
{
    return &d->tables[message >> KEY_BITS];
}

/* ── generations ──────────────────────────────────────────────────────────── */

static struct generation *oldest_of(struct dedupe *d)
{
    uint32_t back = d->alive - 1;
    return &d->generations[d->newest > back ? d->newest - back : d->newest + NUMBERS - back];
}

static void drop_oldest(struct dedupe *d)
{
    d->count -= oldest_of(d)->count;
    d->alive--;
}

static void open_generation(struct dedupe *d, int64_t step, int64_t now_ms)
{
    d->newest = d->newest % NUMBERS + 1;
    d->generations[d->newest] = (struct generation){.step = step, .last_ms = now_ms};
    d->alive++;
    CHECK(d->alive < ALIVE_MAX);
    for (int i = 0; i < SWEEPS; i++) {
        struct table *table = &d->tables[d->swept++ % TABLES];
        if (table->used)
            make_anew(d, table);
    }
}

static void make_ready(struct dedupe *d, int64_t now_ms)
{
    while (d->alive && oldest_of(d)->last_ms < now_ms - DEDUPE_WINDOW_MS)
        drop_oldest(d);
    while (d->count >= d->ids_max) {
        dedupe_lost_until(d, oldest_of(d)->last_ms);
        drop_oldest(d);
    }
    int64_t step = now_ms / DEDUPE_STEP_MS;
    const struct generation *newest = &d->generations[d->newest];
    if (d->alive == 0 || newest->step != step || newest->count >= d->generation_max)
        open_generation(d, step, now_ms);
}

bool dedupe_add(struct dedupe *d, uint64_t message, int64_t now_ms)
{
    make_ready(d, now_ms);
    if (!put(d, table_of(d, message), message & KEY_MASK))
        return false;
    struct generation *generation = &d->generations[d->newest];
    generation->last_ms = now_ms;
    generation->count++;
    d->count++;
    return true;
}

void dedupe_prefetch(const struct dedupe *d, uint64_t message)
{
    const struct table *table = &d->tables[message >> KEY_BITS];
    if (table->slots)
        __builtin_prefetch(&table->slots[home_of(table, message & KEY_MASK)]);
}

uint64_t dedupe_count(const struct dedupe *d)
{
    return d->count;
}

int64_t dedupe_lost_ms(const struct dedupe *d)
{
    return d->lost_ms;
}

void dedupe_lost_until(struct dedupe *d, int64_t ms)
{
    if (ms > d->lost_ms)
        d->lost_ms = ms;
}

size_t dedupe_bytes(const struct dedupe *d)
{
    size_t bytes = sizeof *d;
    for (size_t i = 0; i < TABLES; i++)
        bytes += d->tables[i].capacity * sizeof *d->tables[i].slots;
    return bytes;
}
