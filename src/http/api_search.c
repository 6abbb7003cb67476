/* Contacts looked for: all of them in pages or by a part of their ids, and those that a rule holds for. Both
 * go through the contacts of a partition a slice at a visit, so that what moves them waits for a slice at
 * most. */
#include "base/check.h"
#include "http/api.h"
#include "json/document.h"
#include "json/write.h"

enum {
    SLICE = 4096, /* contacts a visit: under half a millisecond */
    LIST_USUAL = 50,
    LIST_MOST = 200,
    LOOK_MOST = 1 << 20, /* contacts a request of the list looks at */
    SAMPLE_USUAL = 10,
    SAMPLE_MOST = 100,
    TEXT_BYTES_MAX = EXTERNAL_ID_BYTES_MAX,
    NAME_OF_NOBODY = UINT16_MAX, /* behind every name and every call of the API (plan.h) */
    SEARCHES_MAX = 8,            /* at once, so that looking never takes the workers' time from moving */
};

/* ── how many at once ─────────────────────────────────────────────────────── */

static bool begin(struct service *service, struct http_request *request)
{
    struct err_detail detail = {"", ""};
    if (atomic_fetch_add(&service->searches, 1) < SEARCHES_MAX)
        return true;
    atomic_fetch_sub(&service->searches, 1);
    err_fail(&detail, ERR_BUSY, "", "%d searches are under way already; ask again in a second", SEARCHES_MAX);
    api_try_again(request, 503, ERR_BUSY, &detail);
    return false;
}

static void end(struct service *service, struct http_request *request, struct buf *out)
{
    atomic_fetch_sub(&service->searches, 1);
    api_answer(request, 200, out);
}

static void put_contact(const struct engine *engine, const struct names *names, struct contact_id id,
                        struct buf *out)
{
    api_item(out);
    buf_put_char(out, '{');
    api_text(out, "contact", contacts_external_id(engine_contacts(engine), id));
    api_put_attributes(engine, names, id, out);
    buf_put_char(out, '}');
}

/* ── the list ─────────────────────────────────────────────────────────────── */

struct listing {
    char wanted[TEXT_BYTES_MAX]; /* in small letters */
    size_t wanted_size;
    uint32_t limit, found, looked;
    uint32_t partition, next; /* where to go on: partition by partition, in order of id */
    uint32_t counts[STORE_PARTITIONS];
    struct buf rows;
};

static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Letters of ASCII are alike in both sizes; anything else is compared byte by byte. */
static bool has_wanted(const struct listing *listing, struct str id)
{
    char text[EXTERNAL_ID_BYTES_MAX];
    if (listing->wanted_size == 0)
        return true;
    if (id.size < listing->wanted_size || id.size > sizeof text)
        return false;
    for (size_t i = 0; i < id.size; i++)
        text[i] = small(id.data[i]);
    return memmem(text, id.size, listing->wanted, listing->wanted_size) != NULL;
}

static void look_at_slice(struct mail *mail, const struct partition *partition)
{
    struct gather *gather = gather_of(mail);
    struct listing *listing = gather->context;
    const struct engine *engine = partition_engine(partition);
    const struct contacts *contacts = engine_contacts(engine);
    const struct names *names = control_names(gather->service->control);
    uint32_t count = contacts_count(contacts);
    listing->counts[listing->partition] = count;
    uint32_t last = count - listing->next < SLICE ? count : listing->next + SLICE;
    for (; listing->next < last && listing->found < listing->limit; listing->next++) {
        struct contact_id id = {listing->next};
        listing->looked++;
        if (!has_wanted(listing, contacts_external_id(contacts, id)))
            continue;
        listing->found++;
        put_contact(engine, names, id, &listing->rows);
    }
}

