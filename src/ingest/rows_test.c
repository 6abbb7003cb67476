#include "ingest/rows.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "csv/csv.h"
#include "ingest/rejects.h"

/* What reading a file came to, as text: `+` a row taken, `-` one rejected with line and reason. */
struct reading {
    int fd;
    struct buf told;
    uint64_t taken, rejected;
    enum err err;
    struct err_detail detail;
};

static int spooled(struct str bytes)
{
    char path[] = "/tmp/sojourn-rows-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    while (bytes.size) {
        ssize_t size = write(fd, bytes.data, bytes.size);
        assert_true(size > 0);
        bytes = (struct str){bytes.data + size, bytes.size - (size_t)size};
    }
    return fd;
}

static struct buf packed(struct str bytes)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes.data, .avail_in = (uInt)bytes.size};
    struct buf out = {0};
    size_t room = bytes.size + 1000;
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_out = (Bytef *)buf_reserve(&out, room);
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.size = stream.total_out;
    deflateEnd(&stream);
    return out;
}

static void tell(struct reading *reading, const struct row *row)
{
    char reason[sizeof(struct err_detail) + 2];
    if (row->rejected) {
        reading->rejected++;
        buf_printf(&reading->told, "-%u %s\n", (unsigned)row->line, reject_reason(&row->why, reason));
    } else {
        reading->taken++;
        buf_printf(&reading->told, "+%u %.*s %.*s %.*s\n", (unsigned)row->line,
                   STR_ARG(row->segment.external_id), STR_ARG(row->segment.event),
                   STR_ARG(row->segment.body));
    }
}

static struct reading read_bytes(const char *name, enum segment_form form, struct str bytes,
                                 const char *rejects_path)
{
    struct reading reading = {.fd = spooled(bytes)};
    struct rows *rows = rows_new(reading.fd, name, form);
    struct rejects *rejects = rejects_path ? rejects_new(rejects_path) : NULL;
    struct arena arena = {0};
    struct row row;
    uint64_t place = 0;
    while (rows_next(rows, &arena, &row, &reading.err, &reading.detail)) {
        assert_true(row.place > place);
        place = row.place;
        tell(&reading, &row);
        if (rejects && row.rejected)
            rejects_put(rejects, rows, &row);
        arena_reset(&arena);
    }
    if (rejects)
        assert_int_equal(rejects_finish(rejects, NULL), ERR_OK);
    rejects_free(rejects);
    arena_deinit(&arena);
    rows_free(rows);
    close(reading.fd);
    return reading;
}

static void assert_read(const char *name, const char *text, const char *expected)
{
    struct reading reading = read_bytes(name, SEGMENT_EVENT, str_from(text), NULL);
    if (reading.err)
        fail_msg("%s: %s", reading.detail.place, reading.detail.text);
    if (!str_equal(buf_str(&reading.told), str_from(expected)))
        fail_msg("have:\n%.*s\nexpected:\n%s", STR_ARG(buf_str(&reading.told)), expected);
    buf_deinit(&reading.told);
}

#define HEAD "userId,event,timestamp,price:number\n"
#define AT   "2026-01-01"

static void rows_are_handed_out_with_the_line_on_which_they_begin(void **state)
{
    (void)state;
    assert_read("a.csv", HEAD "ann,Seen," AT ",1\n\n\"b\no\",Seen," AT ",2\ncid,Seen," AT ",",
                "+2 ann Seen {\"price\":1}\n+4 b\no Seen {\"price\":2}\n+6 cid Seen \n");
    assert_read("a.csv", "\xef\xbb\xbfuserId,event,timestamp\r\nann,Seen," AT "\r\nbob,Seen," AT "\r\n",
                "+2 ann Seen \n+3 bob Seen \n");
    assert_read("a.ndjson",
                "\xef\xbb\xbf{\"userId\":\"ann\",\"event\":\"Seen\",\"timestamp\":\"" AT
                "\",\"properties\":{\"a\":1}}\r\n\n"
                "{\"userId\":\"bob\",\"event\":\"Seen\",\"timestamp\":\"" AT "\"}",
                "+1 ann Seen {\"a\":1}\n+3 bob Seen \n");
}

