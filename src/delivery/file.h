/* The destination `file`: NDJSON, one line an activation,
 *
 *     {"key":"3-17-2-1-0","destination":"crm","operation":"add","journey":"Cart rescue","version":1,
 *      "node":"call","contact":"c-204","attributes":{"plan":"pro"},"at":"2026-01-31T10:00:00Z"}
 *
 * in this order, `attributes` only where the contact has any, `at` the moment the contact reached the node.
 *
 * - A line is there when it is whole, JSON and on disk: a group of lines is written, then synced once, before
 *   any of them counts as sent. The directory is synced when the file is opened.
 * - The file belongs to the destination alone and is locked (flock). Opening it takes out what a crash left
 *   behind of the last group that was not synced: a torn line, a hole. Whoever wants to take the file away
 *   renames it: the next group begins a new one. A file that was cut or written to by others is looked over
 *   again before the next group.
 * - With a root, the directory that the file is in must lie inside it when links are looked through, and the
 *   file must be no link itself.
 * - Keys that it has are found by reading it once from the beginning, so only lines that are still there
 *   count. */
#ifndef DELIVERY_FILE_H
#define DELIVERY_FILE_H
#include "delivery/destination.h"

enum {
    FILE_LINE_BYTES_MAX = 8 << 20,     /* a longer activation fails: readers must be able to hold a line */
    FILE_UNSYNCED_BYTES_MAX = 1 << 20, /* written between two syncs, or one line: what opening looks over */
};

extern const struct str file_settings[];
enum err file_parse(const json_t *json, struct arena *arena, struct destination_settings *ret,
                    struct err_detail *detail);
enum err file_place(struct destination_settings *settings, const struct destination_places *places,
                    struct arena *arena, struct err_detail *detail);
struct destination *file_new(const struct destination_settings *settings);

#endif
