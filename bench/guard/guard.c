/* Three small workloads whose instructions callgrind counts (guard_test.py): what a machine's load cannot
 * blur. Each does its preparations first; only what happens within guard_workload is counted.
 *
 *     guard batch | timers | scan */
#include <stdio.h>

#include "base/check.h"
#include "base/prng.h"
#include "bench/people.h"
#include "ingest/segment.h"
#include "partition/partition.h"
#include "rule/rule.h"
#include "store/memory/store_memory.h"
#include "json/document.h"

enum { BATCH_RECORDS = 1000, TIMERS = 1000, SCANNED = 100000 };
static const int64_t start_ms = INT64_C(1767225600000);

struct guard {
    struct store *store;
    struct control *control;
    struct partition *partition;
    struct arena arena;
    struct json_reader *reader, *spare;
    struct buf body;
    struct people people;
    const struct rule_program *program;
    uint64_t found;
};

static const char definition[] =
    "{\"name\":\"Guard\",\"entry\":{\"rules\":[{\"event\":\"Cart Updated\"}]},\"timeout\":\"30d\","
    "\"exits\":[{\"event\":\"Order "
    "Completed\"}],\"nodes\":{\"cool_off\":{\"type\":\"wait\",\"for\":\"1h\",\"next\":\"end\"},"
    "\"end\":{\"type\":\"stop\"}},\"start\":\"cool_off\"}";

static void commit(struct guard *guard)
{
    const struct batch *batch = partition_take_batch(guard->partition);
    if (batch)
        partition_batch_done(guard->partition, batch);
}

/* One partition with a journey; its rows are decided and thrown away, so that only the engine is counted. */
static void prepare_partition(struct guard *guard)
{
    uint16_t version;
    json_t *document;
    const struct control_by by = {.actor = STR("guard"), .at_ms = start_ms};
    guard->store = store_memory_new(1);
    CHECK(control_open(guard->store, false, &guard->control, NULL) == ERR_OK);
    CHECK(document_parse(str_from(definition), "definition", &document, NULL) == ERR_OK);
    CHECK(control_publish(guard->control, document, &by, &version, NULL) == ERR_OK);
    json_decref(document);
    const struct partition_options options = {
        .store = guard->store, .control = guard->control, .late_tolerance = true};
    CHECK(partition_open(&options, &guard->partition, NULL) == ERR_OK);
    guard->reader = json_reader_new();
    guard->spare = json_reader_new();
}

static void make_body(struct guard *guard, uint32_t first_contact, const char *event)
{
    struct prng prng = {5};
    buf_clear(&guard->body);
    buf_put_text(&guard->body, "{\"batch\":[");
    for (uint32_t i = 0; i < BATCH_RECORDS; i++)
        buf_printf(&guard->body,
                   "%s{\"type\":\"track\",\"userId\":\"user-%08u\",\"event\":\"%s\",\"messageId\":\"m-%u\","
                   "\"properties\":{\"total\":%u.5,\"sku\":\"A-%u\"}}",
                   i ? "," : "", first_contact + i, i % 10 && !event ? "Product Viewed" : "Cart Updated",
                   first_contact + i, (unsigned)prng_below(&prng, 90), (unsigned)prng_below(&prng, 500));
    buf_put_text(&guard->body, "]}");
}

/* From the text of a request to decided rows. */
static void take_body(struct guard *guard, int64_t now_ms)
{
    struct json_node root, batch, node;
    struct str name;
    struct binding binding = {.control = guard->control};
    struct input *inputs = arena_take_array(&guard->arena, BATCH_RECORDS, sizeof *inputs);
    const struct segment_arrival arrival = {.type = STR(""), .received_ms = now_ms, .sent_ms = INSTANT_NEVER};
    size_t count = 0;
    CHECK(json_reader_parse(guard->reader, buf_str(&guard->body), &root, NULL) == ERR_OK);
    CHECK(json_node_find(root, STR("batch"), &batch));
    for (struct json_iterator it = json_node_iterate(batch); json_iterator_next(&it, &name, &node);) {
        struct segment segment;
        CHECK(segment_take(node, guard->spare, &arrival, &guard->arena, &segment, NULL) == ERR_OK);
        inputs[count++] =
            (struct input){.kind = INPUT_RECORD, .record = segment_record(&segment, &binding, &guard->arena)};
    }
    CHECK(partition_step(guard->partition, now_ms, control_position(guard->control), inputs, count, true,
                         NULL) == ERR_OK);
    commit(guard);
    arena_reset(&guard->arena);
}

