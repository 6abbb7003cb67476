/* What the specification says must happen, computed the slow and obvious way: flat arrays, no batches, no
 * indexes, no due lists; every question about a contact walks all that it ever did. Written from spec/ alone
 * and sharing no code with the engine (base/ apart), so that the two agree only where both are right.
 *
 * It judges one contact after the other: contacts share nothing but the state of the journeys. One thread.
 *
 * Inputs are JSON, the form in which the simulator makes, shrinks and prints them (`at`, the event's own
 * time, may be left out: now; hold is `all` where none is named, the overdue policy `continue`):
 *     {"do":"track","contact":"ann","event":"Order","at":instant,"properties":{}}
 *     the same with "history":true: imported, it counts and moves nobody
 *     {"do":"identify","contact":"ann","attributes":{"plan":"pro","old":null}}
 *     {"do":"enroll","contact":"ann","journey":name,"properties":{}}
 * track and identify may have a "message": its second one within 24 hours is nothing.
 *     {"do":"answer","contact":"ann","journey":name,"fails":bool}
 *     {"do":"publish","journey":definition}
 *     {"do":"pause"|"resume"|"stop","journey":name,"hold":"all"|"entries"}
 * Destinations answer at once; `broken` gives up, and `slow` waits until it is told to answer. */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oracle;

/* One advance of one enrollment, from one rest to the next. */
struct oracle_fact {
    int64_t at_ms;
    uint32_t contact, journey; /* in order of creation and of publishing */
    uint32_t passage;          /* of this contact through this journey, from 1 */
    bool enters, leaves;
    const char *node;   /* where it rests now, or which it left the journey at */
    const char *reason; /* with leaves */
    int which;          /* the goal's or exit rule's number; -1 = neither */
    double value;       /* what the goal is worth */
    char *path;         /* "wait.next tier.others": each node left, with its outcome */
};

/* One destination of an activate node, handed over at at_ms. */
struct oracle_activation {
    int64_t at_ms;
    uint32_t contact, journey, passage;
    const char *node, *destination;
    uint32_t visit; /* the how-manieth node of the enrollment it is */
};

/* How an activation came to its end. */
struct oracle_ending {
    int64_t at_ms;
    size_t activation; /* its number */
    const char *end;   /* sent, failed, or cancelled as the contact left before */
};

struct oracle *oracle_new(void);
void oracle_free(struct oracle *oracle);

/* Everything due before now_ms happens, then the input is settled wholly. now_ms never falls, and does not
 * stand still after oracle_instant_over. */
void oracle_take(struct oracle *oracle, int64_t now_ms, json_t *input);
/* No more inputs of now_ms will come: everything due up to and including it happens. */
void oracle_instant_over(struct oracle *oracle, int64_t now_ms);

size_t oracle_contacts(const struct oracle *oracle);
const char *oracle_contact_id(const struct oracle *oracle, size_t contact);
json_t *oracle_contact_attributes(const struct oracle *oracle, size_t contact); /* borrowed */
size_t oracle_journeys(const struct oracle *oracle);
const char *oracle_journey_name(const struct oracle *oracle, size_t journey);
size_t oracle_facts(const struct oracle *oracle);
const struct oracle_fact *oracle_fact(const struct oracle *oracle,
                                      size_t fact); /* in the order in which they came */
size_t oracle_activations(const struct oracle *oracle);
const struct oracle_activation *oracle_activation(const struct oracle *oracle, size_t activation);
size_t oracle_endings(const struct oracle *oracle);
const struct oracle_ending *oracle_ending(const struct oracle *oracle, size_t ending);

/* An open enrollment. Instants that do not come are INT64_MAX. */
struct oracle_inside {
    uint32_t contact, journey, visits;
    const char *node;
    int64_t entered_ms, arrived_ms, due_ms, timeout_ms;
};
void oracle_each_inside(const struct oracle *oracle, void on(void *context, const struct oracle_inside *),
                        void *context);

/* The figures of spec/time-runs-stats.md §5, counting what happened up to and including until_ms (INT64_MAX =
 * all), as `sojourn replay --json` names them:
 * {"contacts","events","journeys":[{"name","version","qualified",…,"left":{},
 * "goals":{},"goal_values":{},"exit_rules":[],"nodes":{id:{}}}]}, zeros present. The caller owns it. */
json_t *oracle_figures(const struct oracle *oracle, int64_t until_ms);
/* The instants at which something of the figures happened, in the order in which it did. */
size_t oracle_marks(const struct oracle *oracle);
int64_t oracle_mark_ms(const struct oracle *oracle, size_t mark);

#endif