static void a_bad_row_costs_itself_alone(void **state)
{
    (void)state;
    assert_read("a.csv", HEAD "ann,Seen,soon,1\nbob,Seen," AT ",x\ncid,Seen\ndan,Seen," AT ",4\n",
                "-2 timestamp: \"soon\" is no instant; write it like 2026-01-31T10:00:00Z (RFC 3339)\n"
                "-3 price: \"x\" is no number; write it like 19.90\n"
                "-4 the row has 2 cells, the header 4; quote cells that hold a comma\n"
                "+5 dan Seen {\"price\":4}\n");
    assert_read(
        "a.ndjson",
        "{\"userId\":\"ann\"}\nnonsense\n{\"userId\":\"bob\",\"event\":\"Seen\",\"timestamp\":\"" AT
        "\"}\n[]\n",
        "-1 /type: is missing; it is one of track, page, screen and identify (track where there is an "
        "\"event\")\n-2 not JSON at byte 8: invalid token near 'nonsense'\n+3 bob Seen \n-4 one JSON object "
        "a line is expected here\n");
}

static void a_stray_quote_costs_its_line_alone(void **state)
{
    (void)state;
    assert_read("a.csv",
                HEAD "an\"n,Seen," AT ",1\nbob,Seen," AT ",2\n\"cid,Seen," AT ",3\ndan,Seen," AT ",4\n",
                "-2 a quote stands where none may: put the whole field in quotes and double those inside it\n"
                "+3 bob Seen {\"price\":2}\n"
                "-4 the row that begins here has a quote that is never closed\n"
                "+5 dan Seen {\"price\":4}\n");
}

static void a_quote_left_open_does_not_swallow_the_file(void **state)
{
    (void)state;
    struct buf text = {0};
    enum { ROWS = 60000 };
    buf_put_text(&text, HEAD "\"ann,Seen," AT ",1\n");
    for (int i = 0; i < ROWS; i++)
        buf_printf(&text, "person-%d,Seen," AT ",%d\n", i, i);
    assert_true(text.size > CSV_FIELD_BYTES_MAX); /* the reader gives up in the middle */
    struct reading reading = read_bytes("a.csv", SEGMENT_EVENT, buf_str(&text), NULL);
    assert_int_equal(reading.err, ERR_OK);
    assert_int_equal(reading.taken, ROWS);
    assert_int_equal(reading.rejected, 1);
    buf_deinit(&reading.told);
    buf_deinit(&text);
}

static void a_line_of_100_mb_costs_itself_alone_and_is_never_held(void **state)
{
    (void)state;
    static const struct {
        const char *name, *before, *after;
    } cases[] = {
        {"a.csv", HEAD "ann,", "\nbob,Seen," AT ",2\n"},
        {"a.csv", HEAD "ann,\"", "\",x\nbob,Seen," AT ",2\n"},
        {"a.ndjson", "{\"userId\":\"", "\"}\n{\"userId\":\"b\",\"event\":\"S\",\"timestamp\":\"" AT "\"}\n"}};
    enum { LONG_BYTES = 100 << 20 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf text = {0};
        buf_put_text(&text, cases[i].before);
        memset(buf_reserve(&text, LONG_BYTES), 'x', LONG_BYTES);
        text.size += LONG_BYTES;
        buf_put_text(&text, cases[i].after);
        struct reading reading = read_bytes(cases[i].name, SEGMENT_EVENT, buf_str(&text), NULL);
        assert_int_equal(reading.err, ERR_OK);
        assert_int_equal(reading.taken, 1);
        assert_int_equal(reading.rejected, 1);
        buf_deinit(&reading.told);
        buf_deinit(&text);
    }
}

