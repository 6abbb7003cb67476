#include "base/check.h"
#include "journey/checklist.h"
#include "partition/control_state.h"
#include "json/depth.h"
#include "json/document.h"
#include "json/write.h"

/* ── ids and look-ups ─────────────────────────────────────────────────────── */

void control_journey_id(uint32_t number, char ret[CONTROL_ID_BYTES])
{
    snprintf(ret, CONTROL_ID_BYTES, "j%u", number);
}

bool control_is_id(struct str text)
{
    if (text.size < 2 || text.data[0] != 'j')
        return false;
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return true;
}

static struct control_journey *get(const struct control *control, uint32_t number)
{
    CHECK(number > 0 && number <= control->journeys.count);
    return control->journeys.items[number - 1];
}

const struct control_journey *control_journey(const struct control *control, uint32_t number)
{
    return number > 0 && number <= control->journeys.count ? get(control, number) : NULL;
}

static struct control_journey *find_name(const struct control *control, struct str name)
{
    array_each (&control->journeys, i) {
        struct control_journey *journey = control->journeys.items[i];
        if (!journey->gone && str_equal(journey->name, name))
            return journey;
    }
    return NULL;
}

const struct control_journey *control_find_journey(const struct control *control, struct str id_or_name)
{
    int64_t number;
    if (control_is_id(id_or_name) && id_or_name.data[1] != '0' &&
        str_to_int64((struct str){id_or_name.data + 1, id_or_name.size - 1}, &number) &&
        number <= (int64_t)control->journeys.count && !get(control, (uint32_t)number)->gone)
        return get(control, (uint32_t)number);
    return find_name(control, id_or_name); /* one published before there were ids may be named like one */
}

const struct control_journey *control_journey_of(const struct control *control, uint16_t version)
{
    CHECK(version < control->journey_numbers.count);
    return get(control, control->journey_numbers.items[version]);
}

uint16_t control_newest(const struct control_journey *journey)
{
    size_t count = journey->versions.count;
    return count ? journey->versions.items[count - 1].number : VERSION_NONE;
}

void control_touch(struct control *control, uint16_t version, uint64_t position)
{
    get(control, control->journey_numbers.items[version])->changed = position;
}

/* ── what entries do ──────────────────────────────────────────────────────── */

/* Who made an entry, where and when. */
struct origin {
    uint64_t position;
    int64_t at_ms;
    struct str actor;
};

/* The journey that an entry speaks of, made where it is the next number; NULL: the log is damaged. */
static struct control_journey *journey_for(struct control *control, uint32_t number,
                                           const struct origin *origin)
{
    if (number == control->journeys.count + 1) {
        struct control_journey *journey = memory_take_zeroed(1, sizeof *journey);
        *journey = (struct control_journey){.number = number,
                                            .created = origin->position,
                                            .created_ms = origin->at_ms,
                                            .created_by = arena_str(&control->arena, origin->actor)};
        *array_push(&control->journeys) = journey;
    }
    if (number == 0 || number > control->journeys.count || get(control, number)->gone)
        return NULL;
    return get(control, number);
}

/* What a list shows of an unpublished journey is its draft's. */
static void take_head(struct control_journey *journey, const struct definition *head)
{
    struct arena texts = {0};
    struct str *labels = arena_take_array(&texts, head->label_count, sizeof *labels);
    for (uint32_t i = 0; i < head->label_count; i++)
        labels[i] = arena_str(&texts, head->labels[i]);
    journey->name = arena_str(&texts, head->name);
    journey->description = arena_str(&texts, head->description);
    journey->labels = labels;
    journey->label_count = head->label_count;
    arena_deinit(&journey->texts);
    journey->texts = texts;
}

static void take_draft(struct control_journey *journey, const struct definition *head,
                       const struct origin *origin)
{
    if (journey->versions.count == 0) {
        take_head(journey, head);
    } else {
        arena_reset(&journey->texts);
    }
    journey->revisions++;
    journey->changed = origin->position;
    journey->draft = (struct control_draft){.revision = journey->revisions,
                                            .position = origin->position,
                                            .saved_ms = origin->at_ms,
                                            .saved_by = arena_str(&journey->texts, origin->actor)};
}

