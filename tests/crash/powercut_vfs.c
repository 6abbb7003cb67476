#include "powercut_vfs.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/prng.h"

enum { SECTOR = 512 };

struct operation {          /* since the last sync */
    uint64_t offset, bytes; /* of a truncation: the size */
    char *data;             /* NULL: a truncation */
    uint64_t size_after;
};

struct content { /* what an inode is */
    struct buf synced;
    ARRAY(struct operation) operations;
    uint64_t size; /* as the process sees it */
    struct content *next;
};

struct name {
    char *path;
    struct content *synced, *seen; /* NULL: no such file */
    bool is_wal;
};

struct file {
    sqlite3_file base;
    struct content *content; /* NULL: not recorded (shared memory, temporary files) */
    const struct name *name;
    bool syncs_directory; /* with its first sync, as unix does for a journal or WAL that it may have made */
    sqlite3_file real[];  /* of the VFS below */
};

static struct {
    sqlite3_vfs vfs, *below;
    pthread_mutex_t lock;
    struct prng prng;
    ARRAY(struct name *) names;
    struct content *contents; /* all there ever were, freed at the end */
    uint64_t operations, of_kind, cut_at, room;
    enum powercut_op kind;
    bool is_cut, ignore_syncs;
    struct powercut_report report;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ── the record ─────────────────────────────────────────────────────────────── */

static struct content *content_new(void)
{
    struct content *content = memory_take_zeroed(1, sizeof *content);
    content->next = disk.contents;
    disk.contents = content;
    return content;
}

static void forget_operations(struct content *content)
{
    array_each (&content->operations, i)
        free(content->operations.items[i].data);
    array_clear(&content->operations);
}

static struct name *name_get(const char *path)
{
    array_each (&disk.names, i) {
        if (strcmp(disk.names.items[i]->path, path) == 0)
            return disk.names.items[i];
    }
    struct name *name = memory_take_zeroed(1, sizeof *name);
    name->path = strdup(path);
    CHECK(name->path);
    name->is_wal = strstr(path, "-wal") != NULL;
    *array_push(&disk.names) = name;
    return name;
}

/* Counts an operation. False: the power is gone; `*ret_last` then says whether it went at this very one,
 * which the disk may have begun. */
static bool count(enum powercut_op what, const struct name *name, bool *ret_last)
{
    *ret_last = false;
    if (disk.is_cut)
        return false;
    disk.operations++;
    disk.of_kind += disk.kind == what || disk.kind == POWERCUT_NONE;
    if (disk.of_kind != disk.cut_at)
        return true;
    disk.is_cut = *ret_last = true;
    disk.report = (struct powercut_report){.at = what, .of_wal = name->is_wal, .operations = disk.operations};
    return false;
}

static void record(struct content *content, const void *data, uint64_t bytes, uint64_t offset)
{
    struct operation operation = {.offset = offset, .bytes = bytes};
    if (data) {
        operation.data = memory_take(bytes);
        memcpy(operation.data, data, bytes);
    }
    content->size = data ? (offset + bytes > content->size ? offset + bytes : content->size) : bytes;
    operation.size_after = content->size;
    *array_push(&content->operations) = operation;
}

static void apply(char *image, uint64_t image_bytes, const struct operation *operation)
{
    if (operation->data) {
        CHECK(operation->offset + operation->bytes <= image_bytes);
        memcpy(image + operation->offset, operation->data, operation->bytes);
    } else if (operation->bytes < image_bytes) {
        memset(image + operation->bytes, 0, image_bytes - operation->bytes);
    }
}

static void keep_safe(struct content *content)
{
    array_each (&content->operations, i) {
        const struct operation *operation = &content->operations.items[i];
        uint64_t size = operation->size_after;
        if (size > content->synced.size) {
            buf_reserve(&content->synced, size - content->synced.size);
            memset(content->synced.data + content->synced.size, 0, size - content->synced.size);
        }
        content->synced.size = size;
        if (operation->data)
            apply(content->synced.data, size, operation);
    }
    forget_operations(content);
}

static void keep_names_safe(void)
{
    array_each (&disk.names, i)
        disk.names.items[i]->synced = disk.names.items[i]->seen;
}

/* ── what is on the disk after the cut ──────────────────────────────────────── */

/* How far a sector got: the number of operations that it has seen. Cuts differ in how much reached the disk.
 */
static size_t reached(size_t operations, unsigned how)
{
    switch (how) {
    case 0: return 0;
    case 1: return operations;
    case 2: return prng_chance(&disk.prng, 50) ? 0 : operations;
    case 3: return prng_chance(&disk.prng, 90) ? operations : prng_below(&disk.prng, operations + 1);
    default: return prng_below(&disk.prng, operations + 1);
    }
}

static uint64_t largest_size(const struct content *content)
{
    uint64_t largest = content->synced.size;
    array_each (&content->operations, i) {
        if (content->operations.items[i].size_after > largest)
            largest = content->operations.items[i].size_after;
    }
    return largest;
}

/* How many of the operations may be seen at all: file systems truncate wholly or not, and what was written
 * after a truncation that did not happen went to other blocks. */
static size_t visible(const struct content *content, unsigned how)
{
    size_t truncations = 0, happened;
    array_each (&content->operations, i)
        truncations += !content->operations.items[i].data;
    happened = reached(truncations, how);
    array_each (&content->operations, i) {
        if (!content->operations.items[i].data && happened-- == 0)
            return i;
    }
    return content->operations.count;
}

/* Sector by sector: the writes up to the one that it has reached. */
static void replay_sectors(const struct content *content, size_t operations, char *image, uint64_t bytes,
                           unsigned how)
{
    char *version = memory_take(bytes);
    uint64_t sectors = (bytes + SECTOR - 1) / SECTOR;
    size_t *upto = memory_take((sectors + 1) * sizeof *upto);
    for (uint64_t s = 0; s < sectors; s++)
        upto[s] = reached(operations, how);
    memcpy(version, image, bytes);
    for (size_t i = 0; i < operations; i++) {
        const struct operation *operation = &content->operations.items[i];
        apply(version, bytes, operation);
        if (!operation->data)
            apply(image, bytes, operation);
        uint64_t end = operation->data ? operation->offset + operation->bytes : 0;
        for (uint64_t s = operation->offset / SECTOR; s * SECTOR < end; s++) {
            uint64_t size = bytes - s * SECTOR < SECTOR ? bytes - s * SECTOR : SECTOR;
            if (i < upto[s])
                memcpy(image + s * SECTOR, version + s * SECTOR, size);
        }
    }
    free(upto);
    free(version);
}

/* One that it had since the last truncation that happened. */
static uint64_t some_size(const struct content *content, size_t operations, unsigned how)
{
    size_t from = operations;
    while (from > 0 && content->operations.items[from - 1].data)
        from--;
    size_t at = from + reached(operations - from, how);
    return at ? content->operations.items[at - 1].size_after : content->synced.size;
}

static void make_image(const struct content *content, struct buf *image)
{
    uint64_t bytes = largest_size(content);
    unsigned how = (unsigned)prng_below(&disk.prng, 6);
    bool noise = prng_chance(&disk.prng, 30);
    size_t operations = visible(content, how);
    buf_put(image, content->synced.data, content->synced.size);
    buf_reserve(image, bytes - image->size + 1);
    for (; image->size < bytes; image->size++)
        image->data[image->size] = noise ? (char)prng_next(&disk.prng) : 0;
    replay_sectors(content, operations, image->data, bytes, how);
    image->size = some_size(content, operations, how);
}

static void write_file(const char *path, const struct buf *image)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    for (size_t done = 0; done < image->size;) {
        ssize_t written = write(fd, image->data + done, image->size - done);
        CHECK(written > 0);
        done += (size_t)written;
    }
    close(fd);
}

