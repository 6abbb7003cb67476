/* A file that is imported, as CSV or NDJSON by its first byte: rows come in order of their places, each is
 * taken or has a reason, and what was rejected is rejected again when its reject file is imported as it is,
 * with as many rows. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "fuzz.h"
#include "ingest/rejects.h"

struct tally {
    uint64_t rejected;
    enum err err;
};

static struct tally read_rows(int fd, const char *name, enum segment_form form, struct rejects *rejects)
{
    struct rows *rows = rows_new(fd, name, form);
    struct arena arena = {0};
    struct tally tally = {0};
    struct err_detail detail = {"", ""};
    struct row row;
    uint64_t place = 0;
    while (rows_next(rows, &arena, &row, &tally.err, &detail)) {
        CHECK(row.place > place && row.line >= 1);
        CHECK(row.rejected == (row.why.text[0] != '\0'));
        CHECK(row.rejected || (row.segment.external_id.size && !row.segment.has_object));
        place = row.place;
        tally.rejected += row.rejected;
        if (row.rejected && rejects)
            rejects_put(rejects, rows, &row);
        arena_reset(&arena);
    }
    CHECK(!tally.err || detail.text[0]);
    arena_deinit(&arena);
    rows_free(rows);
    return tally;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"f.csv", "f.ndjson"};
    if (size < 2)
        return 0;
    const char *name = names[data[0] / 2 % 2];
    enum segment_form form = data[0] % 2 ? SEGMENT_CONTACT : SEGMENT_EVENT;
    char path[64];
    int fd = memfd_create("rows", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
    snprintf(path, sizeof path, "/tmp/sojourn-rows-fuzz-%d", (int)getpid());
    struct rejects *rejects = rejects_new(path);
    struct tally tally = read_rows(fd, name, form, rejects);
    CHECK(rejects_finish(rejects, NULL) == ERR_OK);
    rejects_free(rejects);
    close(fd);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK((fd >= 0) == (tally.rejected > 0));
    if (fd >= 0) {
        read_rows(fd, name, form, NULL);
        close(fd);
        unlink(path);
    }
    return 0;
}
