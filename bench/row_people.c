/* What everybody costs: a rule over all contacts, and the memory of contacts and enrollments. */
#include <pthread.h>

#include "base/check.h"
#include "bench/bench.h"
#include "bench/child.h"
#include "bench/people.h"
#include "engine/engine.h"
#include "partition/control.h"
#include "rule/rule.h"
#include "store/memory/store_memory.h"
#include "json/document.h"

enum { PARTITIONS = 16, SCAN_THREADS = 2, SLICE = 65536, SCANS = 9, CONTACTS_MEASURED = 10000000 };
static const int64_t now_ms = INT64_C(1767225600000);

static const char three[] =
    "{\"all\":[{\"attribute\":\"coded\",\"eq\":\"value-1\"},{\"attribute\":\"number\",\"gte\":250},"
    "{\"did\":\"seen\",\"at_least\":1}]}";
static const char contains[] = "{\"attribute\":\"unique\",\"contains\":\"7f3@\"}";

/* The names of the rules above as the ids of bench/people.h. */
static uint16_t name_id(void *context, enum name_kind kind, struct str name)
{
    (void)context;
    if (kind == NAME_EVENT)
        return 1;
    return str_equal(name, STR("coded"))    ? PEOPLE_CODED
           : str_equal(name, STR("number")) ? PEOPLE_NUMBERS
                                            : PEOPLE_UNIQUE;
}

static uint16_t no_aggregate(void *context, uint16_t event, const struct where *where, uint16_t ring)
{
    (void)context, (void)event, (void)where, (void)ring;
    return UINT16_MAX;
}

struct scan {
    const struct rule_program *program;
    struct people *partitions;
    uint32_t first, step; /* partitions first, first + step, … */
    uint64_t found;
};

static void *scan_partitions(void *context)
{
    struct scan *scan = context;
    uint64_t bits[SLICE / 64];
    for (uint32_t p = scan->first; p < PARTITIONS; p += scan->step) {
        const struct rule_people people = {scan->partitions[p].contacts, scan->partitions[p].past};
        uint32_t count = contacts_count(people.contacts);
        for (uint32_t first = 0; first < count; first += SLICE) {
            uint32_t size = count - first < SLICE ? count - first : SLICE;
            rule_scan(scan->program, &people, first, size, now_ms, bits);
            for (uint32_t i = 0; i < (size + 63) / 64; i++)
                scan->found += (uint64_t)__builtin_popcountll(bits[i]);
        }
    }
    return NULL;
}

static const struct rule_program *compile(const char *text, struct arena *arena)
{
    const struct rule_binder binder = {NULL, name_id, no_aggregate};
    const struct rule_program *program;
    const struct rule *rule;
    json_t *json;
    CHECK(document_parse(str_from(text), "rule", &json, NULL) == ERR_OK);
    CHECK(rule_parse(json, "", arena, &rule, NULL) == ERR_OK &&
          rule_compile(rule, &binder, arena, &program, NULL) == ERR_OK);
    json_decref(json);
    return program;
}

static double scan_once(const struct bench *bench, const struct rule_program *program,
                        struct people *partitions, uint64_t *ret_found)
{
    struct scan scans[SCAN_THREADS];
    pthread_t threads[SCAN_THREADS];
    double begin = bench->environment->seconds();
    for (uint32_t i = 0; i < SCAN_THREADS; i++) {
        scans[i] = (struct scan){program, partitions, i, SCAN_THREADS, 0};
        pthread_create(&threads[i], NULL, scan_partitions, &scans[i]);
    }
    *ret_found = 0;
    for (uint32_t i = 0; i < SCAN_THREADS; i++) {
        pthread_join(threads[i], NULL);
        *ret_found += scans[i].found;
    }
    return bench->environment->seconds() - begin;
}

/* Seconds of one scan over everybody, by as many threads as a server of two cores has workers: the median of
 * several. */
static double scan_all(const struct bench *bench, const char *rule, struct people *partitions,
                       uint64_t *ret_found)
{
    struct arena arena = {0};
    double seconds[SCANS];
    const struct rule_program *program = compile(rule, &arena);
    for (size_t i = 0; i < SCANS; i++)
        seconds[i] = scan_once(bench, program, partitions, ret_found);
    arena_deinit(&arena);
    return bench_percentile(seconds, SCANS, 0.5);
}

/* Reads as many bytes as the columns of three predicates are, once, one thread: what memory itself takes. */
static double read_bytes(const struct bench *bench, size_t bytes)
{
    uint64_t *words = memory_take_zeroed(bytes / sizeof *words, sizeof *words), sum = 0;
    for (size_t i = 0; i < bytes / sizeof *words; i++)
        words[i] = i;
    double begin = bench->environment->seconds();
    for (size_t i = 0; i < bytes / sizeof *words; i++)
        sum += words[i];
    double seconds = bench->environment->seconds() - begin;
    CHECK(sum != 1);
    free(words);
    return seconds;
}

