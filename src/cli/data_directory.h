/* An opened data directory: the store, the control log and all partitions, as one thing to open and close. */
#ifndef CLI_DATA_DIRECTORY_H
#define CLI_DATA_DIRECTORY_H
#include "partition/partition.h"

struct data_directory {
    struct store *store;
    struct control *control;
    uint32_t partition_count; /* of those that are open */
    struct partition *partitions[STORE_PARTITIONS];
};

/* Store and control log. A directory that is neither empty nor ours is refused, and with `read_only` one that
 * is not there. Close it in either case. */
enum err data_directory_open(const char *path, bool read_only, struct data_directory *ret,
                             struct err_detail *detail);
/* Every partition; effects are answered by `answer` (NULL = not). */
enum err data_directory_open_partitions(struct data_directory *directory, bool read_only,
                                        partition_answer *answer, struct err_detail *detail);
/* The newest version of a journey by its id or name, in the words of the API where there is none. Names are
 * taken from the arena. */
enum err data_directory_find_version(const struct data_directory *directory, struct str id_or_name,
                                     struct arena *arena, const char *place, uint16_t *ret,
                                     struct err_detail *detail);
void data_directory_close(struct data_directory *directory);

#endif