struct powercut_report powercut_restore(void)
{
    CHECK(disk.is_cut);
    struct powercut_report report = disk.report;
    array_each (&disk.names, i) {
        struct name *name = disk.names.items[i];
        struct content *left = prng_chance(&disk.prng, 50) ? name->seen : name->synced;
        unlink(name->path);
        name->seen = name->synced = NULL;
        if (!left)
            continue;
        struct content *content = content_new();
        make_image(left, &content->synced);
        content->size = content->synced.size;
        write_file(name->path, &content->synced);
        name->seen = name->synced = content;
    }
    disk.is_cut = false;
    powercut_arm(POWERCUT_NONE, 0);
    return report;
}

/* ── files ──────────────────────────────────────────────────────────────────── */

static sqlite3_file *real_of(sqlite3_file *base)
{
    return ((struct file *)base)->real;
}

static int file_close(sqlite3_file *base)
{
    return real_of(base)->pMethods->xClose(real_of(base));
}

static int file_read(sqlite3_file *base, void *ret, int bytes, sqlite3_int64 offset)
{
    return real_of(base)->pMethods->xRead(real_of(base), ret, bytes, offset);
}

static uint64_t used(void)
{
    uint64_t bytes = 0;
    array_each (&disk.names, i)
        bytes += disk.names.items[i]->seen ? disk.names.items[i]->seen->size : 0;
    return bytes;
}

