/* Three places, from far to near:
 *
 *     hours[]   later hours, descending, so that the next one is the last: bare ids
 *     second[]  the opened hour: one bucket a second, a bit for each that is not empty
 *     now[]     the opened second, sorted, taken from `cursor` on; what is added to it is inserted in place
 */
#include "engine/timers.h"

#include "base/check.h"
#include "base/memory.h"

enum { SECONDS = 3600, WORDS = (SECONDS + 63) / 64 };

struct hour {
    int64_t number; /* since 1970 */
    ARRAY(uint32_t) ids;
};

struct timers {
    timers_refine *refine;
    void *context;
    ARRAY(struct hour) hours;
    int64_t hour;   /* the opened one */
    int64_t second; /* the opened one, since 1970 */
    ARRAY(struct timer) seconds[SECONDS];
    uint64_t used[WORDS];
    ARRAY(struct timer) now;
    size_t cursor;
};

struct timers *timers_new(timers_refine *refine, void *context)
{
    struct timers *timers = memory_take_zeroed(1, sizeof *timers);
    timers->refine = refine;
    timers->context = context;
    timers->hour = INT64_MIN;
    timers->second = INT64_MIN;
    return timers;
}

void timers_free(struct timers *timers)
{
    if (!timers)
        return;
    array_each (&timers->hours, i)
        array_free(&timers->hours.items[i].ids);
    array_free(&timers->hours);
    for (size_t i = 0; i < SECONDS; i++)
        array_free(&timers->seconds[i]);
    array_free(&timers->now);
    free(timers);
}

uint64_t timers_bytes(const struct timers *timers)
{
    uint64_t bytes = sizeof *timers + array_bytes(&timers->hours) + array_bytes(&timers->now);
    array_each (&timers->hours, i)
        bytes += timers->hours.items[i].ids.count * sizeof(uint32_t); /* what is behind was never written */
    for (size_t i = 0; i < SECONDS; i++)
        bytes += array_bytes(&timers->seconds[i]);
    return bytes;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

void timers_start(struct timers *timers, int64_t now_ms)
{
    CHECK(timers->hour == INT64_MIN && timers->hours.count == 0);
    timers->hour = floor_div(now_ms, HOUR_MS);
    timers->second = floor_div(now_ms, SECOND_MS) - 1;
}

static int timer_compare(const void *left, const void *right)
{
    const struct timer *a = left, *b = right;
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static void add_to_now(struct timers *timers, struct timer timer)
{
    size_t low = timers->cursor, high = timers->now.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (timer_compare(&timers->now.items[middle], &timer) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    (void)array_push(&timers->now);
    memmove(timers->now.items + low + 1, timers->now.items + low,
            (timers->now.count - 1 - low) * sizeof(struct timer));
    timers->now.items[low] = timer;
}

/* hours[] descends: finds the hour or makes it in its place. */
static struct hour *hour_of(struct timers *timers, int64_t number)
{
    size_t low = 0, high = timers->hours.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (timers->hours.items[middle].number > number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < timers->hours.count && timers->hours.items[low].number == number)
        return &timers->hours.items[low];
    (void)array_push(&timers->hours);
    memmove(timers->hours.items + low + 1, timers->hours.items + low,
            (timers->hours.count - 1 - low) * sizeof(struct hour));
    timers->hours.items[low] = (struct hour){.number = number};
    return &timers->hours.items[low];
}

void timers_add(struct timers *timers, struct timer timer)
{
    int64_t second = floor_div(timer.due_ms, SECOND_MS);
    int64_t hour = floor_div(timer.due_ms, HOUR_MS);
    if (second <= timers->second) {
        add_to_now(timers, timer);
    } else if (hour <= timers->hour) {
        size_t slot = (size_t)(second - timers->hour * SECONDS);
        CHECK(slot < SECONDS);
        *array_push(&timers->seconds[slot]) = timer;
        timers->used[slot / 64] |= UINT64_C(1) << (slot % 64);
    } else {
        *array_push(&hour_of(timers, hour)->ids) = timer.id;
    }
}

/* The first used second of the opened hour; SECONDS = none. */
static size_t next_slot(const struct timers *timers)
{
    for (size_t word = 0; word < WORDS; word++) {
        if (timers->used[word])
            return word * 64 + (size_t)__builtin_ctzll(timers->used[word]);
    }
    return SECONDS;
}

static void open_second(struct timers *timers, size_t slot)
{
    array_clear(&timers->now);
    timers->cursor = 0;
    array_reserve(&timers->now, timers->seconds[slot].count);
    memcpy(timers->now.items, timers->seconds[slot].items,
           timers->seconds[slot].count * sizeof(struct timer));
    timers->now.count = timers->seconds[slot].count;
    if (timers->seconds[slot].capacity > 1024)
        array_free(&timers->seconds[slot]);
    array_clear(&timers->seconds[slot]);
    timers->used[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
    timers->second = timers->hour * SECONDS + (int64_t)slot;
    qsort(timers->now.items, timers->now.count, sizeof(struct timer), timer_compare);
}

static void open_hour(struct timers *timers)
{
    struct hour hour = timers->hours.items[--timers->hours.count];
    timers->hour = hour.number;
    if (timers->second < hour.number * SECONDS - 1)
        timers->second = hour.number * SECONDS - 1;
    array_clear(&timers->now);
    timers->cursor = 0;
    int64_t from = hour.number * HOUR_MS;
    array_each (&hour.ids, i)
        timers->refine(timers->context, hour.ids.items[i], from, from + HOUR_MS);
    array_free(&hour.ids);
}

bool timers_take(struct timers *timers, int64_t until_ms, struct timer *ret)
{
    for (;;) {
        if (timers->cursor < timers->now.count) {
            struct timer first = timers->now.items[timers->cursor];
            if (first.due_ms > until_ms)
                return false;
            do
                timers->cursor++;
            while (timers->cursor < timers->now.count &&
                   timer_compare(&timers->now.items[timers->cursor], &first) == 0);
            *ret = first;
            return true;
        }
        int64_t next_ms = timers_next(timers);
        if (next_ms == INSTANT_NEVER || next_ms > until_ms)
            return false;
        size_t slot = next_slot(timers);
        if (slot < SECONDS)
            open_second(timers, slot);
        else
            open_hour(timers);
    }
}

int64_t timers_next(const struct timers *timers)
{
    if (timers->cursor < timers->now.count)
        return timers->now.items[timers->cursor].due_ms;
    size_t slot = next_slot(timers);
    if (slot < SECONDS)
        return (timers->hour * SECONDS + (int64_t)slot) * SECOND_MS;
    if (timers->hours.count)
        return timers->hours.items[timers->hours.count - 1].number * HOUR_MS;
    return INSTANT_NEVER;
}
