#include "ingest/segment.h"

#include "base/spelling.h"
#include "ingest/quote.h"
#include "json/write.h"

/* The keys of a record: those that are read, then those that clients, exports and reject files add and
 * nothing here needs. */
enum key {
    KEY_TYPE,
    KEY_USER_ID,
    KEY_ANONYMOUS_ID,
    KEY_EVENT,
    KEY_NAME,
    KEY_CATEGORY,
    KEY_PROPERTIES,
    KEY_TRAITS,
    KEY_TIMESTAMP,
    KEY_MESSAGE_ID,
    KEYS_FILE, /* read wherever a record comes from; the next ones of those that arrive */
    KEY_CONTEXT = KEYS_FILE,
    KEY_ORIGINAL_TIMESTAMP,
    KEY_SENT_AT,
    KEYS_READ
};
static const struct str keys[] = {
    STR("type"),           STR("userId"),       STR("anonymousId"),    STR("event"),
    STR("name"),           STR("category"),     STR("properties"),     STR("traits"),
    STR("timestamp"),      STR("messageId"),    STR("context"),        STR("originalTimestamp"),
    STR("sentAt"),         STR("integrations"), STR("receivedAt"),     STR("version"),
    STR("channel"),        STR("projectId"),    STR("writeKey"),       STR("previousId"),
    STR("groupId"),        STR("_metadata"),    STR("_sorting"),       STR("rudderId"),
    STR("request_ip"),     STR("library"),      STR("userProperties"), STR("rejectedLine"),
    STR("rejectedReason"),
};
enum { KEYS_KNOWN = sizeof keys / sizeof keys[0] };

enum type { TYPE_TRACK, TYPE_PAGE, TYPE_SCREEN, TYPE_IDENTIFY, TYPE_GROUP, TYPE_ALIAS, TYPES };
static const struct str types[TYPES] = {STR("track"),    STR("page"),  STR("screen"),
                                        STR("identify"), STR("group"), STR("alias")};

struct fields {
    bool there[KEYS_READ]; /* null is as good as nothing */
    struct json_node nodes[KEYS_READ];
};

static enum err type_fail(enum err code, const char *pointer, const char *expected, struct err_detail *detail)
{
    return err_fail(detail, code, pointer, "%s is expected here", expected);
}

/* A key that Segment does not have: refused where it is nearly one that is read, as its data would be lost.
 */
static enum err take_unknown(struct str key, enum segment_form form, struct arena *arena, struct segment *ret,
                             struct err_detail *detail)
{
    char quoted[QUOTE_BYTES];
    struct str nearest = spelling_nearest(key, keys, KEYS_FILE);
    if (nearest.size)
        return err_fail(detail, ERR_INVALID, "", "the key %s is unknown; did you mean \"%.*s\"?",
                        quote(key, quoted), STR_ARG(nearest));
    if (form == SEGMENT_CONTACT)
        return err_fail(detail, ERR_INVALID, "", "the key %s is unknown; attributes stand inside \"traits\"",
                        quote(key, quoted));
    if (ret->ignored.size == 0)
        ret->ignored = arena_str(arena, key);
    return ERR_OK;
}

static enum err take_fields(struct json_node root, enum segment_form form, struct arena *arena,
                            struct fields *ret_fields, struct segment *ret, struct err_detail *detail)
{
    struct json_iterator it = json_node_iterate(root);
    struct str name;
    struct json_node node;
    while (json_iterator_next(&it, &name, &node)) {
        size_t key = 0;
        while (key < KEYS_KNOWN && !str_equal(keys[key], name))
            key++;
        if (key < KEYS_READ) {
            ret_fields->there[key] = json_node_type(node) != JSON_TYPE_NULL;
            ret_fields->nodes[key] = node;
        } else if (key == KEYS_KNOWN) {
            enum err err = take_unknown(name, form, arena, ret, detail);
            if (err)
                return err;
        }
    }
    return ERR_OK;
}