static void zero_bytes_and_foreign_encodings_are_rejected(void **state)
{
    (void)state;
    struct str csv = STR(HEAD "a\0n,Seen," AT ",1\nb\xff,Seen," AT ",1\nbob,Seen," AT ",2\n");
    struct reading reading = read_bytes("a.csv", SEGMENT_EVENT, csv, NULL);
    assert_int_equal(reading.taken, 1);
    assert_int_equal(reading.rejected, 2);
    buf_deinit(&reading.told);
    struct str json = STR("{\"userId\":\"a\0\"}\n\xff\n\0\n");
    reading = read_bytes("a.ndjson", SEGMENT_CONTACT, json, NULL);
    assert_int_equal(reading.taken, 0);
    assert_int_equal(reading.rejected, 3);
    buf_deinit(&reading.told);
}

static void a_bad_header_is_the_files_fault(void **state)
{
    (void)state;
    struct reading reading =
        read_bytes("a.csv", SEGMENT_EVENT, STR("user,event,timestamp\nann,Seen,x\n"), NULL);
    assert_int_equal(reading.err, ERR_INVALID);
    assert_string_equal(reading.detail.place, "line 1");
    reading = read_bytes("a.csv", SEGMENT_EVENT, STR(""), NULL);
    assert_int_equal(reading.err, ERR_INVALID);
    reading = read_bytes("a.ndjson", SEGMENT_EVENT, STR("[{}]"), NULL);
    assert_int_equal(reading.err, ERR_INVALID);
}

static void gzip_reads_as_the_file_itself(void **state)
{
    (void)state;
    struct buf text = {0}, two = {0};
    buf_put_text(&text, HEAD);
    for (int i = 0; i < 50000; i++)
        buf_printf(&text, "person-%d,Seen," AT ",%d\n", i, i);
    struct buf gzip = packed(buf_str(&text));
    struct reading plain = read_bytes("a.csv", SEGMENT_EVENT, buf_str(&text), NULL);
    struct reading same = read_bytes("a.csv.gz", SEGMENT_EVENT, buf_str(&gzip), NULL);
    assert_int_equal(same.err, ERR_OK);
    assert_true(str_equal(buf_str(&plain.told), buf_str(&same.told)));
    buf_put_str(&two, buf_str(&gzip)); /* gzip files may be put behind one another */
    struct buf more = packed(STR("zoe,Seen," AT ",1\n"));
    buf_put_str(&two, buf_str(&more));
    struct reading both = read_bytes("a.csv", SEGMENT_EVENT, buf_str(&two), NULL);
    assert_int_equal(both.taken, plain.taken + 1);
    char digest[33], packed_digest[33];
    int fd = spooled(buf_str(&text)), packed_fd = spooled(buf_str(&gzip));
    assert_int_equal(source_digest(fd, NULL, NULL, digest, NULL), ERR_OK);
    assert_int_equal(source_digest(packed_fd, NULL, NULL, packed_digest, NULL), ERR_OK);
    assert_string_equal(digest, packed_digest);
    close(fd);
    close(packed_fd);
    buf_deinit(&text), buf_deinit(&two), buf_deinit(&gzip), buf_deinit(&more);
    buf_deinit(&plain.told), buf_deinit(&same.told), buf_deinit(&both.told);
}

static void torn_gzip_is_known_before_anything_is_taken(void **state)
{
    (void)state;
    struct buf text = {0};
    buf_put_text(&text, HEAD);
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "person-%d,Seen," AT ",%d\n", i * 7919 % 1000, i);
    struct buf gzip = packed(buf_str(&text));
    char digest[33];
    for (size_t size = 2; size < gzip.size; size += 97) {
        struct err_detail detail = {"", ""};
        int fd = spooled((struct str){gzip.data, size});
        assert_int_equal(source_digest(fd, NULL, NULL, digest, &detail), ERR_INVALID);
        assert_non_null(strstr(detail.text, "torn"));
        close(fd);
    }
    gzip.data[gzip.size / 2] ^= 0x55;
    int fd = spooled(buf_str(&gzip));
    assert_int_equal(source_digest(fd, NULL, NULL, digest, NULL), ERR_INVALID);
    close(fd);
    buf_deinit(&text), buf_deinit(&gzip);
}

static struct str file_text(const char *path, char *bytes, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t got = read(fd, bytes, size);
    assert_true(got >= 0);
    close(fd);
    return (struct str){bytes, (size_t)got};
}

