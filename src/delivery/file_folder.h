/* For tests of the file destination: a folder of its own for each, and short words for what is done in it. */
#ifndef DELIVERY_FILE_FOLDER_H
#define DELIVERY_FILE_FOLDER_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs the three above */
#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "delivery/file.h"

struct folder {
    char path[64], file[96]; /* the file is the destination's; it is not there at first */
};

/* cmocka setup and teardown. */
int folder_make(void **state);
int folder_remove(void **state);
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)

struct destination_settings folder_settings(const char *path);
/* The destination, asserted to open. */
struct destination *folder_open(const struct folder *folder);
struct buf folder_content(const struct folder *folder);
void folder_put(const struct folder *folder, const void *bytes, size_t size);
/* The keys of the file's lines in order, each followed by a space; every line must be whole. */
void folder_assert_keys(const struct folder *folder, const char *wanted);

struct activation activation_of(const char *key, const char *attributes);
/* An object of so many bytes, most of them blanks; to be freed. */
char *attributes_of(size_t size);
enum err deliver_one(struct destination *destination, const char *key, struct activation *ret);
/* One call a key, each asserted to be sent; the last is NULL. */
void deliver_keys(struct destination *destination, const char *const *keys);
bool has_key(struct destination *destination, const char *key);

#endif