static void answer_list(struct gather *gather)
{
    struct listing *listing = gather->context;
    uint64_t total = 0;
    uint32_t partitions = crew_partitions(gather->service->crew);
    struct buf out = {0};
    for (uint32_t i = 0; i < partitions; i++)
        total += listing->counts[i];
    buf_put_text(&out, "{\"contacts\":[");
    buf_put_str(&out, buf_str(&listing->rows));
    buf_put_char(&out, ']');
    buf_deinit(&listing->rows);
    api_key(&out, "next");
    if (listing->partition < partitions)
        buf_printf(&out, "\"%llu\"",
                   (unsigned long long)listing->partition << 32 | (unsigned long long)listing->next);
    else
        buf_put_text(&out, "null");
    api_number(&out, "looked_at", listing->looked);
    api_number(&out, "total", (int64_t)total);
    buf_put_char(&out, '}');
    end(gather->service, gather->request, &out);
}

static void go_on(struct gather *gather)
{
    struct listing *listing = gather->context;
    uint32_t partitions = crew_partitions(gather->service->crew);
    while (listing->partition < partitions && listing->next >= listing->counts[listing->partition]) {
        listing->partition++;
        listing->next = 0;
    }
    if (listing->partition == partitions || listing->found == listing->limit ||
        listing->looked >= LOOK_MOST) {
        answer_list(gather);
        return;
    }
    gather_again(gather);
    gather_read(gather, listing->partition, look_at_slice);
    gather_post(gather);
}

static void count_contacts(struct mail *mail, const struct partition *partition)
{
    struct listing *listing = gather_of(mail)->context;
    listing->counts[partition_id(partition)] = contacts_count(engine_contacts(partition_engine(partition)));
}

static enum err parse_list(const struct service *service, const struct http_request *request,
                           struct listing *ret, struct err_detail *detail)
{
    struct api_page page;
    struct str wanted;
    int64_t from = 0;
    enum err err = api_page_of(request, LIST_USUAL, LIST_MOST, &page, detail);
    if (err)
        return err;
    if (page.cursor.size && (!str_to_int64(page.cursor, &from) || from < 0 ||
                             from >> 32 >= (int64_t)crew_partitions(service->crew)))
        return err_fail(detail, ERR_INVALID, "cursor", "is none that this list gave; begin without one");
    if (http_request_query(request, "q", &wanted)) {
        if (wanted.size == 0 || wanted.size > TEXT_BYTES_MAX)
            return err_fail(detail, ERR_INVALID, "q",
                            "must be a part of an id, 1 to %d bytes; leave it out for all", TEXT_BYTES_MAX);
        for (size_t i = 0; i < wanted.size; i++)
            ret->wanted[i] = small(wanted.data[i]);
        ret->wanted_size = wanted.size;
    }
    ret->limit = page.limit;
    ret->partition = (uint32_t)(from >> 32);
    ret->next = (uint32_t)from;
    return ERR_OK;
}

void api_contacts_list(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct listing *listing = arena_take(http_request_arena(request), sizeof *listing);
    enum err err = parse_list(service, request, listing, &detail);
    if (err) {
        http_problem(request, 400, err, &detail);
        return;
    }
    if (!begin(service, request))
        return;
    struct gather *gather = gather_new(service, request, go_on, listing);
    for (uint32_t i = 0; i < crew_partitions(service->crew); i++)
        gather_read(gather, i, count_contacts);
    gather_post(gather);
}

/* ── by a rule ────────────────────────────────────────────────────────────── */

/* One partition's part: its worker alone writes it. */
struct part {
    uint32_t next, contacts, matches, shown;
    bool done, behind;
    uint32_t *ends; /* of the rows shown, in `rows` */
    struct buf rows;
};

struct search {
    const struct rule_program *program;
    int64_t now_ms;
    uint32_t sample;
    uint32_t aggregates; /* as many as the program needs to be registered */
    struct part parts[STORE_PARTITIONS];
};

