/* A record in Segment's form, as an event and as a contact: what is taken keeps every limit, and what is kept
 * of it says the same as what rules see. */
#include "base/check.h"
#include "fuzz.h"
#include "ingest/segment.h"

static void check_body(const struct segment *segment, struct arena *arena)
{
    struct json_reader *reader = json_reader_new();
    struct buf body = {0};
    struct properties again;
    if (segment->has_object)
        json_node_write(segment->object, &body);
    else
        buf_put_str(&body, segment->body.size ? segment->body : STR("{}"));
    CHECK(properties_parse(reader, buf_str(&body), arena, &again, NULL) == ERR_OK);
    CHECK(again.count == segment->properties.count);
    for (uint32_t i = 0; i < again.count; i++) {
        CHECK(str_equal(again.items[i].name, segment->properties.items[i].name));
        CHECK(value_equal(&again.items[i].value, &segment->properties.items[i].value));
    }
    buf_deinit(&body);
    json_reader_free(reader);
}

static void check_segment(const struct segment *segment, enum segment_form form)
{
    CHECK(segment->external_id.size >= 1 && segment->external_id.size <= EXTERNAL_ID_BYTES_MAX);
    CHECK(str_is_utf8(segment->external_id) && segment->hash == contact_hash(segment->external_id));
    CHECK(form == SEGMENT_EVENT ? instant_is_operational(segment->at_ms) : segment->kind == EVENT_IDENTIFY);
    CHECK(segment->kind == EVENT_IDENTIFY ||
          (segment->event.size >= 1 && segment->event.size <= NAME_BYTES_MAX));
    for (uint32_t i = 0; segment->kind == EVENT_IDENTIFY && i < segment->properties.count; i++)
        CHECK(segment->properties.items[i].name.size >= 1 &&
              segment->properties.items[i].name.size <= NAME_BYTES_MAX);
}

static void parse_as(struct str text, enum segment_form form)
{
    struct json_reader *reader = json_reader_new();
    struct arena arena = {0};
    struct segment segment;
    struct err_detail detail = {"", ""};
    if (segment_parse(reader, text, form, &arena, &segment, &detail)) {
        CHECK(detail.text[0]);
    } else {
        check_segment(&segment, form);
        check_body(&segment, &arena);
    }
    arena_deinit(&arena);
    json_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    parse_as(text, SEGMENT_EVENT);
    parse_as(text, SEGMENT_CONTACT);
    return 0;
}
