/* Runs a fuzz target without libFuzzer: every file of its corpus, every beginning of it, and repeatable
 * mutations. instant_corpus corpus/instant */
#include <dirent.h>
#include <errno.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/prng.h"
#include "fuzz.h"

enum { BEGINNINGS_MAX = 256, MUTATIONS = 200, READ_BYTES = 4096 };

/* In memory of exactly this size, so that the address sanitizer sees a read of one byte too many. */
static void feed(struct str input)
{
    uint8_t *exact = memory_take(input.size);
    if (input.size)
        memcpy(exact, input.data, input.size);
    LLVMFuzzerTestOneInput(exact, input.size);
    free(exact);
}

static void mutate(struct buf *bytes, struct prng *prng)
{
    static const char nasty[] = "\"\\{}[],:-+.eET Z09\n\r\t\0\x1f\x7f\x80\xc0\xe2\xed\xf4\xff";
    for (uint64_t changes = 1 + prng_below(prng, 4); changes && bytes->size; changes--) {
        size_t at = prng_below(prng, bytes->size), left = bytes->size - at;
        size_t run = 1 + prng_below(prng, left < 8 ? left : 8);
        switch (prng_below(prng, 4)) {
        case 0: bytes->data[at] = (char)(bytes->data[at] ^ (1 << prng_below(prng, 8))); break;
        case 1: bytes->data[at] = nasty[prng_below(prng, sizeof nasty - 1)]; break;
        case 2: /* a run left out */
            memmove(bytes->data + at, bytes->data + at + run, left - run);
            bytes->size -= run;
            break;
        default: /* a run twice */
            buf_reserve(bytes, run);
            memmove(bytes->data + at + run, bytes->data + at, left);
            bytes->size += run;
            break;
        }
    }
}

static void feed_with_variants(struct str input)
{
    struct prng prng = {input.size};
    struct buf variant = {0};
    feed(input);
    for (size_t size = 0; size < input.size && size < BEGINNINGS_MAX; size++)
        feed((struct str){input.data, size});
    for (int i = 0; i < MUTATIONS; i++) {
        buf_clear(&variant);
        buf_put_str(&variant, input);
        mutate(&variant, &prng);
        feed(buf_str(&variant));
    }
    buf_deinit(&variant);
}

static bool read_file(const char *path, struct buf *ret)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    for (size_t got = 1; got; ret->size += got)
        got = fread(buf_reserve(ret, READ_BYTES), 1, READ_BYTES, file);
    bool complete = !ferror(file);
    fclose(file);
    return complete;
}

/* The number of files fed, -1 where one could not be read. */
static int feed_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    int files = 0;
    if (!entries)
        return -1;
    for (struct dirent *entry; files >= 0 && (entry = readdir(entries));) {
        struct buf path = {0}, input = {0};
        if (entry->d_name[0] == '.')
            continue;
        buf_printf(&path, "%s/%s", folder, entry->d_name);
        buf_put_char(&path, '\0');
        if (read_file(path.data, &input))
            feed_with_variants(buf_str(&input));
        files = input.data ? files + 1 : -1;
        buf_deinit(&path);
        buf_deinit(&input);
    }
    closedir(entries);
    return files;
}

int main(int argc, char **argv)
{
    int files = argc == 2 ? feed_folder(argv[1]) : 0;
    if (files > 0) {
        printf("%d files\n", files);
        return EXIT_SUCCESS;
    }
    fprintf(stderr, "usage: %s FOLDER (of at least one readable file): %s\n", argv[0], strerror(errno));
    return EXIT_FAILURE;
}
