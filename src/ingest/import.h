/* One file of records on its way into the partitions of a running crew: read row by row, judged, posted in
 * small chunks behind one another so that live records find room between them, counted when durable.
 *
 * Exactly once, whatever crashes: a row is known by its place in the file, and place + base is the number of
 * its input, which the partition keeps as the last one taken, in the very commit that takes it
 * (engine/input.h). A row whose place lies at or below the mark of its partition has been taken before. Bases
 * rise from file to file, so one file is imported at a time. */
#ifndef INGEST_IMPORT_H
#define INGEST_IMPORT_H
#include "ingest/rejects.h"
#include "partition/crew.h"

enum { IMPORT_REJECTS_MAX = 1000000 }; /* beyond, the file is none of this kind, and its reject file a copy */

/* By partition: rows up to this place have been taken. */
struct import_marks {
    uint64_t places[STORE_PARTITIONS];
};

/* What is durable of it, and what has been rejected so far. */
struct import_counts {
    uint64_t bytes; /* of the file as it is */
    uint64_t rows;  /* = taken + rejected + duplicates */
    uint64_t taken;
    uint64_t rejected;
    uint64_t duplicates; /* taken before: by an earlier import of the same bytes, or by their message ids */
};

struct import_options {
    struct crew *crew;
    struct control *control;
    int fd;           /* borrowed, like the name */
    const char *name; /* tells the format (rows.h) */
    enum segment_form form;
    bool live; /* events arrive now; else they are history: they count, let nobody in and move nobody */
    uint64_t base;
    struct import_marks before; /* of earlier imports of the same bytes */
    struct import_marks own;    /* of this one, before a restart */
    struct rejects *rejects;
    /* On the import's thread: whether to go on, asked between chunks; what is durable by now; a row that was
     * rejected. */
    bool (*go_on)(void *context);
    void (*on_counts)(void *context, const struct import_counts *counts);
    void (*on_reject)(void *context, const struct row *row);
    void *context;
};

/* Returns when all that it has posted is durable: ERR_OK at the file's end, ERR_REFUSED where go_on said no,
 * else what is wrong with the file or the disk. */
enum err import_run(const struct import_options *options, struct err_detail *detail);

/* The marks of an import that began with this base, by what the store has. */
enum err import_marks_read(struct store *store, uint64_t base, struct import_marks *ret,
                           struct err_detail *detail);
/* A base for a file of which nothing has been taken; nothing of another one may be on its way. */
enum err import_base(struct store *store, uint64_t *ret_base, struct err_detail *detail);

#endif
