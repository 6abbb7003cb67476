#include "cli/data_directory.h"

#include <dirent.h>

#include "base/check.h"
#include "base/spelling.h"
#include "partition/control_journeys.h"
#include "store/sqlite/store_sqlite.h"

/* Whether a directory holds files that no store of ours put there, and none that one did. */
static bool is_foreign(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return false; /* not there, or the store says what is wrong with it */
    bool other = false, ours = false;
    const struct dirent *entry;
    while ((entry = readdir(directory))) {
        bool dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        bool own = strncmp(entry->d_name, "sojourn.", strlen("sojourn.")) == 0;
        ours |= own;
        other |= !own && !dots;
    }
    closedir(directory);
    return other && !ours;
}

enum err data_directory_open(const char *path, bool read_only, struct data_directory *ret,
                             struct err_detail *detail)
{
    *ret = (struct data_directory){0};
    if (!read_only && is_foreign(path))
        return err_fail(detail, ERR_REFUSED, path, "holds other files; name an empty directory or a new one");
    const struct store_sqlite_options options = {.read_only = read_only};
    enum err err = store_sqlite_open(path, &options, &ret->store, detail);
    return err ? err : control_open(ret->store, read_only, &ret->control, detail);
}

enum err data_directory_open_partitions(struct data_directory *directory, bool read_only,
                                        partition_answer *answer, struct err_detail *detail)
{
    CHECK(directory->store->partitions <= STORE_PARTITIONS);
    struct partition_options options[STORE_PARTITIONS];
    for (uint32_t id = 0; id < directory->store->partitions; id++)
        options[id] = (struct partition_options){.id = id,
                                                 .store = directory->store,
                                                 .control = directory->control,
                                                 .answer = answer,
                                                 .read_only = read_only};
    enum err err = partition_open_all(options, directory->store->partitions, directory->partitions, detail);
    if (!err)
        directory->partition_count = directory->store->partitions;
    return err;
}

enum err data_directory_find_version(const struct data_directory *directory, struct str id_or_name,
                                     struct arena *arena, const char *place, uint16_t *ret,
                                     struct err_detail *detail)
{
    const struct control *control = directory->control;
    const struct control_journey *journey = control_find_journey(control, id_or_name);
    uint16_t version = journey ? control_newest(journey) : VERSION_NONE;
    if (journey && version == VERSION_NONE)
        return err_fail(detail, ERR_NOT_FOUND, place,
                        "the journey is a draft: it has no published version yet");
    *ret = version;
    if (journey)
        return ERR_OK;
    uint32_t end = 1, count = 0;
    while (control_journey(control, end))
        end++;
    struct str *names = arena_take_array(arena, end, sizeof *names);
    for (uint32_t i = 1; i < end; i++) {
        if (!control_journey(control, i)->gone)
            names[count++] = control_journey(control, i)->name;
    }
    struct str nearest = spelling_nearest(id_or_name, names, count);
    return err_fail(detail, ERR_NOT_FOUND, place, "there is no journey of this %s%s%.*s%s",
                    control_is_id(id_or_name) ? "id" : "name", nearest.size ? "; did you mean \"" : "",
                    STR_ARG(nearest), nearest.size ? "\"?" : "");
}

void data_directory_close(struct data_directory *directory)
{
    for (uint32_t id = 0; id < directory->partition_count; id++)
        partition_close(directory->partitions[id]);
    control_close(directory->control);
    if (directory->store)
        store_close(directory->store);
}
