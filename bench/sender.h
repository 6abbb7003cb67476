/* A client that costs as little as it can: one connection kept open, requests whose bytes are made
 * beforehand. One thread a connection. */
#ifndef BENCH_SENDER_H
#define BENCH_SENDER_H
#include "base/buf.h"
#include "base/err.h"

/* The bytes of a request; `authorization` is the header's value. */
void sender_request(struct buf *out, const char *method, const char *path, const char *authorization,
                    struct str body);
/* "Basic …" of a write key. */
void sender_basic(const char *key, char ret[256]);

struct sender {
    int fd;
    struct buf in;
};
enum err sender_connect(struct sender *sender, uint16_t port, struct err_detail *detail);
/* Sends and waits for the whole answer; anything but 2xx is ERR_REFUSED with what it said. The body lives
 * until the next call. */
enum err sender_ask(struct sender *sender, struct str request, struct str *ret_body,
                    struct err_detail *detail);
void sender_close(struct sender *sender);

#endif
