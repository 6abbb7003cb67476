/* Events and traits in Segment's form. A request is taken whole or not at all: its records are read, room for
 * them is taken, their names are known to the control plane, and only then are they parted over the
 * partitions; the answer waits until all of them are durable. */
#include "calendar/instant.h"
#include "http/api.h"
#include "ingest/naming.h"
#include "json/write.h"

enum { BATCH_RECORDS_MAX = 10000 }; /* bounds the list of errors; the clients send hundreds */

struct refusal { /* of one record */
    uint32_t index;
    struct str path, message;
};

struct ingest {
    struct read_job job; /* first */
    struct service *service;
    struct http_request *request;
    struct arena *arena;
    struct json_reader *reader, *spare;
    struct segment_arrival arrival;
    struct segment *segments; /* those that were taken, in order */
    size_t count, room;
    struct refusal *refusals;
    size_t refusal_count;
    bool may_wait; /* this thread, for the disk */
};

/* ── reading ──────────────────────────────────────────────────────────────── */

static void take_record(struct ingest *ingest, struct json_node node, uint32_t index)
{
    struct err_detail detail = {"", ""};
    struct segment *segment = &ingest->segments[ingest->count];
    if (segment_take(node, ingest->spare, &ingest->arrival, ingest->arena, segment, &detail) == ERR_OK) {
        /* what happens now happens when it is judged: records of one request then lie in their order, not
         * before an entry that the first of them makes */
        if (segment->at_ms >= ingest->arrival.received_ms)
            segment->at_ms = INSTANT_NEVER;
        ingest->count++;
        return;
    }
    ingest->refusals[ingest->refusal_count++] =
        (struct refusal){index, arena_str(ingest->arena, str_from(detail.place)),
                         arena_str(ingest->arena, str_from(detail.text))};
}

static enum err take_sent_at(struct json_node root, int64_t *ret_ms, struct err_detail *detail)
{
    struct json_node node;
    if (!json_node_find(root, STR("sentAt"), &node) || json_node_type(node) == JSON_TYPE_NULL)
        return ERR_OK;
    if (json_node_type(node) != JSON_TYPE_STRING)
        return err_fail(detail, ERR_INVALID, "/sentAt", "a string is expected here");
    return event_time_parse(json_node_string(node), "/sentAt", ret_ms, detail);
}

static enum err take_batch(struct ingest *ingest, struct json_node root, struct err_detail *detail)
{
    struct json_node batch, node;
    struct str name;
    uint32_t count = 0, index = 0;
    if (!json_node_find(root, STR("batch"), &batch) || json_node_type(batch) != JSON_TYPE_ARRAY)
        return err_fail(detail, ERR_INVALID, "/batch", "an array of records is expected here");
    enum err err = take_sent_at(root, &ingest->arrival.sent_ms, detail);
    if (err)
        return err;
    for (struct json_iterator it = json_node_iterate(batch); json_iterator_next(&it, &name, &node);)
        count++;
    if (count > BATCH_RECORDS_MAX)
        return err_fail(detail, ERR_LIMIT, "/batch", "%u records; send at most %d at once", count,
                        BATCH_RECORDS_MAX);
    ingest->segments = arena_take_array(ingest->arena, count, sizeof *ingest->segments);
    ingest->refusals = arena_take_array(ingest->arena, count, sizeof *ingest->refusals);
    for (struct json_iterator it = json_node_iterate(batch); json_iterator_next(&it, &name, &node);)
        take_record(ingest, node, index++);
    return ERR_OK;
}

static enum err parse_body(struct ingest *ingest, struct json_node *ret, struct err_detail *detail)
{
    enum err err = json_reader_parse(ingest->reader, http_request_body(ingest->request), ret, detail);
    if (!err && json_node_type(*ret) != JSON_TYPE_OBJECT)
        return err_fail(detail, ERR_INVALID, "", "the body must be a JSON object");
    return err;
}

/* Some of Segment's clients send the write key with the records instead of as a header. */
static struct str write_key_of(struct json_node root)
{
    struct json_node node;
    return json_node_find(root, STR("writeKey"), &node) && json_node_type(node) == JSON_TYPE_STRING
               ? json_node_string(node)
               : STR("");
}

