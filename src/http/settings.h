/* What an operator may change while the server runs: each setting has a name, a default and bounds, and takes
 * effect when its change is durable, without a restart. They live in the control log (`settings` entries,
 * members of the newest count). Any thread. */
#ifndef HTTP_SETTINGS_H
#define HTTP_SETTINGS_H
#include <jansson.h>

#include "http/service.h"

/* X(name, key, unit, default, least, most, meaning) */
#define SETTING_TABLE(X)                                                                                     \
    X(PAUSE_DEFAULT, pause_default, "hold", HOLD_ALL, HOLD_ENTRIES, HOLD_ALL,                                \
      "What a pause holds that names no hold: entries, or all movement as well.")                            \
    X(BATCH_BYTES_MAX, batch_bytes_max, "bytes", 512 << 10, 64 << 10, 4 << 20,                               \
      "The largest body of a request, unpacked; files that are imported have a limit of their own.")         \
    X(INGEST_ROOM_BYTES, ingest_room_bytes, "bytes", 64 << 20, 16 << 20, 1 << 30,                            \
      "Records that are accepted and not yet durable; beyond, further ones are answered 429.")

enum setting {
#define X(name, key, unit, usual, least, most, meaning) SETTING_##name,
    SETTING_TABLE(X)
#undef X
        SETTINGS
};

/* Reads the log; sets service->settings. Those that somebody has set take effect by settings_apply. */
enum err settings_open(struct service *service, struct err_detail *detail);
void settings_close(struct service *service); /* nothing where it is not open */
/* When the HTTP server is there. */
void settings_apply(struct service *service);

int64_t settings_get(const struct settings *settings, enum setting setting);
/* Members of an object by name; null = the default again. All or none, in one entry, in effect on return. The
 * control's lock is held for writing. ERR_INVALID with a pointer. */
enum err settings_change(struct service *service, const json_t *members, struct str actor,
                         struct err_detail *detail);

struct setting_seen {
    const char *name, *unit, *meaning;
    int64_t value, usual, least, most;
    bool is_hold; /* the values are enum version_hold */
};
/* All as they are at one moment; the revision, which is above 0 and another one after every change. */
uint64_t settings_see(struct settings *settings, struct setting_seen ret[SETTINGS]);

#endif
