#include "http/live.h"

#include <inttypes.h>
#include <stddef.h>

#include "base/check.h"
#include "base/wait.h"
#include "calendar/instant.h"
#include "http/api.h"
#include "http/keys.h"
#include "partition/control_journeys.h"
#include "partition/figures.h"
#include "json/document.h"
#include "json/write.h"

enum { LOOK_MS = 200, COUNT_MS = 1000 };

struct listener {
    struct http_stream *stream;
    struct live_wish wish;
    struct arena arena;
    struct str who;
    bool has_key; /* a token that may be revoked, by the name `who` */
    bool greeted; /* it has been told what came before it */
    bool fresh;   /* it has been told no counters yet */
};

/* A change of state, as it was told. */
struct told {
    uint64_t position;
    uint32_t journey;
    struct str text; /* allocated */
};

struct counter {     /* of a version */
    struct str text; /* allocated: as it was last told */
    bool settled;    /* stopped and empty: it counts no further */
};

struct live_mail {
    struct mail mail;
    struct live *live;
};

struct live {
    struct service *service;
    int64_t heartbeat_ms, beat_ms, counted_ms;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;                    /* guarded */
    ARRAY(struct listener) listeners; /* guarded; only the thread takes from it */
    /* the thread's own */
    size_t action_count; /* of the control's that have been taken up */
    ARRAY(struct version_status) statuses;
    ARRAY(struct told) changes; /* the newest */
    uint64_t forgotten_to;      /* position of the newest that is not among them */
    ARRAY(struct counter) counters;
    uint64_t counted_rows;
    /* counting: begun by the thread, added to by workers */
    struct live_mail mails[STORE_PARTITIONS];
    _Atomic uint32_t left;
    bool counting;        /* the thread's own */
    _Atomic bool counted; /* every partition has added its own */
    pthread_mutex_t adding;
    struct arena arena;
    ARRAY(struct journey_figures) figures;
};

static struct str taken(struct buf *buf)
{
    struct str text = buf_str(buf); /* the buffer's memory is the caller's now */
    *buf = (struct buf){0};
    return text;
}

static bool wants(const struct listener *listener, uint32_t journey)
{
    for (size_t i = 0; i < listener->wish.journey_count; i++) {
        if (listener->wish.journeys[i] == journey)
            return true;
    }
    return listener->wish.journey_count == 0;
}

/* ── states ───────────────────────────────────────────────────────────────── */

static bool on_entry(void *context, const struct control_entry *entry)
{
    buf_put_str(context, entry->actor);
    return false;
}

static void put_named(const struct control *control, uint16_t version, struct buf *out)
{
    char id[CONTROL_ID_BYTES];
    const struct control_journey *journey = control_journey_of(control, version);
    control_journey_id(journey->number, id);
    buf_put_char(out, '{');
    api_text(out, "journey", str_from(id));
    api_text(out, "name", journey->name);
    api_number(out, "version", plan_version(control_plan(control), version)->ordinal);
}

/* The next action of the log, folded into its version's status; false = there is none. */
static bool next_change(struct live *live, struct action *ret_action, struct told *ret, struct buf *out)
{
    const struct control *control = live->service->control;
    crew_control_read(live->service->crew);
    bool found = control_action(control, live->action_count, ret_action);
    if (found) {
        uint16_t version = ret_action->version;
        while (live->statuses.count <= version)
            *array_push(&live->statuses) = (struct version_status){VERSION_DRAFT, HOLD_NONE};
        struct version_status *status = &live->statuses.items[version];
        lifecycle_move(*status, ret_action->kind, ret_action->hold, status);
        *ret = (struct told){.position = ret_action->position,
                             .journey = control_journey_of(control, version)->number};
        buf_printf(out, "id: %" PRIu64 "\nevent: journey\ndata: ", ret->position);
        put_named(control, version, out);
        api_text(out, "action", str_from(action_kind_name(ret_action->kind)));
        api_text(out, "state", str_from(version_state_name(status->state)));
        api_key(out, "hold");
        if (status->hold == HOLD_NONE)
            buf_put_text(out, "null");
        else
            json_write_string(str_from(version_hold_name(status->hold)), out);
    }
    crew_control_unlock(live->service->crew);
    return found;
}

