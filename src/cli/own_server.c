#include "cli/own_server.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "cli/server.h"

struct own_server {
    struct server server;
    char token[OWN_TOKEN_BYTES];
};

static bool authenticate(void *context, enum http_access access, struct str credential, struct arena *arena,
                         struct str *ret_name)
{
    (void)access;
    (void)arena;
    const struct service *service = context;
    const struct server *server =
        (const struct server *)((const char *)service - offsetof(struct server, service));
    const struct own_server *own =
        (const struct own_server *)((const char *)server - offsetof(struct own_server, server));
    unsigned differs = credential.size != OWN_TOKEN_BYTES - 1;
    for (size_t i = 0; !differs && i < OWN_TOKEN_BYTES - 1; i++)
        differs |= (unsigned char)(credential.data[i] ^ own->token[i]);
    *ret_name = STR("command line");
    return !differs;
}

static void make_token(const struct environment *environment, char ret_token[OWN_TOKEN_BYTES])
{
    unsigned char secret[(OWN_TOKEN_BYTES - 1) / 2];
    environment->entropy(secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret; i++)
        snprintf(ret_token + 2 * i, 3, "%02x", secret[i]);
}

/* `serve` makes a directory that is not there; for a command a name that is not there is a slip of the pen.
 */
static enum err check_there(const char *data, struct err_detail *detail)
{
    char database[4096];
    int size = snprintf(database, sizeof database, "%s/sojourn.db", data);
    if (size < 0 || (size_t)size >= sizeof database || access(database, F_OK) == 0)
        return ERR_OK;
    if (errno == ENOENT || errno == ENOTDIR)
        return err_fail(detail, ERR_NOT_FOUND, data,
                        "there is no data directory here; `sojourn serve --data` makes one");
    return err_fail(detail, ERR_IO, data, "%s", strerrordesc_np(errno));
}

static enum err start(const struct environment *environment, const char *data, struct own_server *own,
                      struct err_detail *detail)
{
    uint32_t processors = environment->processors();
    make_token(environment, own->token);
    enum err err =
        server_open(environment, data, processors < STORE_PARTITIONS ? processors : STORE_PARTITIONS,
                    &own->server, detail);
    own->server.quiet = true;
    if (!err)
        err = server_start(&own->server, "127.0.0.1", 0, authenticate, detail);
    if (err)
        server_close(&own->server);
    if (err == ERR_BUSY) {
        struct err_detail busy = *detail;
        err_fail(detail, err, busy.place, "%s, or ask it by --server", busy.text);
    }
    return err;
}

enum err own_server_start(const struct environment *environment, const char *data, struct own_server **ret,
                          struct err_detail *detail)
{
    enum err err = check_there(data, detail);
    if (err)
        return err;
    struct own_server *own = memory_take_zeroed(1, sizeof *own);
    err = start(environment, data, own, detail);
    if (err)
        free(own);
    else
        *ret = own;
    return err;
}

uint16_t own_server_port(const struct own_server *own)
{
    return server_port(&own->server);
}

const char *own_server_token(const struct own_server *own)
{
    return own->token;
}

void own_server_end(struct own_server *own)
{
    server_stop(&own->server);
    server_close(&own->server);
    free(own);
}
