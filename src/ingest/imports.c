#include "ingest/imports.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/wait.h"
#include "ingest/imports_log.h"

enum { RETRY_SECONDS = 2 };

struct imports {
    struct imports_options options;
    char *directory;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by the mutex; entries are changed by the thread alone. */
    import_entries entries;
    struct import_offer *first_offer, *last_offer;
    bool stopping;
    struct import_entry *running;
};

const char *import_state_name(enum import_state state)
{
    static const char *const names[] = {
#define X(name, key) #key,
        IMPORT_STATE_TABLE(X)
#undef X
    };
    return names[state];
}

/* ── files ────────────────────────────────────────────────────────────────── */

static void file_path(const struct imports *imports, uint32_t id, char ret_path[512])
{
    snprintf(ret_path, 512, "%s/%" PRIu32 ".file", imports->directory, id);
}

void imports_rejects_path(const struct imports *imports, uint32_t id, char ret_path[512])
{
    snprintf(ret_path, 512, "%s/%" PRIu32 ".rejects", imports->directory, id);
}

static enum err sync_directory(const struct imports *imports, struct err_detail *detail)
{
    int fd = open(imports->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    enum err err = synced ? ERR_OK : err_fail(detail, ERR_IO, imports->directory, "%s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return err;
}

/* What a crash left: files that nobody was told about, and those of imports that have ended. */
static void sweep(struct imports *imports)
{
    DIR *directory = opendir(imports->directory);
    const struct dirent *found;
    while (directory && (found = readdir(directory))) {
        uint32_t id;
        int end = 0;
        if (sscanf(found->d_name, "%" SCNu32 ".file%n", &id, &end) != 1 || end == 0)
            continue;
        bool wanted = id >= 1 && id <= imports->entries.count &&
                      !import_has_ended(imports->entries.items[id - 1]->job.state);
        if (!wanted)
            unlinkat(dirfd(directory), found->d_name, 0);
    }
    if (directory)
        closedir(directory);
}

/* Names of files come from outside: UTF-8, and cut between characters. */
static void copy_text(char *ret_text, size_t size, const char *text)
{
    size_t kept = strnlen(text, size - 1);
    while (kept && text[kept] && ((uint8_t)text[kept] & 0xc0) == 0x80)
        kept--;
    bool utf8 = str_is_utf8((struct str){text, kept});
    for (size_t i = 0; i < kept; i++)
        ret_text[i] = (uint8_t)text[i] < ' ' || (!utf8 && (uint8_t)text[i] >= 0x80) ? '?' : text[i];
    ret_text[kept] = '\0';
}

static int64_t now_ms(const struct imports *imports)
{
    return imports->options.clock(imports->options.clock_context);
}

/* ── offers ───────────────────────────────────────────────────────────────── */

static uint32_t waiting(const struct imports *imports)
{
    uint32_t count = 0;
    array_each (&imports->entries, i)
        count += !import_has_ended(imports->entries.items[i]->job.state);
    return count;
}

static enum err settle_file(struct imports *imports, const char *path, uint32_t id, uint64_t *ret_size,
                            struct err_detail *detail)
{
    char own[512];
    struct stat status;
    file_path(imports, id, own);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool fine = fd >= 0 && fstat(fd, &status) == 0 && fsync(fd) == 0 && rename(path, own) == 0;
    enum err code = errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
    enum err err = fine ? sync_directory(imports, detail)
                        : err_fail(detail, code, imports->directory, "%s", strerror(errno));
    if (fine)
        *ret_size = (uint64_t)status.st_size;
    if (fd >= 0)
        close(fd);
    return err;
}

static enum err accept(struct imports *imports, const struct import_offer *offer, struct import_entry *entry,
                       struct err_detail *detail)
{
    struct import_job *job = &entry->job;
    char own[512];
    *job = (struct import_job){.form = offer->form,
                               .live = offer->live,
                               .started_ms = INSTANT_NEVER,
                               .ended_ms = INSTANT_NEVER,
                               .created_ms = now_ms(imports)};
    pthread_mutex_lock(&imports->mutex);
    job->id = (uint32_t)imports->entries.count + 1;
    uint32_t queued = waiting(imports);
    pthread_mutex_unlock(&imports->mutex);
    copy_text(job->name, sizeof job->name, offer->name);
    copy_text(job->by, sizeof job->by, offer->by);
    if (queued >= IMPORTS_WAITING_MAX)
        return err_fail(detail, ERR_LIMIT, "", "%d imports wait already; come back when some have ended",
                        IMPORTS_WAITING_MAX);
    enum err err = settle_file(imports, offer->path, job->id, &job->size, detail);
    if (!err)
        err = imports_log_accepted(&imports->options, entry, detail);
    file_path(imports, job->id, own);
    if (err)
        rename(own, offer->path); /* the caller's again; else the next start sweeps it */
    return err;
}

static void take_offer(struct imports *imports, struct import_offer *offer)
{
    struct err_detail detail = {"", ""};
    struct import_entry *entry = memory_take_zeroed(1, sizeof *entry);
    enum err err = accept(imports, offer, entry, &detail);
    struct import_job job = entry->job;
    if (err) {
        free(entry);
    } else {
        pthread_mutex_lock(&imports->mutex);
        *array_push(&imports->entries) = entry;
        pthread_mutex_unlock(&imports->mutex);
    }
    offer->answer(offer, err ? NULL : &job, err, &detail);
}

/* Answers those that wait; the mutex is not held. */
static void take_offers(struct imports *imports)
{
    for (;;) {
        pthread_mutex_lock(&imports->mutex);
        struct import_offer *offer = imports->first_offer;
        if (offer)
            imports->first_offer = offer->next;
        pthread_mutex_unlock(&imports->mutex);
        if (!offer)
            return;
        take_offer(imports, offer);
    }
}

static void refuse_offer(struct import_offer *offer)
{
    struct err_detail detail = {"", ""};
    err_fail(&detail, ERR_BUSY, "", "the server is stopping; send the file again when it is back");
    offer->answer(offer, NULL, ERR_BUSY, &detail);
}

void imports_offer(struct imports *imports, struct import_offer *offer)
{
    offer->next = NULL;
    pthread_mutex_lock(&imports->mutex);
    bool stopping = imports->stopping;
    if (!stopping) {
        if (imports->first_offer)
            imports->last_offer->next = offer;
        else
            imports->first_offer = offer;
        imports->last_offer = offer;
        pthread_cond_signal(&imports->changed);
    }
    pthread_mutex_unlock(&imports->mutex);
    if (stopping)
        refuse_offer(offer);
}

/* ── running ──────────────────────────────────────────────────────────────── */

static bool go_on(void *context)
{
    struct imports *imports = context;
    take_offers(imports);
    pthread_mutex_lock(&imports->mutex);
    bool on = !imports->stopping && !imports->running->job.cancelling;
    pthread_mutex_unlock(&imports->mutex);
    return on;
}

static bool is_over(void *context)
{
    return !go_on(context);
}

static void on_counts(void *context, const struct import_counts *counts)
{
    struct imports *imports = context;
    pthread_mutex_lock(&imports->mutex);
    imports->running->job.counts = *counts;
    pthread_mutex_unlock(&imports->mutex);
}

static void on_reject(void *context, const struct row *row)
{
    struct imports *imports = context;
    struct import_job *job = &imports->running->job;
    char reason[sizeof(struct err_detail) + 2];
    if (job->reject_count == IMPORT_REJECTS_SHOWN)
        return;
    pthread_mutex_lock(&imports->mutex);
    struct import_reject *reject = &job->rejects[job->reject_count++];
    reject->line = row->line;
    copy_text(reject->reason, sizeof reject->reason, reject_reason(&row->why, reason));
    pthread_mutex_unlock(&imports->mutex);
}

/* What imports of the same bytes before this one have taken: all of them, or up to these marks. */
static uint32_t find_same(const struct imports *imports, const struct import_entry *entry,
                          struct import_marks *ret_before)
{
    for (uint32_t i = 0; i + 1 < entry->job.id; i++) {
        const struct import_entry *other = imports->entries.items[i];
        if (!other->begun || other->job.form != entry->job.form || strcmp(other->digest, entry->digest) != 0)
            continue;
        if (other->job.state == IMPORT_DONE)
            return other->job.same_as ? other->job.same_as : other->job.id;
        for (size_t p = 0; p < STORE_PARTITIONS; p++) {
            if (other->marks.places[p] > ret_before->places[p])
                ret_before->places[p] = other->marks.places[p];
        }
    }
    return 0;
}

static enum err begin(struct imports *imports, struct import_entry *entry, int fd, struct err_detail *detail)
{
    enum err err = source_digest(fd, is_over, imports, entry->digest, detail);
    if (!err)
        err = import_base(imports->options.store, &entry->base, detail);
    if (!err)
        err = imports_log_begun(&imports->options, entry, detail);
    if (!err)
        entry->begun = true;
    return err;
}

static enum err take_rows(struct imports *imports, struct import_entry *entry, int fd,
                          struct err_detail *detail)
{
    char path[512];
    const struct imports_options *o = &imports->options;
    imports_rejects_path(imports, entry->job.id, path);
    struct import_options options = {.crew = o->crew,
                                     .control = o->control,
                                     .fd = fd,
                                     .name = entry->job.name,
                                     .form = entry->job.form,
                                     .live = entry->job.live,
                                     .base = entry->base,
                                     .go_on = go_on,
                                     .on_counts = on_counts,
                                     .on_reject = on_reject,
                                     .context = imports};
    pthread_mutex_lock(&imports->mutex);
    entry->job.same_as = find_same(imports, entry, &options.before);
    entry->job.counts = (struct import_counts){0};
    entry->job.reject_count = 0;
    pthread_mutex_unlock(&imports->mutex);
    if (entry->job.same_as)
        return ERR_OK;
    enum err err = import_marks_read(o->store, entry->base, &options.own, detail);
    if (err)
        return err;
    options.rejects = rejects_new(path);
    err = import_run(&options, detail);
    rejects_free(options.rejects);
    if (!err)
        return ERR_OK;
    struct err_detail unread;
    enum err failed = import_marks_read(o->store, entry->base, &entry->marks, &unread);
    for (size_t p = 0; p < STORE_PARTITIONS && !failed; p++) {
        if (options.before.places[p] > entry->marks.places[p])
            entry->marks.places[p] = options.before.places[p];
    }
    return failed ? failed : err;
}

static enum err work_off(struct imports *imports, struct import_entry *entry, struct err_detail *detail)
{
    char path[512];
    file_path(imports, entry->job.id, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        enum err err = err_fail(detail, ERR_INVALID, "", "its file is gone from the server's folder (%s)",
                                strerror(errno));
        enum err failed = entry->begun
                              ? import_marks_read(imports->options.store, entry->base, &entry->marks, detail)
                              : ERR_OK;
        return failed ? failed : err;
    }
    enum err err = entry->begun ? ERR_OK : begin(imports, entry, fd, detail);
    if (!err)
        err = take_rows(imports, entry, fd, detail);
    close(fd);
    return err;
}

/* Until a disk that is full is looked at again; true = the server stops. */
static bool wait_for_room(struct imports *imports)
{
    const struct timespec until = wait_deadline(RETRY_SECONDS * SECOND_MS);
    pthread_mutex_lock(&imports->mutex);
    if (!imports->stopping)
        pthread_cond_timedwait(&imports->changed, &imports->mutex, &until);
    bool stopping = imports->stopping;
    pthread_mutex_unlock(&imports->mutex);
    return stopping;
}

/* The end is in the log before the file goes. A store that is full has room again some day; until the server
 * stops it is tried, and afterwards the import ends again at the next start. */
static void end(struct imports *imports, struct import_entry *entry, enum import_state state,
                const struct err_detail *why)
{
    char path[512], text[sizeof *why + 2];
    struct import_entry ended = *entry;
    struct err_detail detail = {"", ""};
    ended.job.state = state;
    ended.job.cancelling = false;
    ended.job.ended_ms = now_ms(imports);
    if (state == IMPORT_FAILED)
        copy_text(ended.job.why, sizeof ended.job.why, reject_reason(why, text));
    while (imports_log_ended(&imports->options, &ended, &detail)) {
        if (wait_for_room(imports))
            return;
    }
    file_path(imports, entry->job.id, path);
    unlink(path);
    pthread_mutex_lock(&imports->mutex);
    *entry = ended;
    pthread_mutex_unlock(&imports->mutex);
    if (imports->options.on_ended)
        imports->options.on_ended(imports->options.context, &ended.job);
}

static void run(struct imports *imports, struct import_entry *entry)
{
    struct err_detail detail = {"", ""};
    pthread_mutex_lock(&imports->mutex);
    imports->running = entry;
    entry->job.state = IMPORT_RUNNING;
    if (!entry->begun)
        entry->job.started_ms = now_ms(imports);
    pthread_mutex_unlock(&imports->mutex);
    enum err err = work_off(imports, entry, &detail);
    pthread_mutex_lock(&imports->mutex);
    bool cancelled = entry->job.cancelling, stopping = imports->stopping;
    pthread_mutex_unlock(&imports->mutex);
    bool passes = err == ERR_FULL || err == ERR_BUSY;
    if (!err)
        end(imports, entry, IMPORT_DONE, &detail);
    else if (cancelled && (err == ERR_REFUSED || passes))
        end(imports, entry, IMPORT_CANCELLED, &detail);
    else if (err != ERR_REFUSED && !passes)
        end(imports, entry, IMPORT_FAILED, &detail);
    else if (!stopping)
        wait_for_room(imports); /* it goes on where it stands */
    pthread_mutex_lock(&imports->mutex);
    imports->running = NULL;
    if (!import_has_ended(entry->job.state))
        entry->job.state = IMPORT_QUEUED;
    pthread_mutex_unlock(&imports->mutex);
}

/* One that has begun and not ended goes before all others: their bases lie behind its rows. */
static struct import_entry *next_entry(const struct imports *imports)
{
    array_each (&imports->entries, i) {
        if (!import_has_ended(imports->entries.items[i]->job.state))
            return imports->entries.items[i];
    }
    return NULL;
}

static void *work(void *context)
{
    struct imports *imports = context;
    for (;;) {
        take_offers(imports);
        pthread_mutex_lock(&imports->mutex);
        struct import_entry *entry = NULL;
        while (!imports->stopping && !imports->first_offer && !(entry = next_entry(imports)))
            pthread_cond_wait(&imports->changed, &imports->mutex);
        bool stopping = imports->stopping;
        pthread_mutex_unlock(&imports->mutex);
        if (stopping)
            break;
        if (entry)
            run(imports, entry);
    }
    take_offers(imports);
    return NULL;
}

/* ── the whole ────────────────────────────────────────────────────────────── */

enum err imports_open(const struct imports_options *options, struct imports **ret, struct err_detail *detail)
{
    if (mkdir(options->directory, 0700) < 0 && errno != EEXIST)
        return err_fail(detail, ERR_IO, options->directory, "%s", strerror(errno));
    struct imports *imports = memory_take_zeroed(1, sizeof *imports);
    imports->options = *options;
    size_t size = strlen(options->directory) + 1;
    imports->directory = memcpy(memory_take(size), options->directory, size);
    CHECK(pthread_mutex_init(&imports->mutex, NULL) == 0);
    wait_init(&imports->changed);
    enum err err = imports_log_read(options->control, &imports->entries, detail);
    if (err) {
        imports_close(imports);
        return err;
    }
    sweep(imports);
    *ret = imports;
    return ERR_OK;
}

void imports_start(struct imports *imports)
{
    imports->started = true;
    CHECK(pthread_create(&imports->thread, NULL, work, imports) == 0);
}

void imports_stop(struct imports *imports)
{
    if (!imports->started)
        return;
    pthread_mutex_lock(&imports->mutex);
    imports->stopping = true;
    pthread_cond_signal(&imports->changed);
    pthread_mutex_unlock(&imports->mutex);
    CHECK(pthread_join(imports->thread, NULL) == 0);
    imports->started = false;
}

void imports_close(struct imports *imports)
{
    if (!imports)
        return;
    CHECK(!imports->started);
    array_each (&imports->entries, i)
        free(imports->entries.items[i]);
    array_free(&imports->entries);
    pthread_cond_destroy(&imports->changed);
    pthread_mutex_destroy(&imports->mutex);
    free(imports->directory);
    free(imports);
}

bool imports_find(struct imports *imports, uint32_t id, struct import_job *ret)
{
    pthread_mutex_lock(&imports->mutex);
    bool found = id >= 1 && id <= imports->entries.count;
    if (found)
        *ret = imports->entries.items[id - 1]->job;
    pthread_mutex_unlock(&imports->mutex);
    return found;
}

size_t imports_list(struct imports *imports, uint32_t before, size_t limit, struct import_job *ret_jobs)
{
    size_t count = 0;
    pthread_mutex_lock(&imports->mutex);
    size_t id = before ? before - 1 : imports->entries.count;
    if (id > imports->entries.count)
        id = imports->entries.count;
    for (; id >= 1 && count < limit; id--)
        ret_jobs[count++] = imports->entries.items[id - 1]->job;
    pthread_mutex_unlock(&imports->mutex);
    return count;
}

uint64_t imports_count(struct imports *imports)
{
    pthread_mutex_lock(&imports->mutex);
    uint64_t count = imports->entries.count;
    pthread_mutex_unlock(&imports->mutex);
    return count;
}

enum err imports_cancel(struct imports *imports, uint32_t id, struct import_job *ret,
                        struct err_detail *detail)
{
    enum err err = ERR_OK;
    pthread_mutex_lock(&imports->mutex);
    struct import_entry *entry =
        id >= 1 && id <= imports->entries.count ? imports->entries.items[id - 1] : NULL;
    if (!entry) {
        err = err_fail(detail, ERR_NOT_FOUND, "", "there is no import %" PRIu32, id);
    } else if (import_has_ended(entry->job.state)) {
        err = err_fail(detail, ERR_REFUSED, "", "import %" PRIu32 " has ended: it is %s", id,
                       import_state_name(entry->job.state));
    } else {
        entry->job.cancelling = true;
        *ret = entry->job;
        pthread_cond_signal(&imports->changed);
    }
    pthread_mutex_unlock(&imports->mutex);
    return err;
}
