#include "cli/client.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/check.h"
#include "cli/address.h"
#include "cli/own_server.h"
#include "json/document.h"

enum {
    TRIES = 5,
    WAIT_MS = 1000,
    WAIT_MS_MAX = 5000, /* between two of them, whatever Retry-After says */
    CONNECT_MS_MAX = 10000,
    SILENT_SECONDS_MAX = 600, /* a server that says nothing for so long has gone */
    ANSWER_BYTES_MAX = 256 << 20,
    SECRET_BYTES = 16
};

struct client {
    const struct environment *environment;
    const struct arguments *arguments;
    struct arena arena;
    struct address address;
    struct own_server *own; /* NULL = somebody else's */
    CURL *curl;
    char key[2 * SECRET_BYTES + 1]; /* of this invocation */
    unsigned keys;                  /* given out */
};

/* ── open and close ───────────────────────────────────────────────────────── */

static enum err start_own(struct client *client, const char *data, struct err_detail *detail)
{
    enum err err = own_server_start(client->environment, data, &client->own, detail);
    if (err)
        return err;
    client->address.url = arena_printf(&client->arena, "http://127.0.0.1:%u", own_server_port(client->own));
    client->address.loopback = true;
    snprintf(client->address.token, sizeof client->address.token, "%s", own_server_token(client->own));
    return ERR_OK;
}

static void make_key(struct client *client)
{
    unsigned char secret[SECRET_BYTES];
    client->environment->entropy(secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret; i++)
        snprintf(client->key + 2 * i, 3, "%02x", secret[i]);
}

bool client_data_alone(const struct arguments *arguments)
{
    return arguments_has(arguments, "data") && !arguments_has(arguments, "server") &&
           !arguments_has(arguments, "token");
}

static bool open_address(struct client *client, enum exit_status *ret_status)
{
    struct err_detail detail = {"", ""};
    const char *data = arguments_get(client->arguments, "data");
    *ret_status = EXIT_USAGE;
    if (data && !client_data_alone(client->arguments)) {
        complain(client->environment->err, client->arguments->command->name,
                 "--data takes no server and no token; give the one or the other");
        return false;
    }
    enum err err = data ? start_own(client, data, &detail)
                        : address_find(client->environment, client->arguments, &client->arena,
                                       &client->address, &detail);
    if (err)
        complain_detail(client->environment->err, &detail);
    if (data)
        *ret_status = EXIT_REFUSED;
    return !err;
}

struct client *client_open(const struct environment *environment, const struct arguments *arguments,
                           enum exit_status *ret_status)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    struct client *client = memory_take_zeroed(1, sizeof *client);
    client->environment = environment;
    client->arguments = arguments;
    client->curl = curl_easy_init();
    CHECK(client->curl);
    make_key(client);
    if (open_address(client, ret_status))
        return client;
    client_close(client);
    return NULL;
}

void client_close(struct client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl); /* first, so that the server need not wait for the connection */
    if (client->own)
        own_server_end(client->own);
    arena_deinit(&client->arena);
    free(client);
    curl_global_cleanup();
}

/* ── one try ──────────────────────────────────────────────────────────────── */

struct transfer {
    struct client *client;
    const struct client_request *request;
    struct client_answer *answer;
    struct buf body; /* as bytes */
    struct curl_slist *headers;
    int write_error; /* errno of the download */
    char why[CURL_ERROR_SIZE];
};