static void show(const struct search *search, struct part *part, const struct engine *engine,
                 const struct names *names, uint32_t contact)
{
    if (part->shown == search->sample)
        return;
    put_contact(engine, names, (struct contact_id){contact}, &part->rows);
    part->ends[part->shown++] = (uint32_t)part->rows.size;
}

static void judge_slice(struct mail *mail, const struct partition *partition)
{
    struct gather *gather = gather_of(mail);
    struct search *search = gather->context;
    struct part *part = &search->parts[partition_id(partition)];
    const struct engine *engine = partition_engine(partition);
    const struct names *names = control_names(gather->service->control);
    const struct rule_people people = {engine_contacts(engine), engine_past(engine)};
    uint64_t bits[SLICE / 64];
    part->contacts = contacts_count(people.contacts);
    part->behind = past_aggregates(people.past) < search->aggregates;
    uint32_t left = part->contacts - part->next, count = left < SLICE ? left : SLICE;
    part->done = part->behind || count == left;
    if (part->behind)
        return;
    rule_scan(search->program, &people, part->next, count, search->now_ms, bits);
    for (uint32_t word = 0; word < (count + 63) / 64; word++) {
        part->matches += (uint32_t)__builtin_popcountll(bits[word]);
        for (uint64_t rest = part->shown < search->sample ? bits[word] : 0; rest; rest &= rest - 1)
            show(search, part, engine, names, part->next + word * 64 + (uint32_t)__builtin_ctzll(rest));
    }
    part->next += count;
}

static void put_sample(const struct search *search, uint32_t partitions, struct buf *out)
{
    uint32_t left = search->sample;
    for (uint32_t i = 0; i < partitions && left; i++) {
        const struct part *part = &search->parts[i];
        uint32_t shown = part->shown < left ? part->shown : left;
        if (shown == 0)
            continue;
        api_item(out);
        buf_put(out, part->rows.data, part->ends[shown - 1]);
        left -= shown;
    }
}

static void free_rows(struct search *search)
{
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++)
        buf_deinit(&search->parts[i].rows);
}

static void answer_matches(struct gather *gather)
{
    struct search *search = gather->context;
    uint32_t partitions = crew_partitions(gather->service->crew);
    struct buf out = {0};
    int64_t count = 0, total = 0;
    for (uint32_t i = 0; i < partitions; i++) {
        count += search->parts[i].matches;
        total += search->parts[i].contacts;
    }
    buf_put_char(&out, '{');
    api_number(&out, "count", count);
    api_number(&out, "total", total);
    api_instant(&out, "at", search->now_ms);
    api_key(&out, "sample");
    buf_put_char(&out, '[');
    put_sample(search, partitions, &out);
    buf_put_text(&out, "]}");
    free_rows(search);
    end(gather->service, gather->request, &out);
}

static void answer_behind(struct gather *gather)
{
    struct err_detail detail = {"", ""};
    atomic_fetch_sub(&gather->service->searches, 1);
    free_rows(gather->context);
    err_fail(&detail, ERR_BUSY, "",
             "a journey is being published that counts what the rule asks for; ask again in a second");
    api_try_again(gather->request, 503, ERR_BUSY, &detail);
}

static void search_on(struct gather *gather)
{
    struct search *search = gather->context;
    uint32_t partitions = crew_partitions(gather->service->crew), open = 0;
    bool behind = false;
    gather_again(gather);
    for (uint32_t i = 0; i < partitions; i++)
        behind |= search->parts[i].behind;
    for (uint32_t i = 0; i < partitions && !behind; i++) {
        if (search->parts[i].done)
            continue;
        gather_read(gather, i, judge_slice);
        open++;
    }
    if (open) {
        gather_post(gather);
        return;
    }
    if (behind)
        answer_behind(gather);
    else
        answer_matches(gather);
}

/* ── the rule ─────────────────────────────────────────────────────────────── */

struct binding {
    const struct plan *plan;
    uint32_t aggregates;
    bool lacks; /* an aggregate */
};