static enum err take_string(const struct fields *fields, enum key key, const char *pointer, struct str *ret,
                            struct err_detail *detail)
{
    if (json_node_type(fields->nodes[key]) != JSON_TYPE_STRING)
        return type_fail(ERR_INVALID, pointer, "a string", detail);
    *ret = json_node_string(fields->nodes[key]);
    return ERR_OK;
}

/* The type of an arriving record is known by where it was sent; one that says another is a mistake. */
static enum err take_type_text(const struct fields *fields, struct str sent_to, struct str *ret,
                               struct err_detail *detail)
{
    char quoted[QUOTE_BYTES];
    if (!fields->there[KEY_TYPE]) {
        *ret = sent_to;
        return ERR_OK;
    }
    enum err err = take_string(fields, KEY_TYPE, "/type", ret, detail);
    if (!err && sent_to.size && !str_equal(sent_to, *ret))
        return err_fail(detail, ERR_INVALID, "/type",
                        "%s was sent to /v1/%.*s; send it to the path of its type, or to /v1/batch",
                        quote(*ret, quoted), STR_ARG(sent_to));
    return err;
}

static enum err take_type(const struct fields *fields, enum segment_form form, struct str sent_to,
                          enum type *ret, struct err_detail *detail)
{
    if (!fields->there[KEY_TYPE] && sent_to.size == 0) {
        if (form == SEGMENT_CONTACT || fields->there[KEY_EVENT]) {
            *ret = form == SEGMENT_CONTACT ? TYPE_IDENTIFY : TYPE_TRACK;
            return ERR_OK;
        }
        return err_fail(
            detail, ERR_INVALID, "/type",
            "is missing; it is one of track, page, screen and identify (track where there is an \"event\")");
    }
    struct str text;
    enum err err = take_type_text(fields, sent_to, &text, detail);
    if (err)
        return err;
    size_t type = 0;
    while (type < TYPES && !str_equal(types[type], text))
        type++;
    if (type == TYPES) {
        char quoted[QUOTE_BYTES];
        return err_fail(detail, ERR_INVALID, "/type",
                        "%s is unknown; it is one of track, page, screen and identify", quote(text, quoted));
    }
    if (type == TYPE_GROUP || type == TYPE_ALIAS)
        return err_fail(detail, ERR_UNSUPPORTED, "/type",
                        "%.*s comes with a later version; leave such records out", STR_ARG(text));
    if (form == SEGMENT_CONTACT && type != TYPE_IDENTIFY)
        return err_fail(detail, ERR_INVALID, "/type",
                        "%.*s is an event; a file of contacts has identify records only", STR_ARG(text));
    *ret = (enum type)type;
    return ERR_OK;
}

/* userId, else anonymousId. Numbers are taken by their text: exports of databases have them. */
static enum err take_contact(const struct fields *fields, struct arena *arena, struct segment *ret,
                             struct err_detail *detail)
{
    bool by_user = fields->there[KEY_USER_ID];
    const char *pointer = by_user ? "/userId" : "/anonymousId";
    if (!by_user && !fields->there[KEY_ANONYMOUS_ID])
        return err_fail(detail, ERR_INVALID, "/userId",
                        "is missing; every record names its contact by userId or anonymousId");
    struct json_node node = fields->nodes[by_user ? KEY_USER_ID : KEY_ANONYMOUS_ID];
    enum json_type type = json_node_type(node);
    if (type == JSON_TYPE_STRING) {
        ret->external_id = arena_str(arena, json_node_string(node));
    } else if (type == JSON_TYPE_NUMBER) {
        struct buf text = {0};
        json_node_write(node, &text);
        ret->external_id = arena_str(arena, buf_str(&text));
        buf_deinit(&text);
    } else {
        return type_fail(ERR_INVALID, pointer, "a string", detail);
    }
    ret->hash = contact_hash(ret->external_id);
    return external_id_check(ret->external_id, pointer, detail);
}

