/* The credential in an Authorization header (RFC 9110 §11, RFC 7617, RFC 6750). Pure. */
#ifndef HTTP_CREDENTIAL_H
#define HTTP_CREDENTIAL_H
#include "base/arena.h"
#include "base/str.h"

/* `Basic base64(key:anything)` → the key, in the arena. False: something else, or an empty key. */
bool credential_basic(struct str header, struct arena *arena, struct str *ret);
/* `Bearer token` → the token, borrowed from the header. */
bool credential_bearer(struct str header, struct str *ret);

#endif