enum err bench_rules(const struct bench *bench, struct readings *readings, struct err_detail *detail)
{
    (void)detail;
    uint32_t contacts = bench->full ? CONTACTS_MEASURED : 1000000;
    double scale = (double)CONTACTS_MEASURED / contacts;
    struct people partitions[PARTITIONS];
    uint64_t found;
    for (uint32_t p = 0; p < PARTITIONS; p++)
        people_make(&partitions[p], contacts / PARTITIONS, p + 1);
    double seconds = scan_all(bench, three, partitions, &found);
    reading_judge(readings, BENCH_AT_MOST, 50, "ms", 1e3 * seconds * scale,
                  "three predicates, for 10 M contacts");
    reading_show(readings, "%", 100.0 * (double)found / contacts, "who meet them");
    seconds = scan_all(bench, contains, partitions, &found);
    reading_judge(readings, BENCH_AT_MOST, 1000, "ms", 1e3 * seconds * scale,
                  "contains on a unique string, for 10 M");
    reading_show(readings, "ms", 1e3 * read_bytes(bench, (size_t)contacts * 22) * scale,
                 "reading 22 bytes each, one thread, for 10 M");
    for (uint32_t p = 0; p < PARTITIONS; p++)
        people_free(&partitions[p]);
    return ERR_OK;
}

/* ── memory ───────────────────────────────────────────────────────────────── */

struct count_of {
    uint32_t contacts;
};

static enum err weigh_contacts(const struct bench *bench, const void *context,
                               double values[CHILD_VALUES_MAX], struct err_detail *detail)
{
    (void)bench, (void)detail;
    const struct count_of *count = context;
    struct people people;
    double before = child_resident_bytes();
    people_make(&people, count->contacts, 1);
    values[0] = (child_resident_bytes() - before) / count->contacts;
    return ERR_OK;
}

static const char waiting[] =
    "{\"name\":\"Waiting\",\"entry\":{\"rules\":[{\"event\":\"Joined\"}]},\"timeout\":\"30d\",\"nodes\":{"
    "\"a\":{\"type\":\"wait\",\"for\":\"7d\",\"next\":\"end\"},\"end\":{\"type\":\"stop\"}},\"start\":\"a\"}";

struct numbering {
    uint64_t next;
};

static uint64_t take_seqs(void *context, uint32_t count)
{
    struct numbering *numbering = context;
    uint64_t first = numbering->next;
    numbering->next += count;
    return first;
}

static void record_all(struct engine *engine, struct batch *batch, uint32_t contacts, enum event_kind kind,
                       uint16_t event)
{
    for (uint32_t i = 0; i < contacts; i++) {
        char id[16];
        int size = snprintf(id, sizeof id, "u%08u", i);
        struct record record = {.kind = kind,
                                .external_id = {id, (size_t)size},
                                .at_ms = INSTANT_NEVER,
                                .name = event,
                                .body = STR("{}")};
        record.hash = contact_hash(record.external_id);
        engine_record(engine, &record);
        if (batch_rows(batch) > 1000) {
            batch_clear(batch);
            engine_set_now(engine, engine_now(engine) + 1); /* nobody's contacts all come at one instant */
        }
    }
}

/* An engine alone, its rows thrown away: contacts and what they did first, then each enters. Wait and timeout
 * are armed.
 */
static enum err weigh_enrollments(const struct bench *bench, const void *context,
                                  double values[CHILD_VALUES_MAX], struct err_detail *detail)
{
    (void)bench;
    const struct count_of *count = context;
    struct store *store = store_memory_new(1);
    struct control *control;
    const struct control_by by = {.actor = STR("bench"), .at_ms = now_ms};
    struct numbering numbering = {1};
    struct batch batch = {0};
    uint16_t version;
    json_t *document;
    enum err err = control_open(store, false, &control, detail);
    if (!err)
        err = document_parse(str_from(waiting), "definition", &document, detail);
    if (!err)
        err = control_publish(control, document, &by, &version, detail);
    if (err)
        return err;
    const struct engine_options options = {
        .plan = control_plan(control), .seqs = take_seqs, .seqs_context = &numbering};
    struct engine *engine = engine_new(&options);
    struct action publish;
    CHECK(control_action(control, 0, &publish));
    engine_set_batch(engine, &batch);
    engine_set_now(engine, now_ms);
    uint16_t event = names_find(control_names(control), NAME_EVENT, STR("Joined"));
    record_all(engine, &batch, count->contacts, EVENT_TRACK, event);
    engine_action(engine, &publish);
    double before = child_resident_bytes();
    record_all(engine, &batch, count->contacts, EVENT_TRACK, event);
    values[0] = (child_resident_bytes() - before) / count->contacts;
    return ERR_OK;
}

enum err bench_memory(const struct bench *bench, struct readings *readings, struct err_detail *detail)
{
    const struct count_of count = {bench->full ? CONTACTS_MEASURED : 1000000};
    double contact[CHILD_VALUES_MAX], enrollment[CHILD_VALUES_MAX];
    enum err err = child_measure(bench, weigh_contacts, &count, contact, detail);
    if (!err)
        err = child_measure(bench, weigh_enrollments, &count, enrollment, detail);
    if (err)
        return err;
    reading_judge(readings, BENCH_AT_MOST, 300, "B", contact[0],
                  "a contact: UUID, 10 attributes, 3 kinds of event");
    reading_show(readings, "B", 36 + 24 + 4 + 3 * 8 + 1 + 8 + 3 * 20, "the same as bare bytes");
    reading_judge(readings, BENCH_AT_MOST, 48, "B", enrollment[0], "an enrollment, with its two timers");
    return ERR_OK;
}
