/* A request's body as it comes in, to memory or to a file: limits hold before either grows. gzip is unpacked
 * on the way, piece by piece. */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H
#include <stdatomic.h>

#include "http/spool.h"

/* The memory that all bodies and answers of a server may take. */
struct budget {
    _Atomic size_t used;
    size_t max;
};
bool budget_take(struct budget *budget, size_t bytes);
void budget_give(struct budget *budget, size_t bytes);

enum body_verdict {
    BODY_FINE,
    BODY_TOO_LARGE, /* over bytes_max, packed or unpacked */
    BODY_NO_ROOM,   /* the budget is used up */
    BODY_DAMAGED,   /* not a gzip stream, or not a whole one */
    BODY_DISK_FULL,
    BODY_DISK_FAILED
};

struct body {
    struct budget *budget;
    struct spool spool; /* where the bytes go, where it has a file; `data` is room to unpack then */
    char *data;
    size_t size, capacity, taken; /* taken: out of the budget */
    size_t bytes_max, bytes_in;   /* bytes_in: as they came, packed */
    bool is_gzip;
    struct z_stream_s *stream; /* from the first packed byte on */
    bool between_members;      /* a gzip file may be several, one behind another */
};

void body_init(struct body *body, struct budget *budget, size_t bytes_max, bool is_gzip);
/* Before the first byte: all of them go to a file in the directory. */
enum body_verdict body_spool(struct body *body, const char *directory);
/* After anything but BODY_FINE the body holds nothing and takes no more. */
enum body_verdict body_put(struct body *body, struct str bytes);
enum body_verdict body_end(struct body *body);
void body_deinit(struct body *body);

#endif
