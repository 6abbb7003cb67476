/* Growable arrays of any type, owned by whoever declares them:
 *     ARRAY(struct input) inputs = {0};
 *     *array_push(&inputs) = x;   array_each(&inputs, i) use(inputs.items[i]);   array_free(&inputs);
 * Out of memory ends the process: nothing above could go on without the item. */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define ARRAY(type)                                                                                          \
    struct {                                                                                                 \
        type *items;                                                                                         \
        size_t count;                                                                                        \
        size_t capacity;                                                                                     \
    }

void *array_grow(void *items, size_t *capacity, size_t wanted, size_t item_size);

#define array_reserve(a, wanted)                                                                             \
    ((void)((a)->capacity >= (wanted)                                                                        \
                ? 0                                                                                          \
                : ((a)->items = array_grow((a)->items, &(a)->capacity, (wanted), sizeof *(a)->items), 0)))
/* A pointer to a new last item; its bytes are not set. */
#define array_push(a)    (array_reserve((a), (a)->count + 1), &(a)->items[(a)->count++])
#define array_each(a, i) for (size_t i = 0; i < (a)->count; i++)
#define array_clear(a)   ((void)((a)->count = 0))
#define array_free(a)    (free((a)->items), (a)->items = NULL, (a)->count = 0, (a)->capacity = 0)

/* malloc, calloc that end the process when memory is gone. */
void *memory_take(size_t size) __attribute__((malloc, returns_nonnull));
void *memory_take_zeroed(size_t count, size_t size) __attribute__((malloc, returns_nonnull));

#endif
