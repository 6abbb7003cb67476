#include "ingest/imports_log.h"

#include <inttypes.h>

#include "json/document.h"

static const struct str kinds[] = {STR("import"), STR("import_begun"), STR("import_done")};
enum { KIND_ACCEPTED, KIND_BEGUN, KIND_ENDED, KINDS };

/* ── writing ──────────────────────────────────────────────────────────────── */

/* Takes the body. */
static enum err append(const struct imports_options *options, int kind, const struct import_entry *entry,
                       int64_t at_ms, json_t *body, struct err_detail *detail)
{
    struct buf text = {0};
    char key[64];
    document_write(body, &text);
    json_decref(body);
    /* with a blank, which no Idempotency-Key of a client has */
    snprintf(key, sizeof key, "%s %" PRIu32, kinds[kind].data, entry->job.id);
    const struct control_by by = {.actor = str_from(entry->job.by), .key = str_from(key), .at_ms = at_ms};
    crew_control_write(options->crew);
    enum err err = control_note(options->control, kinds[kind], buf_str(&text), &by, detail);
    crew_control_unlock(options->crew);
    buf_deinit(&text);
    return err;
}

static const char *form_name(enum segment_form form)
{
    return form == SEGMENT_EVENT ? "events" : "contacts";
}

enum err imports_log_accepted(const struct imports_options *options, const struct import_entry *entry,
                              struct err_detail *detail)
{
    const struct import_job *job = &entry->job;
    json_t *body = json_pack("{s:I, s:s, s:s, s:s, s:b, s:I, s:I}", "import", (json_int_t)job->id, "name",
                             job->name, "by", job->by, "kind", form_name(job->form), "live", (int)job->live,
                             "size", (json_int_t)job->size, "at", (json_int_t)job->created_ms);
    return append(options, KIND_ACCEPTED, entry, job->created_ms, body, detail);
}

enum err imports_log_begun(const struct imports_options *options, const struct import_entry *entry,
                           struct err_detail *detail)
{
    json_t *body =
        json_pack("{s:I, s:s, s:I, s:I}", "import", (json_int_t)entry->job.id, "digest", entry->digest,
                  "base", (json_int_t)entry->base, "at", (json_int_t)entry->job.started_ms);
    return append(options, KIND_BEGUN, entry, entry->job.started_ms, body, detail);
}

static json_t *marks_json(const struct import_marks *marks)
{
    json_t *array = json_array();
    for (size_t i = 0; i < STORE_PARTITIONS; i++)
        json_array_append_new(array, json_integer((json_int_t)marks->places[i]));
    return array;
}

static json_t *rejects_json(const struct import_job *job)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < job->reject_count; i++)
        json_array_append_new(array, json_pack("{s:I, s:s}", "line", (json_int_t)job->rejects[i].line,
                                               "reason", job->rejects[i].reason));
    return array;
}

enum err imports_log_ended(const struct imports_options *options, const struct import_entry *entry,
                           struct err_detail *detail)
{
    const struct import_job *job = &entry->job;
    const struct import_counts *counts = &job->counts;
    json_t *body = json_pack(
        "{s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "import", (json_int_t)job->id,
        "state", import_state_name(job->state), "why", job->why, "at", (json_int_t)job->ended_ms, "same_as",
        (json_int_t)job->same_as, "bytes", (json_int_t)counts->bytes, "rows", (json_int_t)counts->rows,
        "taken", (json_int_t)counts->taken, "rejected", (json_int_t)counts->rejected, "duplicates",
        (json_int_t)counts->duplicates, "marks", marks_json(&entry->marks), "rejects", rejects_json(job));
    return append(options, KIND_ENDED, entry, job->ended_ms, body, detail);
}

/* ── reading ──────────────────────────────────────────────────────────────── */

static uint64_t number(const json_t *body, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(body, key));
}

