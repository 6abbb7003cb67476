/* Keys: listed, made, revoked. Each change is one control entry, and holds from its answer on. */
#include <inttypes.h>

#include "http/api.h"
#include "http/keys.h"
#include "ingest/quote.h"
#include "json/write.h"

enum { LIST_USUAL = 100, LIST_MOST = 1000 };

static void put_key(const struct key_seen *key, struct buf *out)
{
    api_number(out, "id", (int64_t)key->id);
    api_text(out, "kind", key->access == HTTP_WRITE ? STR("write") : STR("admin"));
    api_text(out, "name", key->name);
    api_instant(out, "created", key->made_ms);
    api_text(out, "created_by", key->made_by);
    api_instant(out, "revoked", key->revoked_ms);
    api_key(out, "revoked_by");
    if (key->revoked_by.size)
        json_write_string(key->revoked_by, out);
    else
        buf_put_text(out, "null");
}

void api_keys_list(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct api_page page;
    int64_t first = 1;
    enum err err = api_page_of(request, LIST_USUAL, LIST_MOST, &page, &detail);
    if (!err && page.cursor.size && (!str_to_int64(page.cursor, &first) || first < 1))
        err = err_fail(&detail, ERR_INVALID, "cursor", "is none that this list gave; begin without one");
    if (err) {
        http_problem(request, 400, err, &detail);
        return;
    }
    struct buf out = {0};
    struct key_seen key;
    int64_t id = first;
    buf_put_text(&out, "{\"keys\":[");
    for (; id - first < page.limit && keys_see(service->keys, (uint64_t)id, &key); id++) {
        api_item(&out);
        buf_put_char(&out, '{');
        put_key(&key, &out);
        buf_put_char(&out, '}');
    }
    buf_put_char(&out, ']');
    api_key(&out, "next");
    if (keys_see(service->keys, (uint64_t)id, &key))
        buf_printf(&out, "\"%" PRId64 "\"", id);
    else
        buf_put_text(&out, "null");
    buf_put_char(&out, '}');
    api_answer(request, 200, &out);
}

static enum err take_text(const json_t *body, const char *key, const char *pointer, struct str *ret,
                          struct err_detail *detail)
{
    const json_t *value = json_object_get(body, key);
    if (!json_is_string(value))
        return err_fail(detail, ERR_INVALID, pointer, "%s",
                        value ? "a string is expected here" : "is missing");
    *ret = (struct str){json_string_value(value), json_string_length(value)};
    return ERR_OK;
}

static enum err take_wanted(const json_t *body, struct key_wanted *ret, struct err_detail *detail)
{
    char quoted[QUOTE_BYTES];
    struct str kind;
    const char *key;
    json_t *value;
    if (!json_is_object(body))
        return err_fail(detail, ERR_INVALID, "", "an object is expected here");
    json_object_foreach((json_t *)(uintptr_t)body, key, value)
    {
        if (strcmp(key, "kind") != 0 && strcmp(key, "name") != 0)
            return err_fail(detail, ERR_INVALID, "", "the member %s is unknown here; there are kind and name",
                            quote(str_from(key), quoted));
    }
    enum err err = take_text(body, "kind", "/kind", &kind, detail);
    if (!err)
        err = take_text(body, "name", "/name", &ret->name, detail);
    if (err)
        return err;
    if (!str_equal(kind, STR("write")) && !str_equal(kind, STR("admin")))
        return err_fail(detail, ERR_INVALID, "/kind", "%s is no kind of key; there are write and admin",
                        quote(kind, quoted));
    ret->access = str_equal(kind, STR("write")) ? HTTP_WRITE : HTTP_ADMIN;
    return ERR_OK;
}

void api_keys_make(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct key_wanted wanted = {0};
    struct key_seen key;
    json_t *body = NULL;
    enum err err = api_document(request, &body, &detail);
    if (!err)
        err = take_wanted(body, &wanted, &detail);
    if (!err)
        err = keys_make(service, &wanted, 1, http_request_who(request), &detail);
    json_decref(body);
    if (err) {
        if (err == ERR_LIMIT)
            http_problem(request, 409, err, &detail);
        else
            api_refuse(request, err, &detail);
        return;
    }
    struct buf out = {0};
    keys_see(service->keys, wanted.id, &key);
    buf_put_char(&out, '{');
    put_key(&key, &out);
    api_text(&out, "secret", str_from(wanted.text));
    buf_put_char(&out, '}');
    http_answer_header(request, "Cache-Control", "no-store");
    api_answer(request, 201, &out);
}

void api_key_revoke(void *context, struct http_request *request)
{
    struct service *service = context;
    struct err_detail detail = {"", ""};
    struct key_seen key;
    int64_t id;
    if (!str_to_int64(http_request_parameter(request, "key"), &id) || id < 1)
        id = 0;
    enum err err = keys_revoke(service, (uint64_t)id, http_request_who(request), &detail);
    if (err) {
        api_refuse(request, err, &detail);
        return;
    }
    struct buf out = {0};
    keys_see(service->keys, (uint64_t)id, &key);
    buf_put_char(&out, '{');
    put_key(&key, &out);
    buf_put_char(&out, '}');
    api_answer(request, 200, &out);
}
