#include "base/check.h"
#include "fuzz.h"
#include "json/document.h"
#include "json/reader.h"

static void check_values(const json_t *json, struct arena *arena, const char *pointer)
{
    struct value v;
    if (document_value(json, arena, &v)) {
        struct buf written = {0}, direct = {0};
        value_write_json(&v, &written);
        document_write(json, &direct);
        CHECK(json_is_integer(json) || str_equal(buf_str(&written), buf_str(&direct)));
        buf_deinit(&written);
        buf_deinit(&direct);
    }
    for (size_t i = 0; i < json_array_size(json); i++)
        check_values(json_array_get(json, i), arena, pointer_index(arena, pointer, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct err_detail detail = {"", ""};
    json_t *json = NULL, *again = NULL;
    if (document_parse(text, "body", &json, &detail)) {
        CHECK(!json && detail.text[0] && strncmp(detail.place, "body", 4) == 0);
        return 0;
    }
    struct buf once = {0}, twice = {0};
    document_write(json, &once);
    CHECK(document_parse(buf_str(&once), "once", &again, NULL) == ERR_OK);
    document_write(again, &twice);
    CHECK(str_equal(buf_str(&once), buf_str(&twice)));

    struct json_reader *reader = json_reader_new();
    struct json_node root;
    CHECK(json_reader_parse(reader, text, &root, &detail) == ERR_OK); /* the other parser takes it too */
    json_reader_free(reader);

    struct arena arena = {0};
    check_values(json, &arena, "");
    arena_deinit(&arena);
    json_decref(json);
    json_decref(again);
    buf_deinit(&once);
    buf_deinit(&twice);
    return 0;
}