static void remember(struct live *live, struct told change)
{
    *array_push(&live->changes) = change;
    if (live->changes.count <= 2 * LIVE_REPLAY_MAX)
        return;
    live->forgotten_to = live->changes.items[LIVE_REPLAY_MAX - 1].position;
    for (size_t i = 0; i < LIVE_REPLAY_MAX; i++)
        free((char *)(uintptr_t)live->changes.items[i].text.data);
    live->changes.count -= LIVE_REPLAY_MAX;
    memmove(live->changes.items, live->changes.items + LIVE_REPLAY_MAX,
            live->changes.count * sizeof *live->changes.items);
}

/* Takes up what the log has by now. A store that cannot be read just now leaves the actor out. */
static void take_changes(struct live *live)
{
    struct action action;
    struct told change;
    struct buf out = {0};
    while (next_change(live, &action, &change, &out)) {
        struct buf actor = {0};
        enum err err = store_control_after(live->service->store, change.position - 1, on_entry, &actor, NULL);
        api_instant(&out, "at", action.at_ms);
        api_key(&out, "by");
        if (err || actor.size == 0)
            buf_put_text(&out, "null");
        else
            json_write_string(buf_str(&actor), &out);
        buf_put_text(&out, "}\n\n");
        buf_deinit(&actor);
        change.text = taken(&out);
        live->action_count++;
        remember(live, change);
    }
}

/* What a listener missed, or from where it goes on. The mutex is held. */
static void greet(struct live *live, struct listener *listener)
{
    struct buf out = {0};
    size_t missed = 0;
    array_each (&live->changes, i)
        missed += live->changes.items[i].position > listener->wish.after;
    buf_put_text(&out, ": sojourn\nretry: 2000\n");
    if (listener->wish.resumes && (listener->wish.after < live->forgotten_to || missed > LIVE_REPLAY_MAX)) {
        listener->wish.after = live->changes.items[live->changes.count - 1].position;
        buf_printf(&out, "id: %" PRIu64 "\nevent: reset\ndata: {}\n\n", listener->wish.after);
    } else {
        buf_printf(&out, "id: %" PRIu64 "\n\n", listener->wish.after);
    }
    http_stream_put(listener->stream, buf_str(&out));
    buf_deinit(&out);
    listener->greeted = true;
}

/* The mutex is held. */
static void tell_changes(struct live *live, struct listener *listener)
{
    if (!listener->greeted)
        greet(live, listener);
    array_each (&live->changes, i) {
        const struct told *change = &live->changes.items[i];
        if (change->position <= listener->wish.after)
            continue;
        listener->wish.after = change->position;
        if (wants(listener, change->journey))
            http_stream_put(listener->stream, change->text);
    }
}

/* ── counters ─────────────────────────────────────────────────────────────── */

/* On the partition's worker. */
static void add_figures(struct mail *mail, const struct partition *partition)
{
    struct live *live = ((struct live_mail *)((char *)mail - offsetof(struct live_mail, mail)))->live;
    pthread_mutex_lock(&live->adding);
    array_each (&live->figures, i)
        journey_figures_add(&live->figures.items[i], partition_engine(partition));
    pthread_mutex_unlock(&live->adding);
}

static void on_counted(struct mail *mail, enum err err)
{
    struct live *live = ((struct live_mail *)((char *)mail - offsetof(struct live_mail, mail)))->live;
    CHECK(err == ERR_OK); /* the crew works off everything, or ends the process */
    if (atomic_fetch_sub(&live->left, 1) != 1)
        return;
    /* without the mutex: the worker may hold the control's lock, which the thread takes under the mutex; it
     * looks every now and then anyway */
    atomic_store(&live->counted, true);
    pthread_cond_signal(&live->changed);
}

/* The mutex is held. */
static bool is_wanted(const struct live *live, uint32_t journey)
{
    array_each (&live->listeners, i) {
        if (wants(&live->listeners.items[i], journey))
            return true;
    }
    return false;
}

static bool any_fresh(const struct live *live)
{
    array_each (&live->listeners, i) {
        if (live->listeners.items[i].fresh)
            return true;
    }
    return false;
}

