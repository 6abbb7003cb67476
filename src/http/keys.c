#include "http/keys.h"

#include <sodium.h>

#include "http/api.h"
#include "json/document.h"

enum { SECRET_BYTES = 24, HASH_BYTES = 32, HASH_HEX_BYTES = 2 * HASH_BYTES + 1, NAME_SHOWN_MAX = 80 };

static const char *kind_of(enum http_access access)
{
    return access == HTTP_WRITE ? "write" : "admin";
}

/* Secrets are random and long, so a plain hash keeps them: there is nothing to guess. */
static void hash_of(struct str secret, char ret_hex[HASH_HEX_BYTES])
{
    unsigned char hash[HASH_BYTES];
    crypto_generichash(hash, sizeof hash, (const unsigned char *)secret.data, secret.size, NULL, 0);
    sodium_bin2hex(ret_hex, HASH_HEX_BYTES, hash, sizeof hash);
}

static bool text_equals(const json_t *body, const char *key, struct str text)
{
    const json_t *value = json_object_get(body, key);
    return json_is_string(value) &&
           str_equal((struct str){json_string_value(value), json_string_length(value)}, text);
}

bool keys_any(const struct control *control)
{
    struct str body;
    return control_find_note(control, STR("key"), &body);
}

static enum err check_name(const struct control *control, const char *kind, struct str name,
                           struct err_detail *detail)
{
    if (name.size == 0 || name.size > NAME_SHOWN_MAX || !str_is_utf8(name))
        return err_fail(detail, ERR_INVALID, "/name", "a key's name has 1 to %d bytes of UTF-8",
                        NAME_SHOWN_MAX);
    struct str text;
    enum err err = ERR_OK;
    for (size_t i = 0; !err && control_note_at(control, STR("key"), i, &text); i++) {
        json_t *body;
        err = document_parse(text, "key", &body, detail);
        if (err)
            return err;
        if (text_equals(body, "kind", str_from(kind)) && text_equals(body, "name", name))
            err = err_fail(detail, ERR_REFUSED, "/name",
                           "a %s key is named \"%.*s\" already; name it otherwise", kind, STR_ARG(name));
        json_decref(body);
    }
    return err;
}

static enum err append(struct service *service, const char *kind, struct str name, struct str actor,
                       const char *hash, struct err_detail *detail)
{
    enum err err = check_name(service->control, kind, name, detail);
    if (err)
        return err;
    const struct control_by by = {.actor = actor, .at_ms = service->clock(service->clock_context)};
    json_t *body = json_pack("{s:s%, s:s, s:s}", "name", name.data, name.size, "kind", kind, "hash", hash);
    struct buf text = {0};
    document_write(body, &text);
    err = control_note(service->control, STR("key"), buf_str(&text), &by, detail);
    buf_deinit(&text);
    json_decref(body);
    return err;
}

enum err keys_make(struct service *service, enum http_access access, struct str name, struct str actor,
                   char ret_text[KEY_TEXT_BYTES], struct err_detail *detail)
{
    unsigned char secret[SECRET_BYTES];
    char text[KEY_TEXT_BYTES], hash[HASH_HEX_BYTES];
    size_t prefix = (size_t)snprintf(text, sizeof text, "%s_", kind_of(access));
    service->entropy(secret, sizeof secret);
    sodium_bin2hex(text + prefix, sizeof text - prefix, secret, sizeof secret);
    hash_of(str_from(text), hash);
    crew_control_write(service->crew);
    enum err err = append(service, kind_of(access), name, actor, hash, detail);
    crew_control_unlock(service->crew);
    if (!err)
        memcpy(ret_text, text, sizeof text);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(text, sizeof text);
    return err;
}

/* Looks at every key of the kind, so that the time it takes tells nothing about which was near. */
bool keys_authenticate(void *context, enum http_access access, struct str credential, struct arena *arena,
                       struct str *ret_name)
{
    struct service *service = context;
    char hash[HASH_HEX_BYTES];
    bool found = false;
    struct str text;
    hash_of(credential, hash);
    crew_control_read(service->crew);
    for (size_t i = 0; control_note_at(service->control, STR("key"), i, &text); i++) {
        json_t *body;
        if (document_parse(text, "key", &body, NULL))
            continue;
        const char *kind = json_string_value(json_object_get(body, "kind"));
        const json_t *known = json_object_get(body, "hash"), *name = json_object_get(body, "name");
        if (kind && strcmp(kind, kind_of(access)) == 0 && json_string_length(known) == HASH_HEX_BYTES - 1 &&
            sodium_memcmp(json_string_value(known), hash, HASH_HEX_BYTES - 1) == 0) {
            found = true;
            *ret_name = arena_str(arena, (struct str){json_string_value(name), json_string_length(name)});
        }
        json_decref(body);
    }
    crew_control_unlock(service->crew);
    return found;
}
