/* A contact's history as the store has it, to tell stories from: its rows back from the head that its
 * partition knew at one moment, and what caused those of them that no row of its own caused. */
#ifndef TRACE_CHAIN_H
#define TRACE_CHAIN_H
#include "partition/partition.h"

enum { TRACE_ROWS_ALL = UINT32_MAX };

/* Where the contact stands in one journey. */
struct trace_standing {
    bool inside, left; /* left: it was inside before */
    struct enrollment_view now;
};

/* What its partition knows, all of one moment: `head` is its newest row then. */
struct trace_contact {
    uint32_t partition;
    struct contact_id id;
    uint64_t head;
    uint16_t journey_count;
    struct trace_standing *journeys; /* in the arena */
};

/* Where the engine may be looked at: on the partition's own thread. Costs a look-up a journey. */
void trace_look(const struct partition *partition, const struct plan *plan, struct contact_id id,
                struct arena *arena, struct trace_contact *ret);

struct trace_chain {
    ARRAY(struct event_row) events; /* oldest first, like the ledger's */
    ARRAY(struct ledger_row) ledger;
    ARRAY(struct event_row) causes; /* events older than the chain's first row that caused one of it */
    ARRAY(struct effect_row) answers;
    bool truncated;   /* there are older rows, which were not read */
    int64_t since_ms; /* where truncated: when the oldest row here happened */
};

/* Reads the newest `rows_max` rows at most; what retention has removed is as if beyond them. Blocks on the
 * store: 11 us a row. Bytes live in the arena; free the chain in either case. */
enum err trace_chain_read(struct store *store, const struct trace_contact *contact, uint32_t rows_max,
                          struct arena *arena, struct trace_chain *ret, struct err_detail *detail);
void trace_chain_free(struct trace_chain *chain);

const struct event_row *trace_chain_event(const struct trace_chain *chain, uint64_t seq);
const struct effect_row *trace_chain_answer(const struct trace_chain *chain, uint64_t seq);

#endif