static void take_discard(struct control *control, struct control_journey *journey, uint64_t position)
{
    journey->draft = (struct control_draft){0};
    journey->changed = position;
    journey->gone = journey->versions.count == 0;
    if (journey->gone) {
        journey->name = arena_str(&control->arena, journey->name);
        journey->description = (struct str){0};
        journey->labels = NULL;
        journey->label_count = 0;
    }
    arena_deinit(&journey->texts);
}

static enum err take_publish(struct control *control, uint32_t number, const json_t *document,
                             const struct origin *origin, struct err_detail *detail)
{
    uint16_t version;
    enum err err = plan_publish(control->plan, document, origin->position, control_known_name, control,
                                &version, detail);
    if (err)
        return err;
    struct control_journey *journey = journey_for(control, number, origin);
    if (!journey)
        return err_fail(detail, ERR_CORRUPT, "/journey", "there is no journey of this number");
    const struct definition *definition = plan_version(control->plan, version)->definition;
    *array_push(&control->statuses) = (struct version_status){VERSION_DRAFT, HOLD_NONE};
    *array_push(&control->journey_numbers) = number;
    *array_push(&journey->versions) =
        (struct control_version){.number = version,
                                 .published_ms = origin->at_ms,
                                 .published_by = arena_str(&control->arena, origin->actor)};
    journey->name = definition->name;
    journey->description = definition->description;
    journey->labels = definition->labels;
    journey->label_count = definition->label_count;
    journey->draft = (struct control_draft){0};
    arena_deinit(&journey->texts);
    const struct action action = {
        .kind = ACTION_PUBLISH, .version = version, .position = origin->position, .at_ms = origin->at_ms};
    CHECK(control_take_action(control, &action));
    return ERR_OK;
}

/* ── the log, read back ───────────────────────────────────────────────────── */

static struct origin origin_of(const struct control_entry *entry)
{
    return (struct origin){entry->position, entry->at_ms, entry->actor};
}

static enum err corrupt(struct err_detail *detail, const char *place)
{
    return err_fail(detail, ERR_CORRUPT, place, "is not what a journey's entry has here");
}

static bool find_number(struct json_node object, struct str key, uint32_t *ret)
{
    struct json_node node;
    int64_t number;
    if (!json_node_find(object, key, &node) || !json_node_is_integer(node, &number) || number < 1 ||
        number > UINT32_MAX)
        return false;
    *ret = (uint32_t)number;
    return true;
}

static struct str find_text(struct json_node object, struct str key)
{
    struct json_node node;
    return json_node_find(object, key, &node) ? json_node_string(node) : STR("");
}

/* Documents are not looked at: thousands of saves must not hold up a start. */
enum err control_replay_draft(struct control *control, const struct control_entry *entry,
                              struct err_detail *detail)
{
    struct json_node body, labels, label;
    enum err err = json_reader_parse(control->reader, entry->body, &body, detail);
    if (err)
        return err;
    uint32_t number, revision;
    struct str texts[DEFINITION_LABELS_MAX];
    struct definition head = {.name = find_text(body, STR("name")),
                              .description = find_text(body, STR("description")),
                              .labels = texts};
    if (json_node_find(body, STR("labels"), &labels)) {
        struct json_iterator it = json_node_iterate(labels);
        for (struct str none;
             head.label_count < DEFINITION_LABELS_MAX && json_iterator_next(&it, &none, &label);)
            texts[head.label_count++] = json_node_string(label);
    }
    if (!find_number(body, STR("journey"), &number) || head.name.size == 0)
        return corrupt(detail, "/journey");
    const struct origin origin = origin_of(entry);
    struct control_journey *journey = journey_for(control, number, &origin);
    if (!journey || !find_number(body, STR("revision"), &revision) || revision != journey->revisions + 1)
        return corrupt(detail, "/revision");
    take_draft(journey, &head, &origin);
    return ERR_OK;
}

static bool number_of(const json_t *body, uint32_t *ret)
{
    const json_t *number = json_object_get(body, "journey");
    json_int_t value = json_integer_value(number);
    if (!json_is_integer(number) || value < 1 || value > UINT32_MAX)
        return false;
    *ret = (uint32_t)value;
    return true;
}

enum err control_replay_discard(struct control *control, const struct control_entry *entry,
                                const json_t *body)
{
    uint32_t number;
    if (!number_of(body, &number) || number > control->journeys.count ||
        get(control, number)->draft.revision == 0)
        return ERR_CORRUPT;
    take_discard(control, get(control, number), entry->position);
    return ERR_OK;
}