static enum err take_body(struct ingest *ingest, struct json_node root, struct err_detail *detail)
{
    if (ingest->arrival.type.size == 0)
        return take_batch(ingest, root, detail);
    ingest->segments = arena_take(ingest->arena, sizeof *ingest->segments);
    ingest->refusals = arena_take(ingest->arena, sizeof *ingest->refusals);
    take_record(ingest, root, 0);
    return ERR_OK;
}

/* ── parting ──────────────────────────────────────────────────────────────── */

static struct input *bind_inputs(struct ingest *ingest)
{
    struct service *service = ingest->service;
    struct binding binding = {.control = service->control};
    struct input *inputs = arena_take_array(ingest->arena, ingest->count, sizeof *inputs);
    crew_control_read(service->crew);
    for (size_t i = 0; i < ingest->count; i++)
        inputs[i] = (struct input){.kind = INPUT_RECORD,
                                   .record = segment_record(&ingest->segments[i], &binding, ingest->arena)};
    crew_control_unlock(service->crew);
    return inputs;
}

/* Each partition's inputs side by side, in the order of the request. */
static void part(struct ingest *ingest, const struct input *inputs, struct gather *gather)
{
    uint32_t partitions = crew_partitions(ingest->service->crew);
    size_t counts[STORE_PARTITIONS] = {0}, filled[STORE_PARTITIONS] = {0};
    struct input *own[STORE_PARTITIONS];
    for (size_t i = 0; i < ingest->count; i++)
        counts[partition_of(inputs[i].record.hash, partitions)]++;
    for (uint32_t p = 0; p < partitions; p++)
        own[p] = arena_take_array(ingest->arena, counts[p], sizeof *inputs);
    for (size_t i = 0; i < ingest->count; i++) {
        uint32_t p = partition_of(inputs[i].record.hash, partitions);
        own[p][filled[p]++] = inputs[i];
    }
    for (uint32_t p = 0; p < partitions; p++) {
        if (counts[p])
            gather_inputs(gather, p, own[p], counts[p]);
    }
}

/* ── answering ────────────────────────────────────────────────────────────── */

static void put_refusals(const struct ingest *ingest, struct buf *out)
{
    api_key(out, "errors");
    buf_put_char(out, '[');
    for (size_t i = 0; i < ingest->refusal_count; i++) {
        const struct refusal *refusal = &ingest->refusals[i];
        api_item(out);
        buf_put_char(out, '{');
        api_number(out, "index", refusal->index);
        api_text(out, "path", refusal->path);
        api_text(out, "message", refusal->message);
        buf_put_char(out, '}');
    }
    buf_put_char(out, ']');
}

static void answer_taken(struct ingest *ingest)
{
    struct buf out = {0};
    struct http_request *request = ingest->request;
    buf_put_text(&out, "{\"success\":true");
    if (ingest->refusal_count)
        put_refusals(ingest, &out);
    buf_put_char(&out, '}');
    crew_room_give(ingest->service->crew, ingest->room);
    api_answer(request, 200, &out);
}

static void answer_none_taken(struct ingest *ingest)
{
    struct err_detail detail = {"", ""};
    struct buf members = {0};
    err_fail(&detail, ERR_INVALID, "", "no record was taken; `errors` says for each what is wrong");
    put_refusals(ingest, &members);
    crew_room_give(ingest->service->crew, ingest->room);
    api_problem(ingest->request, 400, ERR_INVALID, &detail, buf_str(&members));
    buf_deinit(&members);
}

static void on_durable(struct gather *gather)
{
    answer_taken(gather->context);
}

static bool take_room(struct ingest *ingest, size_t bytes)
{
    if (!crew_room_take(ingest->service->crew, bytes))
        return false;
    ingest->room += bytes;
    return true;
}

static void refuse_room(struct ingest *ingest)
{
    struct err_detail detail = {"", ""};
    crew_room_give(ingest->service->crew, ingest->room);
    err_fail(&detail, ERR_BUSY, "",
             "more records are waiting to be written than there is room for; "
             "send them again in a second");
    api_try_again(ingest->request, 429, ERR_BUSY, &detail);
}

static void refuse(struct ingest *ingest, enum err err, const struct err_detail *detail)
{
    crew_room_give(ingest->service->crew, ingest->room);
    api_refuse(ingest->request, err, detail);
}

