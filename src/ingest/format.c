#include "ingest/format.h"

#include <strings.h>

static bool ends_in(struct str name, const char *ending)
{
    size_t size = strlen(ending);
    return name.size >= size && strncasecmp(name.data + name.size - size, ending, size) == 0;
}

size_t format_mark_size(struct str bytes)
{
    return str_starts(bytes, STR("\xef\xbb\xbf")) ? 3 : 0;
}

bool format_is_csv(const char *name, struct str bytes)
{
    static const struct {
        const char *ending;
        bool csv;
    } endings[] = {{".csv", true}, {".ndjson", false}, {".jsonl", false}, {".json", false}};
    struct str text = str_from(name);
    if (ends_in(text, ".gz"))
        text.size -= strlen(".gz");
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (ends_in(text, endings[i].ending))
            return endings[i].csv;
    }
    size_t first = format_mark_size(bytes);
    while (first < bytes.size && memchr(" \t\r\n", bytes.data[first], 4))
        first++;
    return first < bytes.size && bytes.data[first] != '{';
}