/* Before there were ids the entry's body was the definition itself. */
static const json_t *document_of(const json_t *body)
{
    const json_t *document = json_object_get(body, "document");
    return document ? document : body;
}

enum err control_replay_publish(struct control *control, const struct control_entry *entry,
                                const json_t *body, struct err_detail *detail)
{
    const json_t *document = document_of(body);
    uint32_t number = (uint32_t)control->journeys.count + 1;
    if (document != body && !number_of(body, &number))
        return corrupt(detail, "/journey");
    const struct origin origin = origin_of(entry);
    return take_publish(control, number, document, &origin, detail);
}

void control_journeys_free(struct control *control)
{
    array_each (&control->journeys, i) {
        struct control_journey *journey = control->journeys.items[i];
        array_free(&journey->versions);
        arena_deinit(&journey->texts);
        free(journey);
    }
    array_free(&control->journeys);
    array_free(&control->journey_numbers);
}

struct reading {
    json_t *document;
    enum err err;
    struct err_detail *detail;
};

static bool on_document(void *context, const struct control_entry *entry)
{
    struct reading *reading = context;
    json_t *body;
    reading->err = document_parse(entry->body, "entry", &body, reading->detail);
    if (!reading->err) {
        reading->document = json_incref((json_t *)(uintptr_t)document_of(body));
        json_decref(body);
    }
    return false;
}

enum err control_document(struct store *store, uint64_t position, json_t **ret, struct err_detail *detail)
{
    struct reading reading = {.detail = detail};
    enum err err = store_control_after(store, position - 1, on_document, &reading, detail);
    if (!err)
        err = reading.err;
    if (err)
        return err;
    CHECK(reading.document); /* whoever has the position has it from the log */
    *ret = reading.document;
    return ERR_OK;
}

/* ── drafts ───────────────────────────────────────────────────────────────── */

static struct origin origin_now(const struct control *control, const struct control_by *by)
{
    return (struct origin){control->position, by->at_ms, by->actor};
}

/* What is stored is read again at the next start, so it keeps within the limits of what is read. */
static enum err check_text(struct str text, struct err_detail *detail)
{
    size_t offset;
    if (text.size > DOCUMENT_BYTES_MAX)
        return err_fail(detail, ERR_LIMIT, "", "the document is too large to be kept: at most %d bytes are",
                        DOCUMENT_BYTES_MAX);
    if (depth_exceeds(text, JSON_DEPTH_MAX, &offset))
        return err_fail(detail, ERR_INVALID, "", "nested too deep: at most %d levels are kept",
                        JSON_DEPTH_MAX - 1);
    return ERR_OK;
}

static void write_draft(uint32_t number, uint32_t revision, const struct definition *head,
                        const json_t *document, struct buf *out)
{
    buf_printf(out, "{\"journey\":%u,\"revision\":%u,\"name\":", number, revision);
    json_write_string(head->name, out);
    buf_put_text(out, ",\"description\":");
    json_write_string(head->description, out);
    buf_put_text(out, ",\"labels\":[");
    for (uint32_t i = 0; i < head->label_count; i++) {
        buf_put_text(out, i ? "," : "");
        json_write_string(head->labels[i], out);
    }
    buf_put_text(out, "],\"document\":");
    document_write(document, out);
    buf_put_char(out, '}');
}

static uint32_t count_there(const struct control *control)
{
    uint32_t count = 0;
    array_each (&control->journeys, i)
        count += !control->journeys.items[i]->gone;
    return count;
}

/* Whether a journey (0 = a new one) may have this name. */
static enum err check_name(const struct control *control, struct str name, uint32_t number,
                           struct err_detail *detail)
{
    char id[CONTROL_ID_BYTES];
    if (control_is_id(name))
        return err_fail(detail, ERR_INVALID, "/name",
                        "\"%.*s\" looks like a journey's id; give it a name that says what it does",
                        STR_ARG(name));
    const struct control_journey *other = find_name(control, name);
    if (other && other->number != number) {
        control_journey_id(other->number, id);
        return err_fail(detail, ERR_REFUSED, "/name",
                        "a journey named \"%.*s\" is there already (%s); rename this one, or change that one",
                        STR_ARG(name), id);
    }
    if (number == 0 && count_there(control) >= CONTROL_JOURNEYS_MAX)
        return err_fail(detail, ERR_REFUSED, "",
                        "there are %d journeys, no more can be; discard drafts that nobody needs",
                        CONTROL_JOURNEYS_MAX);
    return ERR_OK;
}

