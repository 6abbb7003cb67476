#include "http/keys.h"

#include <pthread.h>
#include <sodium.h>

#include "base/check.h"
#include "calendar/instant.h"
#include "ingest/quote.h"
#include "json/document.h"

enum { SECRET_BYTES = 24, HASH_BYTES = 32, HASH_HEX_BYTES = 2 * HASH_BYTES + 1 };

struct key {
    struct key_seen seen;
    unsigned char hash[HASH_BYTES];
};

struct keys {
    pthread_rwlock_t lock; /* taken behind the control's; for writing only under the control's for writing */
    struct arena arena;
    ARRAY(struct key) all; /* the id is the index and 1 */
    struct err_detail failure;
    enum err failed;
};

static const char *kind_of(enum http_access access)
{
    return access == HTTP_WRITE ? "write" : "admin";
}

static bool in_force(const struct key *key)
{
    return key->seen.revoked_ms == INSTANT_NEVER;
}

/* Secrets are random and long, so a plain hash keeps them: there is nothing to guess. */
static void hash_of(struct str secret, unsigned char ret[HASH_BYTES])
{
    crypto_generichash(ret, HASH_BYTES, (const unsigned char *)secret.data, secret.size, NULL, 0);
}

static struct str text_of(const json_t *body, const char *key)
{
    const json_t *value = json_object_get(body, key);
    return (struct str){json_string_value(value), json_string_length(value)};
}

/* ── from the log ─────────────────────────────────────────────────────────── */

static bool take_made(struct keys *keys, const json_t *body, struct str actor, int64_t at_ms)
{
    struct str kind = text_of(body, "kind"), name = text_of(body, "name"), hash = text_of(body, "hash");
    struct key key;
    size_t bytes = 0;
    bool write = str_equal(kind, STR("write"));
    if ((!write && !str_equal(kind, STR("admin"))) || name.size == 0 || hash.size != HASH_HEX_BYTES - 1 ||
        sodium_hex2bin(key.hash, sizeof key.hash, hash.data, hash.size, NULL, &bytes, NULL) != 0)
        return false;
    key.seen = (struct key_seen){.id = keys->all.count + 1,
                                 .access = write ? HTTP_WRITE : HTTP_ADMIN,
                                 .name = arena_str(&keys->arena, name),
                                 .made_by = arena_str(&keys->arena, actor),
                                 .made_ms = at_ms,
                                 .revoked_ms = INSTANT_NEVER};
    *array_push(&keys->all) = key;
    return true;
}

static bool take_all_made(struct keys *keys, const json_t *body, struct str actor, int64_t at_ms)
{
    const json_t *made = json_object_get(body, "keys"), *one;
    size_t i;
    if (!made)
        return take_made(keys, body, actor, at_ms);
    json_array_foreach(made, i, one)
    {
        if (!take_made(keys, one, actor, at_ms))
            return false;
    }
    return true;
}

static bool take_revoked(struct keys *keys, const json_t *body, struct str actor, int64_t at_ms)
{
    json_int_t id = json_integer_value(json_object_get(body, "id"));
    if (id < 1 || (size_t)id > keys->all.count)
        return false;
    struct key_seen *seen = &keys->all.items[id - 1].seen;
    if (seen->revoked_ms == INSTANT_NEVER) {
        seen->revoked_ms = at_ms;
        seen->revoked_by = arena_str(&keys->arena, actor);
    }
    return true;
}

static bool on_entry(void *context, const struct control_entry *entry)
{
    struct keys *keys = context;
    bool made = str_equal(entry->kind, STR("key"));
    if (!made && !str_equal(entry->kind, STR("key_revoked")))
        return true;
    json_t *body = NULL;
    keys->failed = document_parse(entry->body, "key", &body, &keys->failure);
    if (!keys->failed && !(made ? take_all_made : take_revoked)(keys, body, entry->actor, entry->at_ms))
        keys->failed = err_fail(&keys->failure, ERR_CORRUPT, "key", "control entry %llu is no key",
                                (unsigned long long)entry->position);
    json_decref(body);
    return !keys->failed;
}