/* ── the way through ──────────────────────────────────────────────────────── */

static read_job_run run_again;

/* New names wait for the disk: the request begins once more on the thread where that may be. Its readers are
 * of this thread, so nothing but its arrival is kept. */
static void begin_again(struct ingest *ingest)
{
    crew_room_give(ingest->service->crew, ingest->room);
    ingest->room = 0;
    ingest->count = ingest->refusal_count = 0;
    ingest->arrival.sent_ms = INSTANT_NEVER;
    struct err_detail detail = {"", ""};
    struct http_request *request = ingest->request;
    ingest->job.run = run_again;
    if (read_pool_post(ingest->service->changes, &ingest->job))
        return;
    err_fail(&detail, ERR_BUSY, "", "too many new names are waiting for the disk; send it again in a second");
    api_try_again(request, 503, ERR_BUSY, &detail);
}

/* What was read takes more room than its text; only then is it known how much. */
static void hand_over(struct ingest *ingest)
{
    struct err_detail detail = {"", ""};
    if (!ingest->may_wait &&
        !naming_is_known(ingest->service->crew, ingest->service->control, ingest->segments, ingest->count)) {
        begin_again(ingest);
        return;
    }
    enum err err = naming_ensure(ingest->service->crew, ingest->service->control, ingest->segments,
                                 ingest->count, &detail);
    if (err) {
        refuse(ingest, err, &detail);
        return;
    }
    struct gather *gather = gather_new(ingest->service, ingest->request, on_durable, ingest);
    part(ingest, bind_inputs(ingest), gather);
    if (take_room(ingest, ingest->arena->bytes))
        gather_post(gather);
    else
        refuse_room(ingest);
}

static void take(struct ingest *ingest)
{
    struct crew *crew = ingest->service->crew;
    struct err_detail detail = {"", ""};
    struct json_node root;
    enum err err = parse_body(ingest, &root, &detail);
    size_t room = ingest->room;
    if (!http_request_admit(ingest->request, err ? STR("") : write_key_of(root))) {
        crew_room_give(crew, room);
        return;
    }
    if (!err)
        err = take_body(ingest, root, &detail);
    if (err)
        refuse(ingest, err, &detail);
    else if (ingest->count == 0 && ingest->refusal_count)
        answer_none_taken(ingest);
    else if (ingest->count == 0)
        answer_taken(ingest);
    else
        hand_over(ingest);
}

static void begin(struct ingest *ingest)
{
    if (crew_stalled(ingest->service->crew)) {
        struct err_detail detail = {"", ""};
        err_fail(&detail, ERR_FULL, "",
                 "the disk takes nothing just now (full or busy); send it again later");
        api_try_again(ingest->request, 503, ERR_FULL, &detail);
        return;
    }
    if (!take_room(ingest, http_request_body(ingest->request).size)) {
        refuse_room(ingest);
        return;
    }
    struct json_reader *reader = json_reader_new(), *spare = json_reader_new();
    ingest->reader = reader;
    ingest->spare = spare;
    take(ingest); /* the request may be answered and gone after it */
    json_reader_free(reader);
    json_reader_free(spare);
}

static void run_again(struct read_job *job)
{
    struct ingest *ingest = (struct ingest *)job;
    ingest->may_wait = true;
    begin(ingest);
}

static void start(struct service *service, struct http_request *request, struct str type)
{
    struct arena *arena = http_request_arena(request);
    struct ingest *ingest = arena_take(arena, sizeof *ingest);
    *ingest = (struct ingest){.service = service,
                              .request = request,
                              .arena = arena,
                              .arrival = {.type = type,
                                          .received_ms = service->clock(service->clock_context),
                                          .sent_ms = INSTANT_NEVER}};
    begin(ingest);
}

void api_identify(void *context, struct http_request *request)
{
    start(context, request, STR("identify"));
}

void api_track(void *context, struct http_request *request)
{
    start(context, request, STR("track"));
}

void api_page_viewed(void *context, struct http_request *request)
{
    start(context, request, STR("page"));
}

void api_screen_viewed(void *context, struct http_request *request)
{
    start(context, request, STR("screen"));
}

void api_batch(void *context, struct http_request *request)
{
    start(context, request, STR(""));
}
