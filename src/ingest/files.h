/* Whole files of records, for replay and import: events as NDJSON in Segment's form or as CSV, contacts
 * likewise. Two passes: opening a file judges every line of it, so that nothing is taken from a file with a
 * bad one, and keeps 24 bytes a record; each record is then read again where it is wanted. A name ending in
 * .csv is CSV, .ndjson, .jsonl and .json are NDJSON; anything else goes by its first character.
 *
 * CSV of events: userId,event,timestamp[,messageId], every other column a property. CSV of contacts: userId,
 * every other column an attribute. A column is a string unless its name ends in `:number`, `:boolean`,
 * `:instant` or `:list` (items parted by `;`); an empty cell is absent. One thread. */
#ifndef INGEST_FILES_H
#define INGEST_FILES_H
#include "ingest/segment.h"

enum file_kind { FILE_EVENTS, FILE_CONTACTS };

struct file_entry {
    int64_t at_ms; /* 0 in a file of contacts */
    uint64_t offset;
    uint64_t size : 40;
    uint64_t spread : 24; /* of the contact's hash: file_partition */
};

struct file;

/* The first bad line ends it, with `events.ndjson:17: /timestamp` as its place. The path is borrowed. */
enum err file_open(const char *path, enum file_kind kind, struct file **ret, struct err_detail *detail);
void file_close(struct file *file);

/* Its records in order of time, those of one instant in the file's order; a record whose message id its
 * contact has sent before in this file is not among them. */
size_t file_count(const struct file *file);
const struct file_entry *file_entry_get(const struct file *file, size_t index);
static inline uint32_t file_partition(const struct file_entry *entry, uint32_t partitions)
{
    return (uint32_t)(entry->spread % partitions); /* as partition_of(hash, partitions) */
}
/* Reads it again. A record of contacts gets `contact_at_ms` as its time. What it points to lives in the
 * arena. Fails only where the file has been changed since it was opened. */
enum err file_record(struct file *file, const struct file_entry *entry, int64_t contact_at_ms,
                     struct binding *binding, struct arena *arena, struct record *ret,
                     struct err_detail *detail);

uint64_t file_duplicates(const struct file *file); /* records left out by their message id */
/* The first key of a record that Segment does not have, and its line; false where there is none. */
bool file_ignored_key(const struct file *file, struct str *ret_key, uint64_t *ret_line);
/* 128 bits of all its bytes, in hex. */
void file_digest(const struct file *file, char ret_hex[33]);

#endif