enum err keys_open(struct service *service, struct err_detail *detail)
{
    struct keys *keys = memory_take_zeroed(1, sizeof *keys);
    pthread_rwlock_init(&keys->lock, NULL);
    service->keys = keys;
    enum err err = store_control_after(service->store, 0, on_entry, keys, detail);
    if (!err && keys->failed) {
        err = keys->failed;
        if (detail)
            *detail = keys->failure;
    }
    if (err)
        keys_close(service);
    return err;
}

void keys_close(struct service *service)
{
    struct keys *keys = service->keys;
    if (!keys)
        return;
    service->keys = NULL;
    pthread_rwlock_destroy(&keys->lock);
    array_free(&keys->all);
    arena_deinit(&keys->arena);
    free(keys);
}

/* ── looking; the lock is held, or the control's for writing ──────────────── */

static bool find_name(const struct keys *keys, enum http_access access, struct str name)
{
    array_each (&keys->all, i) {
        const struct key *key = &keys->all.items[i];
        if (in_force(key) && key->seen.access == access && str_equal(key->seen.name, name))
            return true;
    }
    return false;
}

static size_t count(const struct keys *keys, bool write, bool admin)
{
    size_t found = 0;
    array_each (&keys->all, i) {
        const struct key *key = &keys->all.items[i];
        found += in_force(key) && (key->seen.access == HTTP_WRITE ? write : admin);
    }
    return found;
}

bool keys_any(struct keys *keys, enum http_access access)
{
    pthread_rwlock_rdlock(&keys->lock);
    size_t found = count(keys, access == HTTP_WRITE, access == HTTP_ADMIN);
    pthread_rwlock_unlock(&keys->lock);
    return found > 0;
}

bool keys_has(struct keys *keys, enum http_access access, struct str name)
{
    pthread_rwlock_rdlock(&keys->lock);
    bool found = find_name(keys, access, name);
    pthread_rwlock_unlock(&keys->lock);
    return found;
}

bool keys_see(struct keys *keys, uint64_t from, struct key_seen *ret)
{
    pthread_rwlock_rdlock(&keys->lock);
    bool found = from <= keys->all.count;
    if (found)
        *ret = keys->all.items[from ? from - 1 : 0].seen;
    pthread_rwlock_unlock(&keys->lock);
    return found;
}

/* Looks at every key of the kind, so that the time it takes tells nothing about which was near. */
bool keys_authenticate(void *context, enum http_access access, struct str credential, struct arena *arena,
                       struct str *ret_name)
{
    struct service *service = context;
    struct keys *keys = service->keys;
    unsigned char hash[HASH_BYTES];
    const struct key *found = NULL;
    hash_of(credential, hash);
    pthread_rwlock_rdlock(&keys->lock);
    array_each (&keys->all, i) {
        const struct key *key = &keys->all.items[i];
        if (in_force(key) && key->seen.access == access && sodium_memcmp(key->hash, hash, HASH_BYTES) == 0)
            found = key;
    }
    if (found)
        *ret_name = arena_str(arena, found->seen.name);
    pthread_rwlock_unlock(&keys->lock);
    return found != NULL;
}

/* ── making and revoking ──────────────────────────────────────────────────── */

static enum err check_wanted(const struct keys *keys, const struct key_wanted *wanted,
                             struct err_detail *detail)
{
    char quoted[QUOTE_BYTES];
    if (wanted->name.size == 0 || wanted->name.size > KEY_NAME_BYTES_MAX || !str_is_utf8(wanted->name))
        return err_fail(detail, ERR_INVALID, "/name", "a key's name has 1 to %d bytes of UTF-8",
                        KEY_NAME_BYTES_MAX);
    if (find_name(keys, wanted->access, wanted->name))
        return err_fail(detail, ERR_REFUSED, "/name", "the %s key %s is in force; name this one otherwise",
                        kind_of(wanted->access), quote(wanted->name, quoted));
    return ERR_OK;
}

