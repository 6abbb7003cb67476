/* The tables of the memory store: what is committed, by partition. One owner, no locks of its own; every
 * string is a copy that lives as long as the tables. */
#ifndef STORE_MEMORY_TABLES_H
#define STORE_MEMORY_TABLES_H
#include "store/fence.h"
#include "store/store.h"

struct stat_series { /* one key's rows, by quarter */
    struct stat_key key;
    ARRAY(struct stat_row) rows;
};

struct partition_tables {
    struct fence fence;
    ARRAY(struct event_row) events;  /* by seq */
    ARRAY(struct ledger_row) ledger; /* by seq */
    ARRAY(struct stat_series) stats; /* by (version, node, kind, outcome) */
    ARRAY(struct block) blocks;      /* by (kind, number); bodies are on the heap */
};

struct effect_of {
    uint32_t partition;
    struct effect_row row;
};

struct tables {
    struct partition_tables *partitions;
    uint32_t count;
    ARRAY(struct effect_of) effects; /* by seq */
    ARRAY(struct control_entry) control;
    struct arena bytes;
};

void tables_init(struct tables *tables, uint32_t partitions);
void tables_deinit(struct tables *tables);

void tables_put_batch(struct tables *tables, const struct batch *batch);
void tables_put_effect(struct tables *tables, uint32_t partition, const struct effect_row *row);
void tables_put_control(struct tables *tables, const struct control_entry *entry);
uint64_t tables_seq_max(const struct tables *tables);

/* Index of the first row with seq > `after`. */
size_t tables_event_after(const struct partition_tables *tables, uint64_t after);
size_t tables_ledger_after(const struct partition_tables *tables, uint64_t after);
size_t tables_effect_after(const struct tables *tables, uint64_t after);
/* NULL where the key has no row. */
const struct stat_series *tables_series(const struct partition_tables *tables, struct stat_key key);
/* Order of (version, node, kind, outcome): <0, 0, >0. */
int stat_key_compare(struct stat_key a, struct stat_key b);

#endif