/* Rejected, mended by `from` → `to`, imported again: everything is taken. */
static void assert_mended(const char *name, const char *text, const char *expected, const char *from,
                          const char *to, uint64_t taken)
{
    char path[] = "/tmp/sojourn-rejects-XXXXXX", have[4096], again[4096];
    close(mkstemp(path));
    struct reading reading = read_bytes(name, SEGMENT_EVENT, str_from(text), path);
    struct str rejects = file_text(path, have, sizeof have);
    if (!str_equal(rejects, str_from(expected)))
        fail_msg("have:\n%.*s\nexpected:\n%s", STR_ARG(rejects), expected);
    buf_deinit(&reading.told);
    /* as it is, it is rejected again and written the same but for its lines */
    reading = read_bytes(name, SEGMENT_EVENT, rejects, path);
    assert_int_equal(reading.taken, 0);
    assert_int_equal(file_text(path, again, sizeof again).size, rejects.size);
    buf_deinit(&reading.told);
    struct buf mended = {0};
    for (size_t i = 0; i < rejects.size;) {
        bool here = str_starts((struct str){rejects.data + i, rejects.size - i}, str_from(from));
        buf_put(&mended, here ? to : rejects.data + i, here ? strlen(to) : 1);
        i += here ? strlen(from) : 1;
    }
    reading = read_bytes(name, SEGMENT_EVENT, buf_str(&mended), NULL);
    assert_int_equal(reading.err, ERR_OK);
    assert_int_equal(reading.taken, taken);
    assert_int_equal(reading.rejected, 0);
    buf_deinit(&reading.told);
    buf_deinit(&mended);
    unlink(path);
}

static void rejected_rows_can_be_mended_and_imported(void **state)
{
    (void)state;
    assert_mended(
        "a.csv", HEAD "ann,Seen," AT ",1\nbob,Seen," AT ",1x\n\"ci\"\"d\",\"Se,en\"," AT ",1x\n",
        "rejectedLine,rejectedReason,userId,event,timestamp,price:number\n"
        "3,\"price: \"\"1x\"\" is no number; write it like 19.90\",bob,Seen,2026-01-01,1x\n"
        "4,\"price: \"\"1x\"\" is no number; write it like 19.90\",\"ci\"\"d\",\"Se,en\",2026-01-01,1x\n",
        ",1x\n", ",1\n", 2);
    assert_mended(
        "a.ndjson",
        "{\"userId\":\"ann\",\"event\":\"Seen\",\"timestamp\":\"2026-13-01\"}\n"
        "{\"userId\":\"bob\",\"event\":\"Seen\",\"timestamp\":\"2026-13-01\"}\n",
        "{\"rejectedLine\":1,\"rejectedReason\":\"/timestamp: \\\"2026-13-01\\\" is no instant; write "
        "it like 2026-01-31T10:00:00Z (RFC "
        "3339)\",\"userId\":\"ann\",\"event\":\"Seen\",\"timestamp\":\"2026-13-01\"}\n"
        "{\"rejectedLine\":2,\"rejectedReason\":\"/timestamp: \\\"2026-13-01\\\" is no instant; write "
        "it like 2026-01-31T10:00:00Z (RFC "
        "3339)\",\"userId\":\"bob\",\"event\":\"Seen\",\"timestamp\":\"2026-13-01\"}\n",
        "2026-13-01\"}", "2026-12-01\"}", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_handed_out_with_the_line_on_which_they_begin),
        cmocka_unit_test(a_bad_row_costs_itself_alone),
        cmocka_unit_test(a_stray_quote_costs_its_line_alone),
        cmocka_unit_test(a_quote_left_open_does_not_swallow_the_file),
        cmocka_unit_test(a_line_of_100_mb_costs_itself_alone_and_is_never_held),
        cmocka_unit_test(zero_bytes_and_foreign_encodings_are_rejected),
        cmocka_unit_test(a_bad_header_is_the_files_fault),
        cmocka_unit_test(gzip_reads_as_the_file_itself),
        cmocka_unit_test(torn_gzip_is_known_before_anything_is_taken),
        cmocka_unit_test(rejected_rows_can_be_mended_and_imported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
