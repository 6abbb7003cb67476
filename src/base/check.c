#include "base/check.h"

#include <inttypes.h>

static _Thread_local uint32_t context_partition = UINT32_MAX;
static _Thread_local uint64_t context_seq;

void check_context(uint32_t partition, uint64_t seq)
{
    context_partition = partition;
    context_seq = seq;
}

void check_fail(const char *expression, const char *file, int line, const char *function)
{
    fprintf(stderr, "sojourn: bug: CHECK(%s) failed in %s at %s:%d", expression, function, file, line);
    if (context_partition != UINT32_MAX)
        fprintf(stderr, " (partition %" PRIu32 ", seq %" PRIu64 ")", context_partition, context_seq);
    fprintf(stderr, "\n");
    abort();
}
