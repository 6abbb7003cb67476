#include "cli/document_file.h"

#include <errno.h>

enum { READ_BYTES = 1 << 16 };

/* At most one byte more than a document may have: the parser then says that it is too long. */
static enum err read_stream(FILE *stream, const char *name, struct buf *text, struct err_detail *detail)
{
    while (text->size <= DOCUMENT_BYTES_MAX) {
        size_t size = fread(buf_reserve(text, READ_BYTES), 1, READ_BYTES, stream);
        text->size += size;
        if (size == 0)
            break;
    }
    return ferror(stream) ? err_fail(detail, ERR_IO, name, "%s", strerror(errno)) : ERR_OK;
}

enum err document_file_read(const char *path, FILE *in, json_t **ret, struct buf *ret_text,
                            struct err_detail *detail)
{
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    FILE *stream = standard ? in : fopen(path, "re");
    if (!stream)
        return err_fail(detail, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, name, "%s", strerror(errno));
    struct buf text = {0};
    enum err err = read_stream(stream, name, &text, detail);
    if (!standard)
        fclose(stream);
    if (!err)
        err = document_parse(buf_str(&text), name, ret, detail);
    if (err == ERR_INVALID && !str_is_utf8(buf_str(&text)))
        err_fail(detail, err, name, "is not UTF-8; save it in that encoding");
    if (!err && ret_text)
        *ret_text = text;
    else
        buf_deinit(&text);
    return err;
}