static void text(const json_t *body, const char *key, char *ret_text, size_t size)
{
    const char *value = json_string_value(json_object_get(body, key));
    snprintf(ret_text, size, "%s", value ? value : "");
}

static void take_accepted(const json_t *body, struct import_entry *entry)
{
    struct import_job *job = &entry->job;
    char kind[16];
    job->id = (uint32_t)number(body, "import");
    text(body, "name", job->name, sizeof job->name);
    text(body, "by", job->by, sizeof job->by);
    text(body, "kind", kind, sizeof kind);
    job->form = strcmp(kind, form_name(SEGMENT_EVENT)) == 0 ? SEGMENT_EVENT : SEGMENT_CONTACT;
    job->live = json_is_true(json_object_get(body, "live"));
    job->size = number(body, "size");
    job->created_ms = (int64_t)number(body, "at");
    job->started_ms = job->ended_ms = INSTANT_NEVER;
}

static void take_begun(const json_t *body, struct import_entry *entry)
{
    entry->begun = true;
    text(body, "digest", entry->digest, sizeof entry->digest);
    entry->base = number(body, "base");
    entry->job.started_ms = (int64_t)number(body, "at");
}

static void take_rejects(const json_t *array, struct import_job *job)
{
    for (size_t i = 0; i < json_array_size(array) && i < IMPORT_REJECTS_SHOWN; i++) {
        struct import_reject *reject = &job->rejects[job->reject_count++];
        reject->line = number(json_array_get(array, i), "line");
        text(json_array_get(array, i), "reason", reject->reason, sizeof reject->reason);
    }
}

static void take_ended(const json_t *body, struct import_entry *entry)
{
    struct import_job *job = &entry->job;
    char state[16];
    text(body, "state", state, sizeof state);
    job->state = IMPORT_DONE;
    for (enum import_state s = IMPORT_DONE; s < IMPORT_STATES; s++) {
        if (strcmp(state, import_state_name(s)) == 0)
            job->state = s;
    }
    text(body, "why", job->why, sizeof job->why);
    job->ended_ms = (int64_t)number(body, "at");
    job->same_as = (uint32_t)number(body, "same_as");
    job->counts = (struct import_counts){.bytes = number(body, "bytes"),
                                         .rows = number(body, "rows"),
                                         .taken = number(body, "taken"),
                                         .rejected = number(body, "rejected"),
                                         .duplicates = number(body, "duplicates")};
    const json_t *marks = json_object_get(body, "marks");
    for (size_t i = 0; i < json_array_size(marks) && i < STORE_PARTITIONS; i++)
        entry->marks.places[i] = (uint64_t)json_integer_value(json_array_get(marks, i));
    take_rejects(json_object_get(body, "rejects"), job);
}

static enum err take(int kind, const json_t *body, import_entries *entries, struct err_detail *detail)
{
    uint64_t id = number(body, "import");
    if (kind == KIND_ACCEPTED && id == entries->count + 1) {
        struct import_entry *entry = *array_push(entries) = memory_take_zeroed(1, sizeof *entry);
        take_accepted(body, entry);
        return ERR_OK;
    }
    if (kind == KIND_ACCEPTED || id == 0 || id > entries->count)
        return err_fail(detail, ERR_CORRUPT, "control log", "names import %" PRIu64 ", which is not there",
                        id);
    if (kind == KIND_BEGUN)
        take_begun(body, entries->items[id - 1]);
    else
        take_ended(body, entries->items[id - 1]);
    return ERR_OK;
}

enum err imports_log_read(const struct control *control, import_entries *ret, struct err_detail *detail)
{
    enum err err = ERR_OK;
    struct str note;
    for (int kind = 0; kind < KINDS && !err; kind++) {
        for (size_t i = 0; !err && control_note_at(control, kinds[kind], i, &note); i++) {
            json_t *body = NULL;
            err = document_parse(note, "control log", &body, detail);
            if (!err)
                err = take(kind, body, ret, detail);
            json_decref(body);
        }
    }
    return err;
}
