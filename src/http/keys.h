/* Write keys and admin tokens. Each has an id for ever (1, 2, 3 … in order of making), a name, and the hash
 * of a secret that nobody knows but who was told once. They are made and revoked by control entries (`key`,
 * `key_revoked`); what is in force is kept here as a table, so that asking costs a hash and a look at each.
 * Who acts is known by the token's name until there are users. Any thread. */
#ifndef HTTP_KEYS_H
#define HTTP_KEYS_H
#include "http/service.h"

enum {
    KEY_TEXT_BYTES = 64,
    KEY_NAME_BYTES_MAX = 80,
    KEYS_IN_FORCE_MAX = 200 /* all of them are looked at for every request */
};

/* Reads the log; sets service->keys. */
enum err keys_open(struct service *service, struct err_detail *detail);
void keys_close(struct service *service); /* nothing where it is not open */

/* Whether there is one that is not revoked. `access` is HTTP_WRITE or HTTP_ADMIN, here as below. */
bool keys_any(struct keys *keys, enum http_access access);
/* Whether one of this name is not revoked. */
bool keys_has(struct keys *keys, enum http_access access, struct str name);

struct key_wanted {
    enum http_access access;
    struct str name;
    uint64_t id;               /* given */
    char text[KEY_TEXT_BYTES]; /* given, the only time it is known */
};
/* Makes all or none, in one entry. The caller holds no control lock. ERR_REFUSED: a name is taken, by a key
 * that is not revoked; ERR_LIMIT: there are KEYS_IN_FORCE_MAX. */
enum err keys_make(struct service *service, struct key_wanted *wanted, size_t count, struct str actor,
                   struct err_detail *detail);
/* At once and for ever; one that is revoked already stays so. ERR_NOT_FOUND; ERR_REFUSED: it is the last
 * admin token, and without one nobody could make another. */
enum err keys_revoke(struct service *service, uint64_t id, struct str actor, struct err_detail *detail);

struct key_seen {
    uint64_t id;
    enum http_access access;
    struct str name, made_by, revoked_by; /* live as long as the keys */
    int64_t made_ms, revoked_ms;          /* INSTANT_NEVER = it is in force */
};
/* In order of ids: the first whose id is at least `from`; false = none. */
bool keys_see(struct keys *keys, uint64_t from, struct key_seen *ret);

/* http_authenticate over them; context is the service. */
bool keys_authenticate(void *context, enum http_access access, struct str credential, struct arena *arena,
                       struct str *ret_name);

#endif