static bool has_room(const struct content *content, uint64_t end)
{
    return end <= content->size || used() + (end - content->size) <= disk.room;
}

static int file_write(sqlite3_file *base, const void *data, int bytes, sqlite3_int64 offset)
{
    struct file *file = (struct file *)base;
    if (file->content) {
        bool last;
        pthread_mutex_lock(&disk.lock);
        bool fits = has_room(file->content, (uint64_t)offset + (uint64_t)bytes);
        bool on = count(POWERCUT_WRITE, file->name, &last);
        if ((on || last) && fits)
            record(file->content, data, (uint64_t)bytes, (uint64_t)offset);
        pthread_mutex_unlock(&disk.lock);
        if (!on || !fits)
            return on ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    }
    return real_of(base)->pMethods->xWrite(real_of(base), data, bytes, offset);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct file *file = (struct file *)base;
    if (file->content) {
        bool last;
        pthread_mutex_lock(&disk.lock);
        bool on = count(POWERCUT_TRUNCATE, file->name, &last);
        if ((on || last) && (uint64_t)size < file->content->size)
            record(file->content, NULL, (uint64_t)size, 0);
        pthread_mutex_unlock(&disk.lock);
        if (!on)
            return SQLITE_IOERR_TRUNCATE;
    }
    return real_of(base)->pMethods->xTruncate(real_of(base), size);
}

static int file_sync(sqlite3_file *base, int flags)
{
    (void)flags;
    struct file *file = (struct file *)base;
    if (!file->content)
        return SQLITE_OK;
    bool last;
    pthread_mutex_lock(&disk.lock);
    bool on = count(POWERCUT_SYNC, file->name, &last);
    if (on && !disk.ignore_syncs) {
        keep_safe(file->content);
        if (file->syncs_directory)
            keep_names_safe();
        file->syncs_directory = false;
    }
    pthread_mutex_unlock(&disk.lock);
    return on ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret)
{
    return real_of(base)->pMethods->xFileSize(real_of(base), ret);
}

static int file_lock(sqlite3_file *base, int level)
{
    return real_of(base)->pMethods->xLock(real_of(base), level);
}

static int file_unlock(sqlite3_file *base, int level)
{
    return real_of(base)->pMethods->xUnlock(real_of(base), level);
}

static int file_check_lock(sqlite3_file *base, int *ret)
{
    return real_of(base)->pMethods->xCheckReservedLock(real_of(base), ret);
}

static int file_control(sqlite3_file *base, int which, void *argument)
{
    return real_of(base)->pMethods->xFileControl(real_of(base), which, argument);
}

static int file_sector_size(sqlite3_file *base)
{
    return real_of(base)->pMethods->xSectorSize(real_of(base));
}

static int file_characteristics(sqlite3_file *base)
{
    return real_of(base)->pMethods->xDeviceCharacteristics(real_of(base));
}

static int file_shm_map(sqlite3_file *base, int page, int bytes, int extend, void volatile **ret)
{
    return real_of(base)->pMethods->xShmMap(real_of(base), page, bytes, extend, ret);
}

static int file_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
    return real_of(base)->pMethods->xShmLock(real_of(base), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *base)
{
    real_of(base)->pMethods->xShmBarrier(real_of(base));
}

