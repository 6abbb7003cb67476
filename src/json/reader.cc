/* The one C++ file: simdjson's DOM parser behind reader.h. No exceptions: every simdjson call used here
 * reports through an error code, and memory that is gone ends the process as everywhere else. */
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>

extern "C" {
#include "base/check.h"
#include "json/diagnose.h"
#include "json/reader.h"
#include "json/write.h"
}

#include <simdjson.h>

namespace dom = simdjson::dom;

static_assert(sizeof(dom::element) == sizeof(json_node::opaque) &&
              std::is_trivially_copyable_v<dom::element>);
static_assert(sizeof(dom::object::iterator) == 2 * sizeof(uint64_t) &&
              std::is_trivially_copyable_v<dom::object::iterator>);
static_assert(sizeof(dom::array::iterator) == 2 * sizeof(uint64_t) &&
              std::is_trivially_copyable_v<dom::array::iterator>);

static constexpr size_t CAPACITY_MIN = 4096;
/* simdjson refuses a document when its depth reaches the number given, and counts the root's container as
 * one. */
static constexpr size_t SIMDJSON_DEPTH = JSON_DEPTH_MAX + 1;
/* Doubles hold every integer up to here. */
static constexpr double EXACT_MAX = 9007199254740992.0;

struct json_reader {
    dom::parser parser;
    char *text;      /* the copy that simdjson reads, padded */
    size_t capacity; /* of the text without its padding; the parser's own buffers have the same */
};

static dom::element element_of(struct json_node node)
{
    dom::element element;
    memcpy(static_cast<void *>(&element), node.opaque, sizeof element);
    return element;
}

static struct json_node node_of(const dom::element &element)
{
    struct json_node node;
    memcpy(node.opaque, static_cast<const void *>(&element), sizeof element);
    return node;
}

static struct str str_of(std::string_view view)
{
    return {view.data(), view.size()};
}

extern "C" struct json_reader *json_reader_new(void)
{
    auto *reader = new (std::nothrow) json_reader();
    CHECK(reader);
    return reader;
}

extern "C" void json_reader_free(struct json_reader *reader)
{
    if (!reader)
        return;
    free(reader->text);
    delete reader;
}

/* Buffers grow by doubling and stay: a stream of records allocates a few times, then never. */
static void reserve(struct json_reader *reader, size_t size)
{
    if (reader->capacity >= size && reader->capacity)
        return;
    size_t wanted = CAPACITY_MIN;
    while (wanted < size)
        wanted *= 2;
    free(reader->text);
    reader->text = static_cast<char *>(malloc(wanted + simdjson::SIMDJSON_PADDING));
    CHECK(reader->text);
    CHECK(reader->parser.allocate(wanted, SIMDJSON_DEPTH) == simdjson::SUCCESS);
    CHECK(reader->parser.doc.allocate(wanted) == simdjson::SUCCESS);
    reader->capacity = wanted;
}

extern "C" enum err json_reader_parse(struct json_reader *reader, struct str text, struct json_node *ret_root,
                                      struct err_detail *detail)
{
    if (text.size > JSON_TEXT_BYTES_MAX)
        return err_fail(detail, ERR_LIMIT, "", "the JSON text has %zu bytes, at most %d are taken", text.size,
                        JSON_TEXT_BYTES_MAX);
    reserve(reader, text.size);
    if (text.size)
        memcpy(reader->text, text.data, text.size);
    memset(reader->text + text.size, 0, simdjson::SIMDJSON_PADDING);
    dom::element root;
    auto failure = reader->parser.parse(reader->text, text.size, false).get(root);
    CHECK(failure != simdjson::MEMALLOC);
    if (failure)
        return diagnose_fail(text, detail);
    *ret_root = node_of(root);
    return ERR_OK;
}

extern "C" enum json_type json_node_type(struct json_node node)
{
    switch (element_of(node).type()) {
    case dom::element_type::ARRAY: return JSON_TYPE_ARRAY;
    case dom::element_type::OBJECT: return JSON_TYPE_OBJECT;
    case dom::element_type::STRING: return JSON_TYPE_STRING;
    case dom::element_type::BOOL: return JSON_TYPE_BOOL;
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE: return JSON_TYPE_NUMBER;
    case dom::element_type::NULL_VALUE: break;
    }
    return JSON_TYPE_NULL;
}

extern "C" struct str json_node_string(struct json_node node)
{
    std::string_view view;
    return element_of(node).get_string().get(view) ? str_of("") : str_of(view);
}

extern "C" double json_node_number(struct json_node node)
{
    double number;
    return element_of(node).get_double().get(number) ? 0 : number;
}

extern "C" bool json_node_is_integer(struct json_node node, int64_t *ret)
{
    dom::element element = element_of(node);
    if (!element.get_int64().get(*ret))
        return true;
    double number;
    if (!element.is_double() || element.get_double().get(number))
        return false;
    if (number != std::trunc(number) || std::fabs(number) > EXACT_MAX)
        return false;
    *ret = static_cast<int64_t>(number);
    return true;
}

