#include "bench/sender.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 16 };

void sender_request(struct buf *out, const char *method, const char *path, const char *authorization,
                    struct str body)
{
    buf_printf(out,
               "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\nContent-Type: application/json\r\n",
               method, path, authorization);
    buf_printf(out, "Content-Length: %zu\r\n\r\n", body.size);
    buf_put_str(out, body);
}

void sender_basic(const char *key, char ret[256])
{
    char pair[128];
    int size = snprintf(pair, sizeof pair, "%s:", key);
    size_t prefix = (size_t)snprintf(ret, 256, "Basic ");
    sodium_bin2base64(ret + prefix, 256 - prefix, (const unsigned char *)pair, (size_t)size,
                      sodium_base64_VARIANT_ORIGINAL);
}

static enum err failed(const char *what, struct err_detail *detail)
{
    return err_fail(detail, ERR_IO, "server", "%s: %s", what, strerror(errno));
}

enum err sender_connect(struct sender *sender, uint16_t port, struct err_detail *detail)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *sender = (struct sender){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    int on = 1;
    if (sender->fd < 0 || connect(sender->fd, (const struct sockaddr *)&to, sizeof to) != 0 ||
        setsockopt(sender->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        return failed("no connection", detail);
    return ERR_OK;
}

static enum err put(struct sender *sender, struct str bytes, struct err_detail *detail)
{
    while (bytes.size) {
        ssize_t size = send(sender->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return failed("sending", detail);
        bytes = (struct str){bytes.data + size, bytes.size - (size_t)size};
    }
    return ERR_OK;
}

static enum err get_more(struct sender *sender, struct err_detail *detail)
{
    ssize_t size;
    do
        size = recv(sender->fd, buf_reserve(&sender->in, READ_BYTES), READ_BYTES, 0);
    while (size < 0 && errno == EINTR);
    if (size <= 0)
        return size < 0 ? failed("receiving", detail)
                        : err_fail(detail, ERR_IO, "server", "closed the connection before it answered");
    sender->in.size += (size_t)size;
    return ERR_OK;
}

/* The value of Content-Length among the headers; answers without one are not made by what is asked here. */
static size_t content_length(struct str head)
{
    static const char name[] = "\r\nContent-Length:";
    const char *at = memmem(head.data, head.size, name, sizeof name - 1);
    return at ? strtoul(at + sizeof name - 1, NULL, 10) : 0;
}

enum err sender_ask(struct sender *sender, struct str request, struct str *ret_body,
                    struct err_detail *detail)
{
    const char *end;
    buf_clear(&sender->in);
    enum err err = put(sender, request, detail);
    while (!err && !(end = sender->in.size ? memmem(sender->in.data, sender->in.size, "\r\n\r\n", 4) : NULL))
        err = get_more(sender, detail);
    if (err)
        return err;
    size_t head = (size_t)(end - sender->in.data) + 4,
           body = content_length((struct str){sender->in.data, head});
    while (!err && sender->in.size < head + body)
        err = get_more(sender, detail);
    if (err)
        return err;
    *ret_body = (struct str){sender->in.data + head, body};
    if (sender->in.data[strlen("HTTP/1.1 ")] != '2')
        return err_fail(detail, ERR_REFUSED, "server", "answered %.12s: %.*s", sender->in.data, (int)body,
                        ret_body->data);
    return ERR_OK;
}

void sender_close(struct sender *sender)
{
    if (sender->fd >= 0)
        close(sender->fd);
    buf_deinit(&sender->in);
}