static enum err check_head(const struct control *control, const struct control_journey *journey,
                           const struct definition *head, struct err_detail *detail)
{
    if (journey && journey->versions.count && !str_equal(journey->name, head->name))
        return err_fail(detail, ERR_UNSUPPORTED, "/name",
                        "the journey is published as \"%.*s\" and keeps its name in this version",
                        STR_ARG(journey->name));
    return check_name(control, head->name, journey ? journey->number : 0, detail);
}

/* The next revision of a journey, NULL = a new one. */
static enum err save(struct control *control, const struct control_journey *journey, const json_t *document,
                     const struct control_by *by, struct err_detail *detail)
{
    struct arena arena = {0};
    struct buf text = {0};
    struct definition head;
    uint32_t number = journey ? journey->number : (uint32_t)control->journeys.count + 1;
    enum err err = definition_read_head(document, &arena, &head, detail);
    if (!err)
        err = check_head(control, journey, &head, detail);
    if (!err) {
        write_draft(number, journey ? journey->revisions + 1 : 1, &head, document, &text);
        err = check_text(buf_str(&text), detail);
    }
    if (!err)
        err = control_append(control, STR("draft"), buf_str(&text), by, detail);
    if (!err) {
        const struct origin origin = origin_now(control, by);
        take_draft(journey_for(control, number, &origin), &head, &origin);
        control_leave(control);
    }
    buf_deinit(&text);
    arena_deinit(&arena);
    return err;
}

enum err control_draft_create(struct control *control, const json_t *document, const struct control_by *by,
                              uint32_t *ret_number, struct err_detail *detail)
{
    enum err err = save(control, NULL, document, by, detail);
    if (!err)
        *ret_number = (uint32_t)control->journeys.count;
    return err;
}

static enum err check_revision(const struct control_journey *journey, uint32_t revision,
                               struct err_detail *detail)
{
    if (journey->gone)
        return err_fail(detail, ERR_NOT_FOUND, "", "the journey was discarded; create it anew");
    if (journey->draft.revision == revision)
        return ERR_OK;
    if (journey->draft.revision == 0)
        return err_fail(detail, ERR_REFUSED, "", "the draft is gone: it was discarded or published");
    return err_fail(detail, ERR_REFUSED, "",
                    "the draft has moved on: it is at revision %u, saved by %.*s; look at it first",
                    journey->draft.revision, STR_ARG(journey->draft.saved_by));
}

enum err control_draft_save(struct control *control, uint32_t number, uint32_t revision,
                            const json_t *document, const struct control_by *by, struct err_detail *detail)
{
    const struct control_journey *journey = get(control, number);
    enum err err = check_revision(journey, revision, detail);
    return err ? err : save(control, journey, document, by, detail);
}

enum err control_draft_discard(struct control *control, uint32_t number, const struct control_by *by,
                               struct err_detail *detail)
{
    struct control_journey *journey = get(control, number);
    if (journey->draft.revision == 0)
        return err_fail(detail, ERR_NOT_FOUND, "", "there is no draft to discard");
    char body[64];
    snprintf(body, sizeof body, "{\"journey\":%u,\"revision\":%u}", number, journey->draft.revision);
    enum err err = control_append(control, STR("discard"), str_from(body), by, detail);
    if (err)
        return err;
    take_discard(control, journey, control->position);
    control_leave(control);
    return ERR_OK;
}

/* ── publishing ───────────────────────────────────────────────────────────── */

static enum err check_document(const json_t *document, struct err_detail *detail)
{
    struct arena arena = {0};
    struct findings findings = {0};
    checklist_run(document, &arena, &findings);
    enum err err = ERR_OK;
    if (findings.errors) {
        const struct finding *first = &findings.rows.items[0];
        err = err_fail(detail, ERR_INVALID, first->pointer, "%s %s", first->message, first->fix);
    }
    array_free(&findings.rows);
    arena_deinit(&arena);
    return err;
}