static enum err take_instant(const struct fields *fields, enum key key, const char *pointer, int64_t *ret_ms,
                             struct err_detail *detail)
{
    struct str text;
    enum err err = take_string(fields, key, pointer, &text, detail);
    return err ? err : event_time_parse(text, pointer, ret_ms, detail);
}

static enum err take_time(const struct fields *fields, enum segment_form form, struct segment *ret,
                          struct err_detail *detail)
{
    if (form == SEGMENT_CONTACT)
        return ERR_OK;
    if (!fields->there[KEY_TIMESTAMP])
        return err_fail(detail, ERR_INVALID, "/timestamp",
                        "is missing; say when it happened, like \"2026-01-31T10:00:00Z\"");
    return take_instant(fields, KEY_TIMESTAMP, "/timestamp", &ret->at_ms, detail);
}

/* By the client's clock it happened so long before it was sent: that long before it was received. */
static enum err take_arrival_time(const struct fields *fields, const struct segment_arrival *arrival,
                                  struct segment *ret, struct err_detail *detail)
{
    int64_t own_ms = arrival->received_ms, sent_ms = arrival->sent_ms;
    bool own = true;
    enum err err = ERR_OK;
    if (fields->there[KEY_TIMESTAMP])
        err = take_instant(fields, KEY_TIMESTAMP, "/timestamp", &own_ms, detail);
    else if (fields->there[KEY_ORIGINAL_TIMESTAMP])
        err = take_instant(fields, KEY_ORIGINAL_TIMESTAMP, "/originalTimestamp", &own_ms, detail);
    else
        own = false;
    if (!err && fields->there[KEY_SENT_AT])
        err = take_instant(fields, KEY_SENT_AT, "/sentAt", &sent_ms, detail);
    if (own && sent_ms != INSTANT_NEVER)
        own_ms = arrival->received_ms - (sent_ms - own_ms);
    ret->at_ms = own_ms < 0 ? 0 : own_ms;
    return err;
}

static enum err take_message(const struct fields *fields, struct segment *ret, struct err_detail *detail)
{
    struct str text;
    if (!fields->there[KEY_MESSAGE_ID])
        return ERR_OK;
    enum err err = take_string(fields, KEY_MESSAGE_ID, "/messageId", &text, detail);
    if (!err && text.size)
        ret->message = message_hash(ret->hash, text);
    return err;
}

/* The name of the event: its own, or the one that stands for the type. */
static enum err take_event(const struct fields *fields, enum type type, struct arena *arena,
                           struct segment *ret, struct err_detail *detail)
{
    ret->kind = type == TYPE_IDENTIFY ? EVENT_IDENTIFY : EVENT_TRACK;
    if (type == TYPE_PAGE)
        ret->event = STR("Page Viewed");
    if (type == TYPE_SCREEN)
        ret->event = STR("Screen Viewed");
    if (type != TYPE_TRACK)
        return ERR_OK;
    if (!fields->there[KEY_EVENT])
        return err_fail(detail, ERR_INVALID, "/event", "is missing; a track record names its event");
    struct str name;
    enum err err = take_string(fields, KEY_EVENT, "/event", &name, detail);
    if (err)
        return err;
    ret->event = arena_str(arena, name);
    return name_check(name, "the event's name", "/event", detail);
}

static enum err take_object(const struct fields *fields, enum key key, const char *pointer,
                            struct arena *arena, struct segment *ret, struct err_detail *detail)
{
    if (!fields->there[key])
        return ERR_OK;
    if (json_node_type(fields->nodes[key]) != JSON_TYPE_OBJECT)
        return type_fail(ERR_INVALID, pointer, "an object", detail);
    enum err err = properties_of_node(fields->nodes[key], arena, &ret->properties, detail);
    if (err) {
        err_prefix(detail, pointer);
        return err;
    }
    ret->object = fields->nodes[key];
    ret->has_object = true;
    return ERR_OK;
}

