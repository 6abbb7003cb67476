/* What an id costs: new ones, one after the other, into 16 sets in turns as partitions have them, and known
 * ones asked again; with so many that no cache holds them. The longest single call shows that growing does
 * not pause. */
#include <stdio.h>
#include <time.h>

#include "base/prng.h"
#include "partition/dedupe.h"

enum { SETS = 16, IDS = 16 << 20, AHEAD = 8 };

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t id_of(uint64_t n)
{
    return prng_next(&(struct prng){n});
}

/* ns an id; `ret_known` = how many were known. */
static double pass(struct dedupe **sets, uint64_t *ret_known)
{
    int64_t from_ns = now_ns();
    for (uint64_t n = 0; n < IDS; n++) {
        dedupe_prefetch(sets[(n + AHEAD) % SETS], id_of(n + AHEAD));
        *ret_known += !dedupe_add(sets[n % SETS], id_of(n), (int64_t)n / 1000);
    }
    return (double)(now_ns() - from_ns) / IDS;
}

static int64_t longest_call(struct dedupe **sets, uint64_t from)
{
    int64_t longest_ns = 0;
    for (uint64_t n = from; n < from + IDS / 4; n++) {
        int64_t from_ns = now_ns();
        dedupe_add(sets[n % SETS], id_of(n), IDS / 1000);
        int64_t ns = now_ns() - from_ns;
        longest_ns = ns > longest_ns ? ns : longest_ns;
    }
    return longest_ns;
}

int main(void)
{
    struct dedupe *sets[SETS];
    uint64_t known = 0, count = 0;
    size_t bytes = 0;
    for (int i = 0; i < SETS; i++)
        sets[i] = dedupe_new((64 << 20) / SETS);
    double new_ns = pass(sets, &known), known_ns = pass(sets, &known);
    for (int i = 0; i < SETS; i++) {
        bytes += dedupe_bytes(sets[i]);
        count += dedupe_count(sets[i]);
    }
    printf("%d ids: %.0f ns a new one, %.0f ns a known one (%llu known), %.1f bytes an id\n", IDS, new_ns,
           known_ns, (unsigned long long)known, (double)bytes / (double)count);
    printf("the longest call: %lld us\n", (long long)longest_call(sets, IDS) / 1000);
    for (int i = 0; i < SETS; i++)
        dedupe_free(sets[i]);
    return 0;
}