/* A name that nobody has used yet: a column and a count that are empty in every partition. */
static uint16_t find_name(void *context, enum name_kind kind, struct str name)
{
    const struct binding *binding = context;
    uint16_t id = names_find(plan_names(binding->plan), kind, name);
    return id ? id : NAME_OF_NOBODY;
}

/* A question registers nothing: what counts must be there. An event that nobody has done has none, and none
 * is needed, but a program cannot say so. */
static uint16_t find_aggregate(void *context, uint16_t event, const struct where *where, uint16_t ring)
{
    struct binding *binding = context;
    for (uint16_t i = 0; i < plan_aggregate_count(binding->plan); i++) {
        const struct plan_aggregate *a = plan_aggregate(binding->plan, i);
        if (a->event != event || a->ring < ring || !where_equal(a->where, where))
            continue;
        if (binding->aggregates <= i)
            binding->aggregates = i + 1u;
        return i;
    }
    binding->lacks = true;
    return UINT16_MAX;
}

static enum err compile_rule(struct service *service, struct arena *arena, const struct rule *rule,
                             struct search *search, struct err_detail *detail)
{
    crew_control_read(service->crew);
    struct binding binding = {.plan = control_plan(service->control)};
    const struct rule_binder binder = {&binding, find_name, find_aggregate};
    enum err err = rule_compile(rule, &binder, arena, &search->program, detail);
    crew_control_unlock(service->crew);
    search->aggregates = binding.aggregates;
    if (binding.lacks)
        err = err_fail(
            detail, ERR_UNSUPPORTED, "/rule",
            "counting by properties, or to more than one within a window, is answered where a published "
            "journey counts the same; ask without `where`, or for one within the window");
    return err;
}

static enum err parse_search(struct service *service, json_t *document, struct arena *arena,
                             struct search *ret, struct err_detail *detail)
{
    const char *key;
    json_t *member;
    const struct rule *rule;
    int64_t sample = SAMPLE_USUAL;
    if (!json_is_object(document))
        return err_fail(detail, ERR_INVALID, "", "must be an object with a member `rule`");
    json_object_foreach(document, key, member)
    {
        if (strcmp(key, "rule") != 0 && strcmp(key, "sample") != 0)
            return err_fail(detail, ERR_INVALID, pointer_join(arena, "", key),
                            "is unknown; there are rule and sample");
    }
    const json_t *given = json_object_get(document, "sample");
    if (given) {
        sample = json_is_integer(given) ? json_integer_value(given) : -1;
        if (sample < 0 || sample > SAMPLE_MOST)
            return err_fail(detail, ERR_INVALID, "/sample", "must be a whole number from 0 to %d",
                            SAMPLE_MOST);
    }
    if (!json_object_get(document, "rule"))
        return err_fail(detail, ERR_INVALID, "/rule",
                        "is missing; write a rule like {\"attribute\": \"plan\", \"eq\": \"pro\"}");
    enum err err = rule_parse(json_object_get(document, "rule"), "/rule", arena, &rule, detail);
    ret->sample = (uint32_t)sample;
    return err ? err : compile_rule(service, arena, rule, ret, detail);
}

void api_contacts_search(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct arena *arena = http_request_arena(request);
    struct search *search = arena_take(arena, sizeof *search);
    json_t *document = NULL;
    enum err err = api_document(request, &document, &detail);
    if (!err)
        err = parse_search(service, document, arena, search, &detail);
    json_decref(document);
    if (err) {
        http_problem(request, 0, err, &detail);
        return;
    }
    if (!begin(service, request))
        return;
    search->now_ms = service->clock(service->clock_context);
    struct gather *gather = gather_new(service, request, search_on, search);
    for (uint32_t i = 0; i < crew_partitions(service->crew); i++) {
        search->parts[i].ends = arena_take_array(arena, search->sample, sizeof *search->parts[i].ends);
        gather_read(gather, i, judge_slice);
    }
    gather_post(gather);
}
