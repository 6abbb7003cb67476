/* Imports as entries of the control log, written and read again. */
#ifndef INGEST_IMPORTS_LOG_H
#define INGEST_IMPORTS_LOG_H
#include "base/array.h"
#include "ingest/imports.h"

/* A job as its owner knows it. */
struct import_entry {
    struct import_job job;
    bool begun;
    char digest[33];
    uint64_t base;             /* where it has begun */
    struct import_marks marks; /* where it has ended without being done: what has been taken of its bytes */
};
typedef ARRAY(struct import_entry *) import_entries;

/* Each appends under crew_control_write, once however often it is tried. */
enum err imports_log_accepted(const struct imports_options *options, const struct import_entry *entry,
                              struct err_detail *detail);
enum err imports_log_begun(const struct imports_options *options, const struct import_entry *entry,
                           struct err_detail *detail);
enum err imports_log_ended(const struct imports_options *options, const struct import_entry *entry,
                           struct err_detail *detail);

/* What the log holds, by id; the caller frees the entries. ERR_CORRUPT where an entry cannot be understood.
 */
enum err imports_log_read(const struct control *control, import_entries *ret, struct err_detail *detail);

#endif