static void add_header(struct transfer *transfer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_header(struct transfer *transfer, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    CHECK(longer);
    transfer->headers = longer;
}

static long status_of(const struct transfer *transfer)
{
    long status = 0;
    curl_easy_getinfo(transfer->client->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t on_bytes(char *bytes, size_t one, size_t size, void *context)
{
    (void)one;
    struct transfer *transfer = context;
    if (transfer->request->download && status_of(transfer) / 100 == 2) {
        size_t written = fwrite(bytes, 1, size, transfer->request->download);
        transfer->write_error = written == size ? 0 : errno;
        return written;
    }
    if (transfer->answer->text.size + size > ANSWER_BYTES_MAX)
        return 0;
    buf_put(&transfer->answer->text, bytes, size);
    return size;
}

static size_t on_want(char *bytes, size_t one, size_t size, void *context)
{
    struct transfer *transfer = context;
    size_t got = fread(bytes, one, size, transfer->request->upload);
    return got == 0 && ferror(transfer->request->upload) ? CURL_READFUNC_ABORT : got;
}

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    const struct transfer *transfer = context;
    const struct client_request *request = transfer->request;
    bool upload = request->upload != NULL;
    request->progress(request->context, (uint64_t)(upload ? up : down),
                      (uint64_t)(upload ? up_total : down_total));
    return 0;
}

static void set_body(struct transfer *transfer)
{
    CURL *curl = transfer->client->curl;
    const struct client_request *request = transfer->request;
    if (request->upload) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_want);
        curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->upload_bytes);
        add_header(transfer, "Content-Type: %s",
                   request->upload_type ? request->upload_type : "application/octet-stream");
        if (request->upload_bytes < 0)
            add_header(transfer, "Transfer-Encoding: chunked");
    } else if (request->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, transfer->body.data);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.size);
        add_header(transfer, "Content-Type: application/json");
    } else if (strcmp(request->method, "GET") != 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

/* Redirects are not followed: the token is for the server that was named. */
static void set_up(struct transfer *transfer)
{
    struct client *client = transfer->client;
    CURL *curl = client->curl;
    curl_easy_reset(curl); /* connections are kept */
    curl_easy_setopt(curl, CURLOPT_URL,
                     arena_printf(&client->arena, "%s%s", client->address.url, transfer->request->path));
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "sojourn/" SOJOURN_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS_MAX);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SILENT_SECONDS_MAX);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    if (client->address.loopback)
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    if (transfer->request->progress) {
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    }
    set_body(transfer);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers);
}