/* Asks every partition, where there may be anything new. The mutex is held. */
static void begin_count(struct live *live)
{
    struct service *service = live->service;
    uint64_t rows = crew_rows_durable(service->crew);
    bool fresh = any_fresh(live);
    if (live->counting || monotonic_ms() < live->counted_ms + COUNT_MS ||
        (!fresh && rows == live->counted_rows))
        return;
    live->counted_ms = monotonic_ms();
    live->counted_rows = rows;
    arena_deinit(&live->arena);
    live->arena = (struct arena){0};
    array_clear(&live->figures);
    crew_control_read(service->crew);
    uint16_t count = plan_version_count(control_plan(service->control));
    while (live->counters.count < count)
        *array_push(&live->counters) = (struct counter){0};
    for (uint16_t version = 0; version < count; version++) {
        bool settled = live->counters.items[version].settled && !fresh;
        if (!settled && is_wanted(live, control_journey_of(service->control, version)->number))
            journey_figures_begin(array_push(&live->figures), service->control, version, &live->arena);
    }
    crew_control_unlock(service->crew);
    if (!live->figures.count)
        return;
    live->counting = true;
    atomic_store(&live->left, crew_partitions(service->crew));
    for (uint32_t i = 0; i < crew_partitions(service->crew); i++) {
        live->mails[i] = (struct live_mail){
            .mail = {.lane = LANE_READ, .done = on_counted, .read = add_figures}, .live = live};
        crew_post(service->crew, i, &live->mails[i].mail);
    }
}

static struct str counter_text(struct live *live, const struct journey_figures *figures,
                               uint32_t *ret_journey)
{
    static const char *const shown[] = {"qualified",  "held_out",   "entered",
                                        "carried_in", "in_journey", "left"};
    struct buf out = {0};
    const struct control *control = live->service->control;
    json_t *all = journey_figures_json(figures, false);
    buf_put_text(&out, "event: counters\ndata: ");
    crew_control_read(live->service->crew);
    *ret_journey = control_journey_of(control, figures->version->number)->number;
    put_named(control, figures->version->number, &out);
    crew_control_unlock(live->service->crew);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        const json_t *value = json_object_get(all, shown[i]);
        api_key(&out, shown[i]);
        if (json_is_integer(value))
            buf_put_decimal(&out, json_integer_value(value));
        else
            document_write(value, &out);
    }
    buf_put_text(&out, "}\n\n");
    json_decref(all);
    return taken(&out);
}

/* The mutex is held; no worker adds any more. */
static void tell_counters(struct live *live)
{
    array_each (&live->figures, i) {
        struct journey_figures *figures = &live->figures.items[i];
        struct counter *counter = &live->counters.items[figures->version->number];
        uint32_t journey;
        journey_figures_end(figures);
        struct str text = counter_text(live, figures, &journey);
        bool changed = !str_equal(text, counter->text);
        array_each (&live->listeners, k) {
            struct listener *listener = &live->listeners.items[k];
            if ((changed || listener->fresh) && wants(listener, journey))
                http_stream_put(listener->stream, text);
        }
        free((char *)(uintptr_t)counter->text.data);
        counter->text = text;
        counter->settled = figures->state == VERSION_STOPPED && figures->in_journey == 0;
    }
    array_each (&live->listeners, k)
        live->listeners.items[k].fresh = false;
    live->counting = false;
    atomic_store(&live->counted, false);
}

/* ── listeners ────────────────────────────────────────────────────────────── */

static void drop(struct live *live, size_t index)
{
    struct listener *listener = &live->listeners.items[index];
    http_stream_close(listener->stream);
    arena_deinit(&listener->arena);
    *listener = live->listeners.items[--live->listeners.count];
}

/* Drops who is gone, and whose token was revoked. The mutex is held. */
static void look_at_listeners(struct live *live)
{
    bool beats = monotonic_ms() >= live->beat_ms + live->heartbeat_ms;
    if (beats)
        live->beat_ms = monotonic_ms();
    for (size_t i = live->listeners.count; i-- > 0;) {
        struct listener *listener = &live->listeners.items[i];
        bool revoked = listener->has_key && !keys_has(live->service->keys, HTTP_ADMIN, listener->who);
        if (revoked || !http_stream_put(listener->stream, beats ? STR(": \n\n") : STR("")))
            drop(live, i);
    }
}