/* The traits of an identify; some clients put those that they send into the context. */
static enum err take_traits(const struct fields *fields, bool arrives, struct arena *arena,
                            struct segment *ret, struct err_detail *detail)
{
    struct fields inner;
    if (fields->there[KEY_TRAITS] || !arrives || !fields->there[KEY_CONTEXT] ||
        !json_node_find(fields->nodes[KEY_CONTEXT], keys[KEY_TRAITS], &inner.nodes[KEY_TRAITS]))
        return take_object(fields, KEY_TRAITS, "/traits", arena, ret, detail);
    inner.there[KEY_TRAITS] = json_node_type(inner.nodes[KEY_TRAITS]) != JSON_TYPE_NULL;
    return take_object(&inner, KEY_TRAITS, "/context/traits", arena, ret, detail);
}

static void write_member(struct str name, struct json_node node, struct buf *out)
{
    if (out->size > 1)
        buf_put_char(out, ',');
    json_write_string(name, out);
    buf_put_char(out, ':');
    json_node_write(node, out);
}

/* A page's or screen's own `name` and `category` stand beside its properties, and before them where both are
 * there: the object is written anew and read again. */
static enum err merge_own(struct json_reader *reader, const struct fields *fields, struct arena *arena,
                          struct segment *ret, struct err_detail *detail)
{
    if (!fields->there[KEY_NAME] && !fields->there[KEY_CATEGORY])
        return ERR_OK;
    struct buf out = {0};
    buf_put_char(&out, '{');
    struct json_iterator it = {0};
    struct str name;
    struct json_node node;
    if (ret->has_object)
        it = json_node_iterate(ret->object);
    while (json_iterator_next(&it, &name, &node)) {
        if (!(fields->there[KEY_NAME] && str_equal(name, keys[KEY_NAME])) &&
            !(fields->there[KEY_CATEGORY] && str_equal(name, keys[KEY_CATEGORY])))
            write_member(name, node, &out);
    }
    for (enum key key = KEY_NAME; key <= KEY_CATEGORY; key++) {
        if (fields->there[key])
            write_member(keys[key], fields->nodes[key], &out);
    }
    buf_put_char(&out, '}');
    ret->body = arena_str(arena, buf_str(&out));
    ret->has_object = false;
    buf_deinit(&out);
    enum err err = properties_parse(reader, ret->body, arena, &ret->properties, detail);
    if (err)
        err_prefix(detail, "/properties");
    return err;
}

static enum err check_own(const struct fields *fields, struct err_detail *detail)
{
    struct str text;
    enum err err = fields->there[KEY_NAME] ? take_string(fields, KEY_NAME, "/name", &text, detail) : ERR_OK;
    if (!err && fields->there[KEY_CATEGORY])
        err = take_string(fields, KEY_CATEGORY, "/category", &text, detail);
    return err;
}

static enum err check_attributes(const struct properties *traits, struct err_detail *detail)
{
    for (uint32_t i = 0; i < traits->count; i++) {
        enum err err = name_check(traits->items[i].name, "an attribute's name", "/traits", detail);
        if (err)
            return err;
    }
    return ERR_OK;
}

/* Where a record comes from: a file's form, or the request it arrived with. */
struct origin {
    struct json_reader *spare; /* reads what had to be put together anew */
    enum segment_form form;
    const struct segment_arrival *arrival; /* NULL: a file */
};