static const char *header_of(const struct transfer *transfer, const char *name)
{
    struct curl_header *header;
    return curl_easy_header(transfer->client->curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? header->value
               : "";
}

/* Everything that the answer is made of, from the start. */
static CURLcode try_once(struct transfer *transfer)
{
    struct client_answer *answer = transfer->answer;
    client_answer_free(answer);
    transfer->why[0] = '\0';
    CURLcode code = curl_easy_perform(transfer->client->curl);
    if (code != CURLE_OK)
        return code;
    answer->status = (unsigned)status_of(transfer);
    snprintf(answer->etag, sizeof answer->etag, "%s", header_of(transfer, "ETag"));
    if (answer->text.size)
        answer->json =
            json_loadb(answer->text.data, answer->text.size, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    return CURLE_OK;
}

/* ── as often as it makes sense ───────────────────────────────────────────── */

/* How long to wait before the next try; negative: there is no use in one. */
static int64_t next_try_ms(const struct transfer *transfer, CURLcode code, unsigned tries)
{
    const struct client_request *request = transfer->request;
    if (tries >= TRIES || request->upload || (request->download && ftello(request->download) > 0))
        return -1;
    unsigned status = transfer->answer->status;
    if (code == CURLE_OK && (status == 429 || status == 503)) {
        int64_t seconds;
        bool told = str_to_int64(str_from(header_of(transfer, "Retry-After")), &seconds) && seconds >= 0;
        return !told ? -1 : seconds * 1000 < WAIT_MS_MAX ? seconds * 1000 : WAIT_MS_MAX;
    }
    bool again = request->keyed || strcmp(request->method, "GET") == 0;
    bool lost = code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
                code == CURLE_PARTIAL_FILE || (code == CURLE_COULDNT_CONNECT && tries > 1);
    if (!again || !lost)
        return -1;
    return tries == 1 ? 0 : WAIT_MS; /* a restart of the server is given some seconds */
}

static CURLcode try_often(struct transfer *transfer)
{
    for (unsigned tries = 1;; tries++) {
        CURLcode code = try_once(transfer);
        int64_t wait_ms = next_try_ms(transfer, code, tries);
        if (wait_ms < 0)
            return code;
        transfer->client->environment->sleep_ms(wait_ms);
    }
}

/* ── what is wrong ────────────────────────────────────────────────────────── */

static enum err fail_transfer(const struct transfer *transfer, CURLcode code, struct err_detail *detail)
{
    const char *url = transfer->client->address.url;
    const char *why = transfer->why[0] ? transfer->why : curl_easy_strerror(code);
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return err_fail(detail, ERR_IO, url,
                        "no server answers there; start one with `sojourn serve`, or name a closed directory "
                        "with --data");
    case CURLE_WRITE_ERROR:
        if (transfer->write_error)
            return err_fail(detail, ERR_IO, transfer->request->about ? transfer->request->about : "",
                            "could not be written: %s", strerrordesc_np(transfer->write_error));
        return err_fail(detail, ERR_LIMIT, url, "the answer is longer than %d MB", ANSWER_BYTES_MAX >> 20);
    case CURLE_ABORTED_BY_CALLBACK:
        return err_fail(detail, ERR_IO, transfer->request->about ? transfer->request->about : "",
                        "could not be read");
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return err_fail(detail, ERR_IO, url,
                        "the connection was lost before the answer (%s); whether it was done is not known",
                        why);
    default: return err_fail(detail, ERR_IO, url, "%s", why);
    }
}

static enum err code_of(unsigned status)
{
    switch (status) {
    case 400:
    case 422: return ERR_INVALID;
    case 404: return ERR_NOT_FOUND;
    case 413: return ERR_LIMIT;
    case 429:
    case 503: return ERR_BUSY;
    default: return status < 500 ? ERR_REFUSED : ERR_IO;
    }
}

/* `/hold`, or `journey` of the query, is an option to whoever typed that; the action is the command itself.
 */
static const char *option_of(const struct client *client, const char *pointer, char room[64])
{
    const struct option *option = client->arguments->command->options;
    if (strcmp(pointer, "/action") == 0)
        return "";
    for (; option->name; option++) {
        if (strcmp(pointer + (pointer[0] == '/'), option->name) == 0) {
            snprintf(room, 64, "--%s", option->name);
            return room;
        }
    }
    return pointer;
}

static enum err fail_status(const struct transfer *transfer, struct err_detail *detail)
{
    const struct client *client = transfer->client;
    const json_t *json = transfer->answer->json;
    const char *title = json_string_value(json_object_get(json, "title")),
               *text = json_string_value(json_object_get(json, "detail")),
               *pointer = json_string_value(json_object_get(json, "pointer")),
               *named = json_string_value(json_object_get(json, "place")), *about = transfer->request->about;
    unsigned status = transfer->answer->status;
    if (status == 401)
        return err_fail(detail, ERR_REFUSED, client->address.url,
                        "this server does not know the token; give it one of its own by --token or "
                        "SOJOURN_TOKEN");
    if (!title)
        return err_fail(detail, code_of(status), client->address.url,
                        "answers %u, and not as a Sojourn server does", status);
    char room[64], place[sizeof detail->place];
    const char *inner = pointer || named ? option_of(client, pointer ? pointer : named, room) : "";
    snprintf(place, sizeof place, "%s%s%s", about ? about : "", about && inner[0] ? ": " : "", inner);
    return err_fail(detail, code_of(status), place, "%s", text ? text : title);
}

enum err client_ask(struct client *client, const struct client_request *request, struct client_answer *answer,
                    struct err_detail *detail)
{
    struct transfer transfer = {.client = client, .request = request, .answer = answer};
    *answer = (struct client_answer){0};
    add_header(&transfer, "Authorization: Bearer %s", client->address.token);
    add_header(&transfer, "Accept: application/json");
    if (request->keyed)
        add_header(&transfer, "Idempotency-Key: %s-%u", client->key, ++client->keys);
    if (request->if_match)
        add_header(&transfer, "If-Match: %s", request->if_match);
    if (request->body)
        document_write(request->body, &transfer.body);
    set_up(&transfer);
    CURLcode code = try_often(&transfer);
    enum err err = code != CURLE_OK            ? fail_transfer(&transfer, code, detail)
                   : answer->status / 100 != 2 ? fail_status(&transfer, detail)
                                               : ERR_OK;
    curl_slist_free_all(transfer.headers);
    buf_deinit(&transfer.body);
    return err;
}

enum err client_ask_pages(struct client *client, const char *path, const char *key, json_t *ret_items,
                          struct err_detail *detail)
{
    char cursor[256] = "";
    enum err err;
    do {
        struct buf whole = {0};
        struct client_answer page;
        client_path(&whole, path);
        if (cursor[0])
            client_query(&whole, "cursor", cursor);
        const struct client_request request = {.method = "GET", .path = whole.data};
        err = client_ask(client, &request, &page, detail);
        if (!err)
            json_array_extend(ret_items, json_object_get(page.json, key));
        snprintf(cursor, sizeof cursor, "%s", client_text(page.json, "next"));
        client_answer_free(&page);
        buf_deinit(&whole);
    } while (!err && cursor[0]);
    return err;
}

/* ── the answer ───────────────────────────────────────────────────────────── */

void client_answer_free(struct client_answer *answer)
{
    json_decref(answer->json);
    buf_deinit(&answer->text);
    *answer = (struct client_answer){0};
}

static void new_line(int depth, FILE *out)
{
    fprintf(out, "\n%*s", 2 * depth, "");
}

/* Not read and written again, so that numbers stay as the server wrote them. */
void client_text_print(struct str text, FILE *out)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i], next = i + 1 < text.size ? text.data[i + 1] : '\0';
        bool opens = !quoted && (c == '{' || c == '['), closes = !quoted && (c == '}' || c == ']');
        if (!quoted && isspace((unsigned char)c))
            continue;
        if (closes && text.data[i - 1] != '{' && text.data[i - 1] != '[')
            new_line(depth - 1, out);
        fputc(c, out);
        depth += opens - closes;
        if (quoted && c == '\\' && next)
            fputc(text.data[++i], out);
        else if (c == '"')
            quoted = !quoted;
        else if ((opens && next != '}' && next != ']') || (!quoted && c == ','))
            new_line(depth, out);
        else if (!quoted && c == ':')
            fputc(' ', out);
    }
    fputc('\n', out);
}

void client_answer_print(const struct client_answer *answer, FILE *out)
{
    client_text_print(buf_str(&answer->text), out);
}

void client_json_print(const json_t *json, FILE *out)
{
    struct buf text = {0};
    document_write(json, &text);
    client_text_print(buf_str(&text), out);
    buf_deinit(&text);
}

const char *client_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

int64_t client_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* ── paths ────────────────────────────────────────────────────────────────── */

static void end_text(struct buf *path)
{
    *buf_reserve(path, 1) = '\0';
}

static void put_encoded(struct buf *path, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-_.~", c))
            buf_put_char(path, (char)c);
        else
            buf_printf(path, "%%%02X", c);
    }
}

void client_path(struct buf *path, const char *text)
{
    buf_put_text(path, text);
    end_text(path);
}

void client_segment(struct buf *path, const char *text)
{
    put_encoded(path, text);
    end_text(path);
}

void client_query(struct buf *path, const char *name, const char *value)
{
    buf_put_char(path, path->size && memchr(path->data, '?', path->size) ? '&' : '?');
    put_encoded(path, name);
    buf_put_char(path, '=');
    put_encoded(path, value);
    end_text(path);
}
