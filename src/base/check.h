/* CHECK states what only a bug of ours could break. It is always on: a process that has lost an invariant
 * must not write another row. Input is validated through err.h, never by CHECK. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H
#include <stdint.h>

#define CHECK(x)                                                                                             \
    do {                                                                                                     \
        if (__builtin_expect(!(x), 0))                                                                       \
            check_fail(#x, __FILE__, __LINE__, __func__);                                                    \
    } while (0)

/* Prints the expression, the place and the thread's context to stderr, then aborts. */
void check_fail(const char *expression, const char *file, int line, const char *function)
    __attribute__((noreturn, cold));

/* Names what this thread works on, for the message: the partition and the sequence number it stands at. */
void check_context(uint32_t partition, uint64_t seq);

#endif
