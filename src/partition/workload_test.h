/* For tests: a random history of journeys, actions, records, answers and time that can be cut anywhere and
 * gone on with: the number of an operation is its input number, so a partition that was loaded says where it
 * stands. */
#ifndef PARTITION_WORKLOAD_TEST_H
#define PARTITION_WORKLOAD_TEST_H
#include "partition/world_test.h"

enum operation_kind {
    OPERATION_EVENT,
    OPERATION_TRAITS,
    OPERATION_RESULT,
    OPERATION_ENROLL,
    OPERATION_ACT,
    OPERATION_PUBLISH,
    OPERATION_TIME
};

struct operation {
    enum operation_kind kind;
    int64_t at_ms, own_ms;
    uint32_t contact;
    uint32_t which; /* event name, journey, definition */
    enum action_kind action;
    enum version_hold hold;
    uint8_t destination;
    bool failed, history;
    const char *json;
    bool appended;     /* ACT, PUBLISH: the log has it, or has refused it */
    uint64_t position; /* of the newest action up to here */
};

struct workload {
    ARRAY(struct operation) operations;
    struct arena arena;
};

/* `crowd` others come to be in the midst of it, so that its contacts stand in several blocks. */
void workload_make(struct workload *workload, uint64_t seed, uint32_t operations, uint32_t crowd);
/* Before another run of the same. */
void workload_rewind(struct workload *workload);
void workload_free(struct workload *workload);
/* Decides one operation; nothing is committed. An error of the store comes back: end this partition and load.
 */
enum err workload_run(struct workload *workload, struct world *w, size_t number);
/* The first operation that the loaded partition has to take again. */
size_t workload_next(const struct world *w);
int64_t workload_end(const struct workload *workload);

#endif
