/* Commands as data: name, what it does, its options and examples. Parsing, `--help` and the hints at misspelt
 * words all come from these tables. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H
#include <stdio.h>

#include "base/array.h"
#include "base/err.h"
#include "base/str.h"

enum exit_status { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

/* What a command gets of the world; main.c alone makes one. */
struct environment {
    FILE *in, *out, *err;
    double (*seconds)(void);  /* a clock that only rises */
    int64_t (*wall_ms)(void); /* UTC */
    void (*sleep_ms)(int64_t ms);
    uint32_t (*processors)(void);
    void (*entropy)(void *bytes, size_t size);
    const char *(*variable)(const char *name); /* of the environment; NULL where it is not set */
    void (*block_stop)(void);    /* before the first thread: SIGTERM and SIGINT wait for the next */
    void (*wait_for_stop)(void); /* until one of them comes */
    void (*notify)(
        const char *message); /* to the service manager, where one listens (sd_notify's protocol) */
};

/* MANY: at least once, takes several values; EACH: may be given again, one value each time */
enum option_use { OPTION_MAY, OPTION_MUST, OPTION_MANY, OPTION_EACH };
struct option {
    const char *name;  /* without the dashes; NULL ends the table */
    const char *value; /* what is shown for its value; NULL = it has none */
    enum option_use use;
    const char *text;
};
enum { OPTIONS_MAX = 12 };

struct arguments {
    const struct command *command;
    struct {
        bool given;
        ARRAY(const char *) values;
    } options[OPTIONS_MAX];
    ARRAY(const char *) files; /* what belongs to no option */
};

struct command {
    const char *name;    /* NULL ends the table */
    const char *summary; /* one line */
    const char *usage;   /* what follows `sojourn NAME` */
    const char *files;   /* what arguments without option are called; NULL = there are none */
    bool files_may_miss;
    size_t files_max; /* 0 = as many as wanted */
    const struct option *options;
    const char *text; /* what it does and examples, below the options */
    enum exit_status (*run)(const struct environment *environment, const struct arguments *arguments);
};

/* `words` follow the command's name. False after a message to `err`. Free the arguments in either case. */
bool arguments_parse(const struct command *command, const char *const *words, size_t count, FILE *err,
                     struct arguments *ret);
void arguments_free(struct arguments *arguments);
/* The last value of an option, NULL where it was not given; the empty string for one without value. */
const char *arguments_get(const struct arguments *arguments, const char *option);
bool arguments_has(const struct arguments *arguments, const char *option);
const char *const *arguments_all(const struct arguments *arguments, const char *option, size_t *ret_count);

/* `sojourn: PLACE: text`, the one form of our errors; without place, `sojourn: text`. */
void complain(FILE *err, const char *place, const char *format, ...) __attribute__((format(printf, 3, 4)));
void complain_detail(FILE *err, const struct err_detail *detail);

/* The value of an option as an instant, INSTANT_NEVER where it was not given; false after a message. */
bool arguments_instant(const struct arguments *arguments, const char *option, FILE *err, int64_t *ret_ms);

#endif
