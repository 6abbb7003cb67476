#include "cli/address.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <limits.h>

#include "base/check.h"

/* A part of a URL, copied; "" where it has none. */
static char *part_of(CURLU *url, CURLUPart part, struct arena *arena)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, 0) != CURLUE_OK)
        return arena_printf(arena, "%s", "");
    char *copy = arena_printf(arena, "%s", text);
    curl_free(text);
    return copy;
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0;
}

static enum err take_url(CURLU *url, const char *text, const char *place, struct arena *arena,
                         struct address *ret, struct err_detail *detail)
{
    static const CURLUPart unwanted[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY,
                                         CURLUPART_FRAGMENT};
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_GUESS_SCHEME);
    if (code != CURLUE_OK)
        return err_fail(detail, ERR_INVALID, place,
                        "\"%s\" is no URL (%s); write it like http://127.0.0.1:8080", text,
                        curl_url_strerror(code));
    for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++) {
        if (part_of(url, unwanted[i], arena)[0])
            return err_fail(detail, ERR_INVALID, place,
                            "names more than a server; write it like http://127.0.0.1:8080, and the token "
                            "by itself");
    }
    const char *scheme = part_of(url, CURLUPART_SCHEME, arena);
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return err_fail(detail, ERR_INVALID, place,
                        "\"%s\" is neither http:// nor https://; write it like http://127.0.0.1:8080", text);
    char *whole = part_of(url, CURLUPART_URL, arena);
    for (size_t size = strlen(whole); size && whole[size - 1] == '/';)
        whole[--size] = '\0';
    ret->url = whole;
    ret->loopback = is_loopback(part_of(url, CURLUPART_HOST, arena));
    return ERR_OK;
}

static enum err find_url(const struct environment *environment, const struct arguments *arguments,
                         struct arena *arena, struct address *ret, struct err_detail *detail)
{
    const char *place = "--server", *text = arguments_get(arguments, "server");
    if (!text) {
        place = "SOJOURN_SERVER";
        text = environment->variable(place);
    }
    if (!text || !text[0])
        text = "http://127.0.0.1:8080";
    CURLU *url = curl_url();
    CHECK(url);
    enum err err = take_url(url, text, place, arena, ret, detail);
    curl_url_cleanup(url);
    return err;
}

/* Blanks around it are let pass, as files have a line's end; a header takes visible ASCII alone. */
static enum err take_token(const char *text, const char *place, struct address *ret,
                           struct err_detail *detail)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t size = strlen(text);
    while (size && isspace((unsigned char)text[size - 1]))
        size--;
    bool sound = size > 0 && size < sizeof ret->token;
    for (size_t i = 0; i < size && sound; i++)
        sound = text[i] > ' ' && text[i] <= '~';
    if (!sound)
        return err_fail(detail, ERR_INVALID, place, "holds no token; that is one word, like admin_5f0c…");
    memcpy(ret->token, text, size);
    ret->token[size] = '\0';
    return ERR_OK;
}

static enum err read_token_file(const struct environment *environment, struct address *ret,
                                struct err_detail *detail)
{
    char path[PATH_MAX], text[ADDRESS_TOKEN_BYTES + 2];
    const char *folder = environment->variable("XDG_CONFIG_HOME"), *home = environment->variable("HOME");
    int size = folder && folder[0]
                   ? snprintf(path, sizeof path, "%s/sojourn/token", folder)
                   : snprintf(path, sizeof path, "%s/.config/sojourn/token", home ? home : "");
    if (size < 0 || (size_t)size >= sizeof path)
        return err_fail(detail, ERR_INVALID, "--token", "is wanted: an admin token of the server");
    FILE *file = fopen(path, "re");
    if (!file && (errno == ENOENT || errno == ENOTDIR))
        return err_fail(
            detail, ERR_INVALID, "--token",
            "an admin token of the server is wanted, here, in SOJOURN_TOKEN or in the file %s; its "
            "first start has shown one",
            path);
    if (!file)
        return err_fail(detail, ERR_INVALID, path, "%s", strerrordesc_np(errno));
    size_t got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[got] = '\0';
    return take_token(text, path, ret, detail);
}

static enum err find_token(const struct environment *environment, const struct arguments *arguments,
                           struct address *ret, struct err_detail *detail)
{
    const char *given = arguments_get(arguments, "token"), *variable = environment->variable("SOJOURN_TOKEN");
    if (given)
        return take_token(given, "--token", ret, detail);
    if (variable && variable[0])
        return take_token(variable, "SOJOURN_TOKEN", ret, detail);
    return read_token_file(environment, ret, detail);
}

enum err address_find(const struct environment *environment, const struct arguments *arguments,
                      struct arena *arena, struct address *ret, struct err_detail *detail)
{
    enum err err = find_url(environment, arguments, arena, ret, detail);
    return err ? err : find_token(environment, arguments, ret, detail);
}