/* ── the workloads ────────────────────────────────────────────────────────── */

/* Contacts and names are known: it is the steady state that is counted. */
static void prepare_batch(struct guard *guard)
{
    prepare_partition(guard);
    make_body(guard, 0, NULL);
    take_body(guard, start_ms);
}

static void prepare_timers(struct guard *guard)
{
    prepare_partition(guard);
    make_body(guard, 0, "Cart Updated");
    take_body(guard, start_ms);
}

static uint16_t name_id(void *context, enum name_kind kind, struct str name)
{
    (void)context;
    if (kind == NAME_EVENT)
        return 1;
    return str_equal(name, STR("coded")) ? PEOPLE_CODED : PEOPLE_NUMBERS;
}

static void prepare_scan(struct guard *guard)
{
    static const char text[] = "{\"all\":[{\"attribute\":\"coded\",\"eq\":\"value-1\"},"
                               "{\"attribute\":\"number\",\"gte\":250},{\"did\":\"seen\",\"at_least\":1}]}";
    const struct rule_binder binder = {NULL, name_id, NULL};
    const struct rule *rule;
    json_t *json;
    people_make(&guard->people, SCANNED, 1);
    CHECK(document_parse(str_from(text), "rule", &json, NULL) == ERR_OK);
    CHECK(rule_parse(json, "", &guard->arena, &rule, NULL) == ERR_OK);
    CHECK(rule_compile(rule, &binder, &guard->arena, &guard->program, NULL) == ERR_OK);
    json_decref(json);
}

static void scan(struct guard *guard)
{
    const struct rule_people people = {guard->people.contacts, guard->people.past};
    uint64_t *bits = arena_take_array(&guard->arena, SCANNED / 64 + 1, sizeof *bits);
    rule_scan(guard->program, &people, 0, SCANNED, start_ms, bits);
    for (uint32_t i = 0; i < SCANNED / 64; i++)
        guard->found += (uint64_t)__builtin_popcountll(bits[i]);
}

/* Callgrind counts from here (--toggle-collect); never inlined, so that it has a name. */
void guard_workload(struct guard *guard, char which);
__attribute__((noinline)) void guard_workload(struct guard *guard, char which)
{
    switch (which) {
    case 'b': take_body(guard, start_ms + 1000); break;
    case 't': CHECK(partition_run_until(guard->partition, start_ms + HOUR_MS, NULL) == ERR_OK); break;
    default: scan(guard); break;
    }
}

static void clean(struct guard *guard)
{
    if (guard->partition)
        partition_close(guard->partition);
    control_close(guard->control);
    if (guard->store)
        store_close(guard->store);
    json_reader_free(guard->reader);
    json_reader_free(guard->spare);
    buf_deinit(&guard->body);
    if (guard->people.contacts)
        people_free(&guard->people);
    arena_deinit(&guard->arena);
}

int main(int argc, char **argv)
{
    struct guard guard = {0};
    const char *which = argc == 2 ? argv[1] : "";
    if (strcmp(which, "batch") == 0) {
        prepare_batch(&guard);
        make_body(&guard, 500, NULL); /* half of them are new contacts */
    } else if (strcmp(which, "timers") == 0) {
        prepare_timers(&guard);
    } else if (strcmp(which, "scan") == 0) {
        prepare_scan(&guard);
    } else {
        fprintf(stderr, "usage: guard batch|timers|scan\n");
        return 2;
    }
    guard_workload(&guard, which[0]);
    if (which[0] == 's')
        printf("%llu found\n", (unsigned long long)guard.found);
    clean(&guard);
    return 0;
}
