/* Write keys and admin tokens: control entries (kind `key`) that hold a name and a hash, never the secret.
 * Who acts is known by the token's name until there are users. */
#ifndef HTTP_KEYS_H
#define HTTP_KEYS_H
#include "http/service.h"

enum { KEY_TEXT_BYTES = 64 };

/* Whether there is any key of either kind. */
bool keys_any(const struct control *control);
/* Makes one and appends it; its text (the only time it is known) goes to ret_text. `access` is HTTP_WRITE or
 * HTTP_ADMIN. The caller holds no control lock. ERR_REFUSED: the name is taken. */
enum err keys_make(struct service *service, enum http_access access, struct str name, struct str actor,
                   char ret_text[KEY_TEXT_BYTES], struct err_detail *detail);
/* http_authenticate over them; context is the service. */
bool keys_authenticate(void *context, enum http_access access, struct str credential, struct arena *arena,
                       struct str *ret_name);

#endif