struct wanted_name {
    enum name_kind kind;
    struct str name;
};

struct wanting {
    const struct control *control;
    struct arena arena; /* the names' texts: those of a compilation end with it */
    ARRAY(struct wanted_name) names;
};

/* A new name counts as if it had its id already. */
static uint16_t wanted_name(void *context, enum name_kind kind, struct str name)
{
    struct wanting *wanting = context;
    const struct names *names = wanting->control->names;
    uint16_t id = names_find(names, kind, name);
    if (id || names_count(names, kind) == (kind == NAME_EVENT ? NAMES_EVENT_MAX : NAMES_ATTRIBUTE_MAX))
        return id;
    *array_push(&wanting->names) = (struct wanted_name){kind, arena_str(&wanting->arena, name)};
    return 1;
}

static enum err try_plan(struct control *control, const json_t *document, plan_name_id *name_id,
                         void *context, struct err_detail *detail)
{
    control_enter(control);
    enum err err = plan_try(control->plan, document, name_id, context, detail);
    control_leave(control);
    return err;
}

/* The document is compiled by itself before anything is appended, once more when its new names have their
 * ids, and then for good: what is appended is known to be publishable. */
static enum err prepare_publish(struct control *control, const json_t *document, struct err_detail *detail)
{
    struct wanting wanting = {.control = control};
    enum err err = try_plan(control, document, wanted_name, &wanting, detail);
    for (size_t i = 0; i < wanting.names.count && !err; i++) {
        control_name(control, wanting.names.items[i].kind, wanting.names.items[i].name);
        err = control_error(control, detail);
    }
    array_free(&wanting.names);
    arena_deinit(&wanting.arena);
    return err ? err : try_plan(control, document, control_known_name, control, detail);
}

static enum err append_publish(struct control *control, uint32_t number, struct str text,
                               const struct control_by *by, struct err_detail *detail)
{
    json_t *stored;
    enum err err = document_parse(text, "definition", &stored, detail);
    if (err)
        return err;
    const json_t *document = document_of(stored);
    err = prepare_publish(control, document, detail);
    if (!err)
        err = control_append(control, STR("publish"), text, by, detail);
    if (!err) {
        const struct origin origin = origin_now(control, by);
        CHECK(take_publish(control, number, document, &origin, detail) == ERR_OK);
        control_leave(control);
    }
    json_decref(stored);
    return err;
}

/* Node numbers follow the document's order: the stored form is what is published, now as after every restart.
 */
static enum err publish_stored(struct control *control, uint32_t number, const json_t *document,
                               const struct control_by *by, uint16_t *ret_version, struct err_detail *detail)
{
    struct buf text = {0};
    buf_printf(&text, "{\"journey\":%u,\"document\":", number);
    document_write(document, &text);
    buf_put_char(&text, '}');
    enum err err = append_publish(control, number, buf_str(&text), by, detail);
    buf_deinit(&text);
    if (!err)
        *ret_version = (uint16_t)(plan_version_count(control->plan) - 1);
    return err;
}

enum err control_publish(struct control *control, const json_t *document, const struct control_by *by,
                         uint16_t *ret_version, struct err_detail *detail)
{
    enum err err = check_document(document, detail);
    if (err)
        return err;
    const json_t *name = json_object_get(document, "name");
    struct str text = {json_string_value(name), json_string_length(name)};
    const struct control_journey *there = find_name(control, text);
    if (there && there->versions.count && control_is_taken(control, by)) {
        *ret_version = control_newest(there);
        return ERR_OK;
    }
    err = check_name(control, text, 0, detail);
    return err ? err
               : publish_stored(control, (uint32_t)control->journeys.count + 1, document, by, ret_version,
                                detail);
}

enum err control_draft_publish(struct control *control, uint32_t number, uint32_t revision,
                               const json_t *document, const struct control_by *by, uint16_t *ret_version,
                               struct err_detail *detail)
{
    const struct control_journey *journey = get(control, number);
    enum err err = check_revision(journey, revision, detail);
    if (err)
        return err;
    if (journey->versions.count)
        return err_fail(detail, ERR_REFUSED, "/action",
                        "\"%.*s\" is published already; a second version comes with a later release",
                        STR_ARG(journey->name));
    err = check_document(document, detail);
    return err ? err : publish_stored(control, number, document, by, ret_version, detail);
}
