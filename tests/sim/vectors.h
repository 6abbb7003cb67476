/* Worked examples of the specification (vectors.txt): what is put in, and the facts a person worked out on
 * paper. The oracle is held against them by its test, the engine by the simulator.
 *
 *     vector a sentence that says what holds
 *       journey {definition, over as many lines as it likes}
 *       at 30m
 *         publish J
 *         pause J
 *         pause J entries
 *         resume J
 *         stop J
 *         ann Order {"total":5} @20m
 *         ann did Order {"total":5} @20m
 *         ann asks J
 *         ann is {"plan":"pro"}
 *       expect
 *         30m ann J#1 enters, wait.next rests at mail
 *         30m ann J#1 activates crm by call, visit 2
 *         30m ann J#1 sent crm by call, visit 2
 *
 * Instants are counted from 2026-01-01T00:00:00Z; 1d+1ms is one too. `ann Order` is an event with properties
 * and its own time (both may be left out), `did` the same imported, `asks` a call of the API, `is`
 * attributes. What is expected stands by contact, then in the order in which it comes. An `at` is an instant
 * settled whole: its timers fire before the next line. */
#ifndef SIM_VECTORS_H
#define SIM_VECTORS_H
#include <jansson.h>

#include "base/array.h"

struct vector {
    char *name;
    json_t *scenario; /* scenario.h */
    char *expected;   /* lines */
};

struct vectors {
    ARRAY(struct vector) items;
};

/* Ends the process with file and line where the file makes no sense: it is ours. */
void vectors_load(const char *path, struct vectors *ret);
void vectors_free(struct vectors *vectors);

#endif