static int file_shm_unmap(sqlite3_file *base, int remove)
{
    return real_of(base)->pMethods->xShmUnmap(real_of(base), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* without memory mapping, whose writes nobody could record */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ── the VFS ────────────────────────────────────────────────────────────────── */

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *ret_flags)
{
    (void)vfs;
    struct file *file = (struct file *)base;
    *file = (struct file){0};
    int code = disk.below->xOpen(disk.below, path, file->real, flags, ret_flags);
    if (file->real->pMethods)
        file->base.pMethods = &methods;
    if (code != SQLITE_OK || !path ||
        !(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)))
        return code;
    pthread_mutex_lock(&disk.lock);
    struct name *name = name_get(path);
    if (!name->seen && !disk.is_cut)
        name->seen = content_new();
    file->name = name;
    file->syncs_directory = flags & SQLITE_OPEN_CREATE && !(flags & SQLITE_OPEN_MAIN_DB);
    file->content = name->seen ? name->seen : content_new();
    pthread_mutex_unlock(&disk.lock);
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    (void)vfs;
    bool last;
    pthread_mutex_lock(&disk.lock);
    struct name *name = name_get(path);
    bool on = count(POWERCUT_DELETE, name, &last);
    if (on || last)
        name->seen = NULL;
    if (on && sync_directory && !disk.ignore_syncs)
        keep_names_safe();
    pthread_mutex_unlock(&disk.lock);
    return on ? disk.below->xDelete(disk.below, path, 0) : SQLITE_IOERR_DELETE;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret)
{
    (void)vfs;
    return disk.below->xAccess(disk.below, path, flags, ret);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int bytes, char *ret)
{
    (void)vfs;
    return disk.below->xFullPathname(disk.below, path, bytes, ret);
}

static int vfs_randomness(sqlite3_vfs *vfs, int bytes, char *ret)
{
    (void)vfs;
    return disk.below->xRandomness(disk.below, bytes, ret);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return disk.below->xSleep(disk.below, us);
}

static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
    (void)vfs;
    return disk.below->xCurrentTimeInt64(disk.below, ret);
}

static int vfs_last_error(sqlite3_vfs *vfs, int bytes, char *ret)
{
    (void)vfs;
    return disk.below->xGetLastError(disk.below, bytes, ret);
}

void powercut_register(void)
{
    disk.below = sqlite3_vfs_find(NULL);
    disk.vfs = (sqlite3_vfs){.iVersion = 2,
                             .szOsFile = (int)sizeof(struct file) + disk.below->szOsFile,
                             .mxPathname = disk.below->mxPathname,
                             .zName = POWERCUT_VFS,
                             .xOpen = vfs_open,
                             .xDelete = vfs_delete,
                             .xAccess = vfs_access,
                             .xFullPathname = vfs_full_path,
                             .xRandomness = vfs_randomness,
                             .xSleep = vfs_sleep,
                             .xGetLastError = vfs_last_error,
                             .xCurrentTimeInt64 = vfs_time};
    CHECK(sqlite3_vfs_register(&disk.vfs, 0) == SQLITE_OK);
}

void powercut_begin(uint64_t seed, bool ignore_syncs)
{
    disk.prng.state = seed;
    disk.is_cut = false;
    disk.ignore_syncs = ignore_syncs;
    disk.room = UINT64_MAX;
    powercut_arm(POWERCUT_NONE, 0);
}

void powercut_arm(enum powercut_op kind, uint64_t cut_at)
{
    disk.operations = disk.of_kind = 0;
    disk.kind = kind;
    disk.cut_at = cut_at;
}

void powercut_cut(void)
{
    pthread_mutex_lock(&disk.lock);
    if (!disk.is_cut) {
        disk.is_cut = true;
        disk.report = (struct powercut_report){.at = POWERCUT_NONE, .operations = disk.operations};
    }
    pthread_mutex_unlock(&disk.lock);
}

bool powercut_is_cut(void)
{
    pthread_mutex_lock(&disk.lock);
    bool is_cut = disk.is_cut;
    pthread_mutex_unlock(&disk.lock);
    return is_cut;
}

void powercut_set_room(uint64_t bytes)
{
    pthread_mutex_lock(&disk.lock);
    disk.room = bytes;
    pthread_mutex_unlock(&disk.lock);
}

uint64_t powercut_used(void)
{
    pthread_mutex_lock(&disk.lock);
    uint64_t bytes = used();
    pthread_mutex_unlock(&disk.lock);
    return bytes;
}

void powercut_end(void)
{
    array_each (&disk.names, i) {
        unlink(disk.names.items[i]->path);
        free(disk.names.items[i]->path);
        free(disk.names.items[i]);
    }
    array_free(&disk.names);
    while (disk.contents) {
        struct content *content = disk.contents;
        disk.contents = content->next;
        forget_operations(content);
        array_free(&content->operations);
        buf_deinit(&content->synced);
        free(content);
    }
}
