#include "delivery/file_folder.h"

#include <fcntl.h>
#include <unistd.h>

int folder_make(void **state)
{
    struct folder *folder = memory_take_zeroed(1, sizeof *folder);
    snprintf(folder->path, sizeof folder->path, "/tmp/sojourn-file-XXXXXX");
    if (!mkdtemp(folder->path))
        return -1;
    snprintf(folder->file, sizeof folder->file, "%s/crm.ndjson", folder->path);
    *state = folder;
    return 0;
}

int folder_remove(void **state)
{
    struct folder *folder = *state;
    char other[128];
    snprintf(other, sizeof other, "%s/crm.1", folder->path);
    unlink(other);
    unlink(folder->file);
    rmdir(folder->path);
    free(folder);
    return 0;
}

struct destination_settings folder_settings(const char *path)
{
    struct destination_settings settings = {.name = STR("crm"), .kind = DESTINATION_FILE};
    settings.file.path = str_from(path);
    return settings;
}

struct destination *folder_open(const struct folder *folder)
{
    struct destination_settings settings = folder_settings(folder->file);
    struct destination *destination;
    struct err_detail detail = {0};
    enum err err = destination_open(&settings, &destination, &detail);
    if (err)
        fail_msg("%s: %s", detail.place, detail.text);
    return destination;
}

struct activation activation_of(const char *key, const char *attributes)
{
    return (struct activation){.key = str_from(key),
                               .operation = STR("add"),
                               .journey = STR("Win \"back\""),
                               .node = STR("offer"),
                               .contact = STR("c-1"),
                               .attributes = str_from(attributes),
                               .version = 1,
                               .at_ms = 1000};
}

enum err deliver_one(struct destination *destination, const char *key, struct activation *ret)
{
    struct err_detail detail = {0};
    *ret = activation_of(key, "");
    return destination_deliver(destination, ret, 1, &detail);
}

void deliver_keys(struct destination *destination, const char *const *keys)
{
    for (; *keys; keys++) {
        struct activation item;
        assert_int_equal(deliver_one(destination, *keys, &item), ERR_OK);
        assert_int_equal(item.outcome, ACTIVATION_SENT);
    }
}

struct buf folder_content(const struct folder *folder)
{
    struct buf text = {0};
    char bytes[4096];
    int fd = open(folder->file, O_RDONLY);
    assert_true(fd >= 0);
    for (ssize_t count; (count = read(fd, bytes, sizeof bytes)) > 0;)
        buf_put(&text, bytes, (size_t)count);
    close(fd);
    return text;
}

void folder_put(const struct folder *folder, const void *bytes, size_t size)
{
    int fd = open(folder->file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

void folder_assert_keys(const struct folder *folder, const char *wanted)
{
    struct buf text = folder_content(folder), keys = {0};
    struct str rest = buf_str(&text);
    while (rest.size) {
        const char *newline = memchr(rest.data, '\n', rest.size);
        assert_non_null(newline);
        size_t size = (size_t)(newline - rest.data);
        assert_true(size > 10 && newline[-1] == '}' && !memchr(rest.data, 0, size));
        const char *quote = memchr(rest.data + 8, '"', size - 8);
        buf_put(&keys, rest.data + 8, (size_t)(quote - rest.data) - 8);
        buf_put_char(&keys, ' ');
        rest.data += size + 1;
        rest.size -= size + 1;
    }
    buf_put_char(&keys, 0);
    assert_string_equal(keys.data, wanted);
    buf_deinit(&text);
    buf_deinit(&keys);
}

bool has_key(struct destination *destination, const char *key)
{
    struct str text = str_from(key);
    bool has;
    assert_int_equal(destination_has(destination, &text, 1, &has, NULL), ERR_OK);
    return has;
}

char *attributes_of(size_t size)
{
    char *text = memory_take(size + 1);
    memset(text, ' ', size);
    text[0] = '{';
    memcpy(text + size - 1, "}", 2);
    return text;
}
