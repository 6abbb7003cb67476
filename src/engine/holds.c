#include "engine/holds.h"

#include <inttypes.h>
#include <jansson.h>

#include "base/memory.h"
#include "journey/definition.h"
#include "json/document.h"

static uint64_t id_hash(uint32_t id)
{
    return (id + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
}

static bool is_id(const void *context, uint32_t place)
{
    const struct {
        const struct holds *holds;
        uint32_t id;
    } *key = context;
    return key->holds->ids.items[place] == key->id;
}

static uint64_t hash_of_place(const void *context, uint32_t place)
{
    const struct holds *holds = context;
    return id_hash(holds->ids.items[place]);
}

static struct hold *find(const struct holds *holds, uint32_t enrollment)
{
    const struct {
        const struct holds *holds;
        uint32_t id;
    } key = {holds, enrollment};
    uint32_t place;
    return map_find(&holds->map, id_hash(enrollment), is_id, &key, &place) ? &holds->items.items[place]
                                                                           : NULL;
}

struct hold holds_get(const struct holds *holds, uint32_t enrollment)
{
    const struct hold *hold = find(holds, enrollment);
    return hold ? *hold : HOLD_NOTHING;
}

void holds_set(struct holds *holds, uint32_t enrollment, const struct hold *hold)
{
    struct hold *there = find(holds, enrollment);
    if (there) {
        *there = *hold;
        return;
    }
    *array_push(&holds->items) = *hold;
    *array_push(&holds->ids) = enrollment;
    map_add(&holds->map, id_hash(enrollment), (uint32_t)holds->items.count - 1, hash_of_place, holds);
}

uint64_t holds_bytes(const struct holds *holds)
{
    return map_held(&holds->map) + array_bytes(&holds->items) + array_bytes(&holds->ids);
}

void holds_deinit(struct holds *holds)
{
    map_deinit(&holds->map);
    array_free(&holds->items);
    array_free(&holds->ids);
}

void hold_write(const struct hold *hold, struct buf *out)
{
    const char *comma = "";
    buf_put_char(out, '{');
    if (hold->end_ms != INSTANT_NEVER) {
        buf_printf(out,
                   "\"end_at\":%" PRId64
                   ",\"reason\":\"%s\",\"which\":%u,\"value\":%.17g,\"end_cause\":%" PRId64,
                   hold->end_ms, leave_reason_name(hold->reason), hold->which, hold->value, hold->end_cause);
        comma = ",";
    }
    if (hold->wait_ms != INSTANT_NEVER)
        buf_printf(out, "%s\"wait_at\":%" PRId64 ",\"wait_cause\":%" PRId64, comma, hold->wait_ms,
                   hold->wait_cause);
    buf_put_char(out, '}');
}

enum err hold_read(struct str detail, struct hold *ret, struct err_detail *err)
{
    json_t *json;
    enum err failed = document_parse(detail, "ledger.detail", &json, err);
    if (failed)
        return failed == ERR_INVALID ? ERR_CORRUPT : failed;
    *ret = HOLD_NOTHING;
    const json_t *end = json_object_get(json, "end_at"), *wait = json_object_get(json, "wait_at");
    if (end) {
        ret->end_ms = json_integer_value(end);
        ret->end_cause = json_integer_value(json_object_get(json, "end_cause"));
        ret->which = (uint8_t)json_integer_value(json_object_get(json, "which"));
        ret->value = json_number_value(json_object_get(json, "value"));
        const char *reason = json_string_value(json_object_get(json, "reason"));
        for (uint8_t i = 0; reason && i < LEAVE_REASONS; i++) {
            if (strcmp(reason, leave_reason_name(i)) == 0)
                ret->reason = i;
        }
    }
    if (wait) {
        ret->wait_ms = json_integer_value(wait);
        ret->wait_cause = json_integer_value(json_object_get(json, "wait_cause"));
    }
    json_decref(json);
    return ERR_OK;
}

void hold_encode(const struct hold *hold, struct buf *out)
{
    buf_put_zigzag(out, hold->end_ms);
    buf_put_zigzag(out, hold->wait_ms);
    buf_put_zigzag(out, hold->end_cause);
    buf_put_zigzag(out, hold->wait_cause);
    buf_put(out, &hold->value, sizeof hold->value);
    buf_put_varint(out, hold->reason);
    buf_put_varint(out, hold->which);
}

struct hold hold_decode(struct reader *r)
{
    struct hold hold = HOLD_NOTHING;
    hold.end_ms = reader_zigzag(r);
    hold.wait_ms = reader_zigzag(r);
    hold.end_cause = reader_zigzag(r);
    hold.wait_cause = reader_zigzag(r);
    struct str value = reader_bytes(r, sizeof hold.value);
    if (value.size)
        memcpy(&hold.value, value.data, value.size);
    hold.reason = (uint8_t)reader_varint(r);
    hold.which = (uint8_t)reader_varint(r);
    return hold;
}
