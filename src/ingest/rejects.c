#include "ingest/rejects.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/array.h"
#include "json/write.h"

static const char header[] = "rejectedLine,rejectedReason,";
static const char first_keys[] = "{\"rejectedLine\":";

struct rejects {
    const char *path;
    FILE *out;
    int failed; /* errno of the first failure */
    struct buf line;
};

struct rejects *rejects_new(const char *path)
{
    struct rejects *rejects = memory_take_zeroed(1, sizeof *rejects);
    rejects->path = path;
    if (unlink(path) < 0 && errno != ENOENT)
        rejects->failed = errno;
    return rejects;
}

const char *reject_reason(const struct err_detail *why, char ret_text[sizeof(struct err_detail) + 2])
{
    snprintf(ret_text, sizeof(struct err_detail) + 2, "%s%s%s", why->place, why->place[0] ? ": " : "",
             why->text);
    bool cut = !str_is_utf8(str_from(ret_text)); /* a long name may have been, inside a character */
    for (char *c = ret_text; *c; c++)
        *c = *c == '\n' || *c == '\r' || (cut && (uint8_t)*c >= 0x80) ? '?' : *c;
    return ret_text;
}

/* What follows the first two cells of a CSV row; the row where it has no more. */
static struct str after_two_cells(struct str row)
{
    bool quoted = false;
    int cells = 0;
    for (size_t i = 0; i < row.size; i++) {
        if (row.data[i] == '"')
            quoted = !quoted;
        if (row.data[i] == ',' && !quoted && ++cells == 2)
            return (struct str){row.data + i + 1, row.size - i - 1};
    }
    return row;
}

static void put_csv(struct rejects *rejects, const struct rows *rows, const struct row *row,
                    const char *reason)
{
    struct buf *line = &rejects->line;
    struct str names = rows_header(rows), text = row->text;
    bool again = str_starts(names, str_from(header)); /* the file is of rejects itself */
    if (again)
        text = after_two_cells(text);
    if (!rejects->out)
        buf_printf(line, "%s%.*s\n", again ? "" : header, STR_ARG(names));
    buf_printf(line, "%" PRIu64 ",\"", row->line);
    for (const char *c = reason; *c; c++) {
        if (*c == '"')
            buf_put_char(line, '"');
        buf_put_char(line, *c);
    }
    buf_put_text(line, "\",");
    buf_put_str(line, text);
}

/* An object's text behind the keys that an earlier import put there, from its first own key on. */
static struct str own_keys(struct str text)
{
    if (!str_starts(text, str_from(first_keys)))
        return (struct str){text.data + 1, text.size - 1};
    bool quoted = false;
    int commas = 0;
    for (size_t i = 1; i < text.size; i++) {
        if (quoted && text.data[i] == '\\')
            i++;
        else if (text.data[i] == '"')
            quoted = !quoted;
        else if (text.data[i] == ',' && !quoted && ++commas == 2)
            return (struct str){text.data + i + 1, text.size - i - 1};
    }
    return STR("}");
}

static bool holds_a_key(struct str keys)
{
    size_t i = 0;
    while (i < keys.size && memchr(" \t", keys.data[i], 2))
        i++;
    return i < keys.size && keys.data[i] != '}';
}

static void put_ndjson(struct rejects *rejects, const struct row *row, const char *reason)
{
    struct buf *line = &rejects->line;
    struct str text = row->text;
    buf_printf(line, "%s%" PRIu64 ",\"rejectedReason\":", first_keys, row->line);
    json_write_string(str_from(reason), line);
    if (text.size && text.data[0] == '{') {
        struct str keys = own_keys(text);
        buf_put_text(line, holds_a_key(keys) ? "," : "");
        buf_put_str(line, keys);
        return;
    }
    buf_put_text(line, ",\"text\":");
    if (str_is_utf8(text))
        json_write_string(text, line);
    else
        buf_put_text(line, "\"(not UTF-8)\"");
    buf_put_char(line, '}');
}

void rejects_put(struct rejects *rejects, const struct rows *rows, const struct row *row)
{
    char reason[sizeof(struct err_detail) + 2];
    if (rejects->failed)
        return;
    buf_clear(&rejects->line);
    reject_reason(&row->why, reason);
    if (rows_are_csv(rows))
        put_csv(rejects, rows, row, reason);
    else
        put_ndjson(rejects, row, reason);
    buf_put_char(&rejects->line, '\n');
    if (!rejects->out)
        rejects->out = fopen(rejects->path, "wxe");
    if (!rejects->out ||
        fwrite(rejects->line.data, 1, rejects->line.size, rejects->out) != rejects->line.size)
        rejects->failed = errno;
}

enum err rejects_finish(struct rejects *rejects, struct err_detail *detail)
{
    if (rejects->out && !rejects->failed && (fflush(rejects->out) != 0 || fsync(fileno(rejects->out)) < 0))
        rejects->failed = errno;
    if (!rejects->failed)
        return ERR_OK;
    return err_fail(detail, rejects->failed == ENOSPC ? ERR_FULL : ERR_IO, "",
                    "the file of rejected rows cannot be written: %s", strerror(rejects->failed));
}

void rejects_free(struct rejects *rejects)
{
    if (!rejects)
        return;
    if (rejects->out)
        fclose(rejects->out);
    buf_deinit(&rejects->line);
    free(rejects);
}