/* The mutex is held, and let go while it waits. */
static void wait(struct live *live)
{
    if (live->listeners.count == 0 && !live->counting) {
        pthread_cond_wait(&live->changed, &live->mutex);
        return;
    }
    const struct timespec until = wait_deadline(LOOK_MS);
    pthread_cond_timedwait(&live->changed, &live->mutex, &until);
}

static void *run(void *context)
{
    struct live *live = context;
    pthread_mutex_lock(&live->mutex);
    while (!live->stopping || live->counting) {
        wait(live);
        if (atomic_load(&live->counted))
            tell_counters(live);
        if (live->stopping || live->listeners.count == 0)
            continue;
        pthread_mutex_unlock(&live->mutex);
        take_changes(live);
        pthread_mutex_lock(&live->mutex);
        array_each (&live->listeners, i)
            tell_changes(live, &live->listeners.items[i]);
        look_at_listeners(live);
        begin_count(live);
    }
    while (live->listeners.count)
        drop(live, live->listeners.count - 1);
    pthread_mutex_unlock(&live->mutex);
    return NULL;
}

struct live *live_new(struct service *service, int64_t heartbeat_ms)
{
    struct live *live = memory_take_zeroed(1, sizeof *live);
    live->service = service;
    live->heartbeat_ms = heartbeat_ms;
    live->counted_ms = -COUNT_MS;
    live->beat_ms = monotonic_ms();
    pthread_mutex_init(&live->mutex, NULL);
    pthread_mutex_init(&live->adding, NULL);
    wait_init(&live->changed);
    CHECK(pthread_create(&live->thread, NULL, run, live) == 0);
    return live;
}

void live_stop(struct live *live)
{
    pthread_mutex_lock(&live->mutex);
    live->stopping = true;
    pthread_cond_signal(&live->changed);
    pthread_mutex_unlock(&live->mutex);
    pthread_join(live->thread, NULL);
}

void live_free(struct live *live)
{
    if (!live)
        return;
    CHECK(live->stopping && live->listeners.count == 0);
    array_each (&live->changes, i)
        free((char *)(uintptr_t)live->changes.items[i].text.data);
    array_each (&live->counters, i)
        free((char *)(uintptr_t)live->counters.items[i].text.data);
    array_free(&live->listeners);
    array_free(&live->statuses);
    array_free(&live->changes);
    array_free(&live->counters);
    array_free(&live->figures);
    arena_deinit(&live->arena);
    pthread_cond_destroy(&live->changed);
    pthread_mutex_destroy(&live->adding);
    pthread_mutex_destroy(&live->mutex);
    free(live);
}

size_t live_listeners(struct live *live)
{
    pthread_mutex_lock(&live->mutex);
    size_t count = live->listeners.count;
    pthread_mutex_unlock(&live->mutex);
    return count;
}

/* The mutex is held. */
static enum err refuse(const struct live *live, struct err_detail *detail)
{
    if (live->stopping)
        return err_fail(detail, ERR_BUSY, "", "the server is stopping; come back in a second");
    if (live->listeners.count == LIVE_LISTENERS_MAX)
        return err_fail(detail, ERR_LIMIT, "", "%d are listening, which is the most; close a page or two",
                        LIVE_LISTENERS_MAX);
    return ERR_OK;
}

void live_listen(struct live *live, struct http_request *request, const struct live_wish *wish)
{
    struct service *service = live->service;
    struct err_detail detail = {"", ""};
    struct listener listener = {.wish = *wish, .fresh = true};
    listener.who = arena_str(&listener.arena, http_request_who(request));
    listener.has_key = keys_has(service->keys, HTTP_ADMIN, listener.who);
    crew_control_read(service->crew);
    uint64_t position = control_position(service->control);
    crew_control_unlock(service->crew);
    if (!wish->resumes || wish->after > position)
        listener.wish.after = position;
    pthread_mutex_lock(&live->mutex);
    enum err err = refuse(live, &detail);
    if (!err) {
        http_answer_header(request, "Cache-Control", "no-store");
        listener.stream = http_answer_stream(request, 200, "text/event-stream");
        *array_push(&live->listeners) = listener;
        pthread_cond_signal(&live->changed);
    }
    pthread_mutex_unlock(&live->mutex);
    if (err) {
        arena_deinit(&listener.arena);
        api_try_again(request, err == ERR_LIMIT ? 429 : 503, err, &detail);
    }
}
