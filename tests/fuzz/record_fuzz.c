/* The reader of records and the flat properties made of them. */
#include "base/check.h"
#include "fuzz.h"
#include "json/properties.h"

static void check_strings(struct json_node node)
{
    struct json_iterator it = json_node_iterate(node);
    struct json_node item, found;
    struct str name;
    CHECK(str_is_utf8(json_node_string(node)));
    while (json_iterator_next(&it, &name, &item)) {
        CHECK(str_is_utf8(name));
        CHECK(json_node_type(node) == JSON_TYPE_ARRAY || json_node_find(node, name, &found));
        check_strings(item);
    }
}

/* Written and read again it is the same, to the byte. */
static void check_written(struct json_node root)
{
    struct json_reader *reader = json_reader_new();
    struct buf once = {0}, twice = {0};
    struct json_node again;
    json_node_write(root, &once);
    CHECK(json_reader_parse(reader, buf_str(&once), &again, NULL) == ERR_OK);
    CHECK(json_node_type(root) == json_node_type(again));
    json_node_write(again, &twice);
    CHECK(str_equal(buf_str(&once), buf_str(&twice)));
    buf_deinit(&once);
    buf_deinit(&twice);
    json_reader_free(reader);
}

static void check_encoded(const struct value *v, struct arena *arena)
{
    struct buf bytes = {0};
    value_encode(v, &bytes);
    struct reader r = reader_of(buf_str(&bytes));
    struct value back = value_decode(&r, arena);
    CHECK(reader_done(&r) && value_equal(v, &back) && v->millis == back.millis);
    buf_deinit(&bytes);
}

static void check_properties(struct json_node root)
{
    struct arena arena = {0};
    struct properties properties;
    struct err_detail detail = {"", ""};
    enum err err = properties_of_node(root, &arena, &properties, &detail);
    CHECK(!err || detail.text[0]);
    CHECK((err == ERR_INVALID) == (json_node_type(root) != JSON_TYPE_OBJECT));
    for (uint32_t i = 0; !err && i < properties.count; i++) {
        const struct property *p = &properties.items[i];
        CHECK(i == 0 || str_compare(properties.items[i - 1].name, p->name) < 0);
        struct value found = properties_find(&properties, p->name);
        CHECK(value_equal(&found, &p->value));
        check_encoded(&p->value, &arena);
    }
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_reader *reader = json_reader_new();
    struct json_node root;
    struct err_detail detail = {"", ""};
    enum err err = json_reader_parse(reader, (struct str){(const char *)data, size}, &root, &detail);
    if (err) {
        /* these words alone mean that simdjson has refused what jansson takes */
        CHECK(err == ERR_INVALID && detail.text[0] && strcmp(detail.text, "not JSON") != 0);
    } else {
        check_strings(root);
        check_written(root);
        check_properties(root);
    }
    json_reader_free(reader);
    return 0;
}