static enum err take_all(const struct origin *origin, const struct fields *fields, struct arena *arena,
                         struct segment *ret, struct err_detail *detail)
{
    const struct segment_arrival *arrival = origin->arrival;
    enum type type = TYPE_TRACK;
    enum err err = take_type(fields, origin->form, arrival ? arrival->type : STR(""), &type, detail);
    if (!err)
        err = take_contact(fields, arena, ret, detail);
    if (!err)
        err = arrival ? take_arrival_time(fields, arrival, ret, detail)
                      : take_time(fields, origin->form, ret, detail);
    if (!err)
        err = take_message(fields, ret, detail);
    if (!err)
        err = take_event(fields, type, arena, ret, detail);
    if (!err && type == TYPE_IDENTIFY)
        err = take_traits(fields, arrival != NULL, arena, ret, detail);
    if (!err && type != TYPE_IDENTIFY)
        err = take_object(fields, KEY_PROPERTIES, "/properties", arena, ret, detail);
    if (!err && type == TYPE_IDENTIFY)
        err = check_attributes(&ret->properties, detail);
    if (!err && (type == TYPE_PAGE || type == TYPE_SCREEN)) {
        err = check_own(fields, detail);
        if (!err)
            err = merge_own(origin->spare, fields, arena, ret, detail);
    }
    return err;
}

static enum err take_root(const struct origin *origin, struct json_node root, struct arena *arena,
                          struct segment *ret, struct err_detail *detail)
{
    struct segment segment = {0};
    struct fields fields;
    memset(fields.there, 0, sizeof fields.there);
    enum err err = take_fields(root, origin->form, arena, &fields, &segment, detail);
    if (!err)
        err = take_all(origin, &fields, arena, &segment, detail);
    if (!err)
        *ret = segment;
    return err;
}

enum err segment_parse(struct json_reader *reader, struct str text, enum segment_form form,
                       struct arena *arena, struct segment *ret, struct err_detail *detail)
{
    struct json_node root;
    enum err err = json_reader_parse(reader, text, &root, detail);
    if (err && !str_is_utf8(text))
        return err_fail(detail, ERR_INVALID, "", "not UTF-8; write it in that encoding");
    if (err)
        return err;
    if (json_node_type(root) != JSON_TYPE_OBJECT)
        return type_fail(ERR_INVALID, "", "one JSON object a line", detail);
    const struct origin origin = {.spare = reader, .form = form};
    return take_root(&origin, root, arena, ret, detail);
}

enum err segment_take(struct json_node node, struct json_reader *spare, const struct segment_arrival *arrival,
                      struct arena *arena, struct segment *ret, struct err_detail *detail)
{
    if (json_node_type(node) != JSON_TYPE_OBJECT)
        return type_fail(ERR_INVALID, "", "an object", detail);
    const struct origin origin = {.spare = spare, .form = SEGMENT_EVENT, .arrival = arrival};
    return take_root(&origin, node, arena, ret, detail);
}

/* Over the limit of names a row has no number for its name: history keeps the text beside the properties. */
static struct str body_with_name(struct str event, struct str body, struct arena *arena)
{
    struct buf out = {0};
    buf_put_text(&out, "{\"event\":");
    json_write_string(event, &out);
    buf_put_text(&out, ",\"properties\":");
    buf_put_str(&out, body.size ? body : STR("{}"));
    buf_put_char(&out, '}');
    struct str text = arena_str(arena, buf_str(&out));
    buf_deinit(&out);
    return text;
}

struct record segment_record(const struct segment *segment, struct binding *binding, struct arena *arena)
{
    struct record record = {.kind = segment->kind,
                            .external_id = segment->external_id,
                            .hash = segment->hash,
                            .message = segment->message,
                            .at_ms = segment->at_ms,
                            .body = segment->body};
    if (segment->has_object && segment->properties.count) {
        struct buf out = {0};
        json_node_write(segment->object, &out);
        record.body = arena_str(arena, buf_str(&out));
        buf_deinit(&out);
    }
    if (segment->kind == EVENT_TRACK) {
        record.name = binding_event(binding, segment->event);
        record.properties = segment->properties;
        if (record.name == 0)
            record.body = body_with_name(segment->event, record.body, arena);
    } else {
        record.traits = binding_traits(binding, &segment->properties, arena, &record.trait_count);
    }
    return record;
}