static json_t *make(struct service *service, struct key_wanted *wanted)
{
    unsigned char secret[SECRET_BYTES], hash[HASH_BYTES];
    char hex[HASH_HEX_BYTES];
    size_t prefix = (size_t)snprintf(wanted->text, sizeof wanted->text, "%s_", kind_of(wanted->access));
    service->entropy(secret, sizeof secret);
    sodium_bin2hex(wanted->text + prefix, sizeof wanted->text - prefix, secret, sizeof secret);
    sodium_memzero(secret, sizeof secret);
    hash_of(str_from(wanted->text), hash);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    return json_pack("{s:s%, s:s, s:s}", "name", wanted->name.data, wanted->name.size, "kind",
                     kind_of(wanted->access), "hash", hex);
}

/* The control's lock is held for writing. */
static enum err append(struct service *service, const char *kind, const json_t *body, struct str actor,
                       struct err_detail *detail)
{
    const struct control_by by = {.actor = actor, .at_ms = service->clock(service->clock_context)};
    struct keys *keys = service->keys;
    struct buf text = {0};
    document_write(body, &text);
    enum err err = control_note(service->control, str_from(kind), buf_str(&text), &by, detail);
    buf_deinit(&text);
    if (err)
        return err;
    pthread_rwlock_wrlock(&keys->lock);
    CHECK((strcmp(kind, "key") == 0 ? take_all_made : take_revoked)(keys, body, actor, by.at_ms));
    pthread_rwlock_unlock(&keys->lock);
    return ERR_OK;
}

enum err keys_make(struct service *service, struct key_wanted *wanted, size_t wanted_count, struct str actor,
                   struct err_detail *detail)
{
    struct keys *keys = service->keys;
    enum err err = ERR_OK;
    json_t *made = json_array();
    crew_control_write(service->crew);
    if (count(keys, true, true) + wanted_count > KEYS_IN_FORCE_MAX)
        err = err_fail(detail, ERR_LIMIT, "", "%d keys are in force, which is the most; revoke one first",
                       KEYS_IN_FORCE_MAX);
    for (size_t i = 0; i < wanted_count && !err; i++) {
        err = check_wanted(keys, &wanted[i], detail);
        if (!err) {
            wanted[i].id = keys->all.count + i + 1;
            json_array_append_new(made, make(service, &wanted[i]));
        }
    }
    json_t *body = json_pack("{s:o}", "keys", made);
    if (!err)
        err = append(service, "key", body, actor, detail);
    crew_control_unlock(service->crew);
    json_decref(body);
    if (err) {
        for (size_t i = 0; i < wanted_count; i++)
            sodium_memzero(wanted[i].text, sizeof wanted[i].text);
    }
    return err;
}

static enum err revoke(struct service *service, uint64_t id, struct str actor, struct err_detail *detail)
{
    struct keys *keys = service->keys;
    if (id < 1 || id > keys->all.count)
        return err_fail(detail, ERR_NOT_FOUND, "", "there is no key of this id; GET /v1/keys lists them");
    const struct key *key = &keys->all.items[id - 1];
    if (!in_force(key))
        return ERR_OK;
    if (key->seen.access == HTTP_ADMIN && count(keys, false, true) == 1)
        return err_fail(detail, ERR_REFUSED, "",
                        "this is the last admin token, and without one nobody could make another; make the "
                        "one that follows it first");
    json_t *body = json_pack("{s:I}", "id", (json_int_t)id);
    enum err err = append(service, "key_revoked", body, actor, detail);
    json_decref(body);
    return err;
}

enum err keys_revoke(struct service *service, uint64_t id, struct str actor, struct err_detail *detail)
{
    crew_control_write(service->crew);
    enum err err = revoke(service, id, actor, detail);
    crew_control_unlock(service->crew);
    return err;
}