extern "C" bool json_node_bool(struct json_node node)
{
    bool truth;
    return !element_of(node).get_bool().get(truth) && truth;
}

extern "C" bool json_node_find(struct json_node object, struct str name, struct json_node *ret)
{
    dom::object fields;
    if (element_of(object).get_object().get(fields))
        return false;
    bool found = false;
    for (auto field = fields.begin(); field != fields.end(); ++field) {
        if (field.key_equals({name.data, name.size})) {
            *ret = node_of(field.value());
            found = true;
        }
    }
    return found;
}

/* What an iterator's opaque words hold. */
enum container { CONTAINER_NONE, CONTAINER_ARRAY, CONTAINER_OBJECT };

template <typename Container>
static struct json_iterator iterator_of(const Container &container, enum container kind)
{
    struct json_iterator it = {};
    auto begin = container.begin(), end = container.end();
    memcpy(it.opaque, static_cast<const void *>(&begin), sizeof begin);
    memcpy(it.opaque + 2, static_cast<const void *>(&end), sizeof end);
    it.opaque[4] = kind;
    return it;
}

extern "C" struct json_iterator json_node_iterate(struct json_node object_or_array)
{
    dom::element element = element_of(object_or_array);
    dom::object object;
    dom::array array;
    if (!element.get_object().get(object))
        return iterator_of(object, CONTAINER_OBJECT);
    if (!element.get_array().get(array))
        return iterator_of(array, CONTAINER_ARRAY);
    return {};
}

/* The place an iterator stands at, or false at the end; the iterator goes one on. */
template <typename Iterator> static bool advance(struct json_iterator *it, Iterator &at)
{
    Iterator end;
    memcpy(static_cast<void *>(&at), it->opaque, sizeof at);
    memcpy(static_cast<void *>(&end), it->opaque + 2, sizeof end);
    if (!(at != end))
        return false;
    Iterator next = at;
    ++next;
    memcpy(it->opaque, static_cast<const void *>(&next), sizeof next);
    return true;
}

extern "C" bool json_iterator_next(struct json_iterator *it, struct str *ret_name, struct json_node *ret)
{
    if (it->opaque[4] == CONTAINER_OBJECT) {
        dom::object::iterator field;
        if (!advance(it, field))
            return false;
        *ret_name = str_of(field.key());
        *ret = node_of(field.value());
        return true;
    }
    dom::array::iterator item;
    if (it->opaque[4] != CONTAINER_ARRAY || !advance(it, item))
        return false;
    *ret_name = str_of("");
    *ret = node_of(*item);
    return true;
}

static void write_number(const dom::element &element, struct buf *out)
{
    int64_t whole;
    uint64_t large;
    if (!element.get_int64().get(whole)) {
        buf_put_decimal(out, whole);
    } else if (!element.get_uint64().get(large)) {
        buf_put_decimal(out, static_cast<int64_t>(large / 10));
        buf_put_char(out, static_cast<char>('0' + large % 10));
    } else {
        json_write_number(json_node_number(node_of(element)), out);
    }
}

static void write_container(struct json_node node, bool is_object, struct buf *out)
{
    struct json_iterator it = json_node_iterate(node);
    struct str name;
    struct json_node item;
    buf_put_char(out, is_object ? '{' : '[');
    for (bool first = true; json_iterator_next(&it, &name, &item); first = false) {
        if (!first)
            buf_put_char(out, ',');
        if (is_object) {
            json_write_string(name, out);
            buf_put_char(out, ':');
        }
        json_node_write(item, out);
    }
    buf_put_char(out, is_object ? '}' : ']');
}

extern "C" void json_node_write(struct json_node node, struct buf *out)
{
    switch (json_node_type(node)) {
    case JSON_TYPE_NULL: buf_put_text(out, "null"); break;
    case JSON_TYPE_BOOL: json_write_bool(json_node_bool(node), out); break;
    case JSON_TYPE_NUMBER: write_number(element_of(node), out); break;
    case JSON_TYPE_STRING: json_write_string(json_node_string(node), out); break;
    case JSON_TYPE_ARRAY: write_container(node, false, out); break;
    case JSON_TYPE_OBJECT: write_container(node, true, out); break;
    }
}

extern "C" int json_number_print(double number, char ret_text[32])
{
    double size = std::fabs(number);
    std::to_chars_result end = {};
    if (!std::isfinite(number)) {
        memcpy(ret_text, "null", 5);
        return 4;
    }
    if (size <= EXACT_MAX && number == std::trunc(number))
        end = std::to_chars(ret_text, ret_text + 31, static_cast<int64_t>(number));
    else if (size >= 1e-6 && size < EXACT_MAX) /* people read 0.0001 more easily than 1e-04 */
        end = std::to_chars(ret_text, ret_text + 31, number, std::chars_format::fixed);
    else /* with an exponent: digits alone would be read as an integer, and may be none of 64 bits */
        end = std::to_chars(ret_text, ret_text + 31, number, std::chars_format::scientific);
    CHECK(end.ec == std::errc());
    *end.ptr = '\0';
    return static_cast<int>(end.ptr - ret_text);
}
