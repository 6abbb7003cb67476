/* A disk that loses power, under the real store: an SQLite VFS that passes everything on to real files and
 * keeps apart, for each file, what was synced and what was written since. At a chosen operation the power
 * goes: every later write fails. What a disk may then hold is made out of that record, and no more is
 * promised than a disk promises:
 *
 * - each sector of 512 bytes is, on its own, as old as the last sync or as new as any write since;
 * - a file's size is any that it had since its last sync; what was never written reads as zeros or as noise;
 * - a truncation happened or not, and with it all that was written after it;
 * - a name made or removed since the directory was last synced (SQLite does so with a new journal or WAL) is
 * there or not. */
#ifndef CRASH_POWERCUT_VFS_H
#define CRASH_POWERCUT_VFS_H
#include <stdbool.h>
#include <stdint.h>

#define POWERCUT_VFS "powercut"

enum powercut_op { POWERCUT_WRITE, POWERCUT_TRUNCATE, POWERCUT_SYNC, POWERCUT_DELETE, POWERCUT_NONE };

/* Registers the VFS; one process, one disk. */
void powercut_register(void);

/* A new disk, with nothing on it. With `ignore_syncs` a sync keeps nothing safe, as with synchronous=OFF. */
void powercut_begin(uint64_t seed, bool ignore_syncs);
/* The power goes now, if it has not. */
void powercut_cut(void);
bool powercut_is_cut(void);

/* The disk is full: no write may make its files larger than this together. UINT64_MAX = there is room. */
void powercut_set_room(uint64_t bytes);
/* What the files take now. */
uint64_t powercut_used(void);

struct powercut_report {
    enum powercut_op at; /* POWERCUT_NONE: between two operations */
    bool of_wal;         /* or of the database */
    uint64_t operations;
};
/* Writes what the disk holds after the cut over the real files; nothing may have them open. The power is on
 * again and stays so. */
struct powercut_report powercut_restore(void);
/* The next cut is at the `cut_at`-th operation of this kind from now (POWERCUT_NONE: of any kind). 0 = never.
 */
void powercut_arm(enum powercut_op kind, uint64_t cut_at);
/* Removes the files and forgets everything. */
void powercut_end(void);

#endif
