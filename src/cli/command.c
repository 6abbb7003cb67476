#include "cli/command.h"

#include <stdarg.h>

#include "base/check.h"
#include "base/spelling.h"
#include "calendar/instant.h"

void complain(FILE *err, const char *place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(err, "sojourn: %s%s", place, place[0] ? ": " : "");
    vfprintf(err, format, args);
    fputc('\n', err);
    va_end(args);
}

void complain_detail(FILE *err, const struct err_detail *detail)
{
    complain(err, detail->place, "%s", detail->text);
}

static size_t option_count(const struct command *command)
{
    size_t count = 0;
    while (command->options[count].name)
        count++;
    CHECK(count <= OPTIONS_MAX);
    return count;
}

static void usage_hint(const struct command *command, FILE *err)
{
    fprintf(err, "Try `sojourn %s --help`.\n", command->name);
}

static bool unknown_option(const struct command *command, struct str name, FILE *err)
{
    struct str known[OPTIONS_MAX];
    size_t count = option_count(command);
    for (size_t i = 0; i < count; i++)
        known[i] = str_from(command->options[i].name);
    struct str nearest = spelling_nearest(name, known, count);
    if (nearest.size)
        complain(err, command->name, "there is no option --%.*s; did you mean --%.*s?", STR_ARG(name),
                 STR_ARG(nearest));
    else
        complain(err, command->name, "there is no option --%.*s", STR_ARG(name));
    usage_hint(command, err);
    return false;
}

static bool usage_fail(const struct command *command, FILE *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool usage_fail(const struct command *command, FILE *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(err, "sojourn: %s: ", command->name);
    vfprintf(err, format, args);
    fputc('\n', err);
    va_end(args);
    usage_hint(command, err);
    return false;
}

static size_t find_option(const struct command *command, struct str name)
{
    size_t i = 0;
    while (command->options[i].name && !str_equal(str_from(command->options[i].name), name))
        i++;
    return i;
}

/* Takes `--name`, `--name value` and `--name=value`; moves *at behind what was taken. */
static bool take_option(struct arguments *arguments, const char *const *words, size_t count, size_t *at,
                        FILE *err)
{
    const struct command *command = arguments->command;
    const char *word = words[(*at)++] + 2, *equals = strchr(word, '=');
    struct str name = {word, equals ? (size_t)(equals - word) : strlen(word)};
    size_t i = find_option(command, name);
    const struct option *option = &command->options[i];
    if (!option->name)
        return unknown_option(command, name, err);
    if (arguments->options[i].given && option->use != OPTION_MANY && option->use != OPTION_EACH)
        return usage_fail(command, err, "--%s is given twice", option->name);
    arguments->options[i].given = true;
    if (!option->value)
        return equals ? usage_fail(command, err, "--%s takes no value", option->name) : true;
    const char *value = equals ? equals + 1 : *at < count ? words[(*at)++] : NULL;
    if (!value || value[0] == '\0' || (!equals && strncmp(value, "--", 2) == 0))
        return usage_fail(command, err, "--%s needs a value", option->name);
    *array_push(&arguments->options[i].values) = value;
    while (option->use == OPTION_MANY && *at < count && words[*at][0] != '-')
        *array_push(&arguments->options[i].values) = words[(*at)++];
    return true;
}

static bool take_words(struct arguments *arguments, const char *const *words, size_t count, FILE *err)
{
    bool options = true;
    for (size_t at = 0; at < count;) {
        const char *word = words[at];
        if (options && strcmp(word, "--") == 0) {
            options = false;
            at++;
        } else if (options && strncmp(word, "--", 2) == 0) {
            if (!take_option(arguments, words, count, &at, err))
                return false;
        } else if (options && word[0] == '-' && word[1]) {
            return usage_fail(arguments->command, err, "there is no option %s; options begin with two dashes",
                              word);
        } else if (!arguments->command->files) {
            return usage_fail(arguments->command, err, "\"%s\" belongs to no option", word);
        } else if (word[0] == '\0') {
            return usage_fail(arguments->command, err, "%s is empty", arguments->command->files);
        } else if (arguments->command->files_max && arguments->files.count == arguments->command->files_max) {
            return usage_fail(arguments->command, err, "\"%s\" is one %s too many; quote a name with blanks",
                              word, arguments->command->files);
        } else {
            *array_push(&arguments->files) = word;
            at++;
        }
    }
    return true;
}

bool arguments_parse(const struct command *command, const char *const *words, size_t count, FILE *err,
                     struct arguments *ret)
{
    *ret = (struct arguments){.command = command};
    if (!take_words(ret, words, count, err))
        return false;
    for (size_t i = 0; command->options[i].name; i++) {
        enum option_use use = command->options[i].use;
        if ((use == OPTION_MUST || use == OPTION_MANY) && !ret->options[i].given)
            return usage_fail(command, err, "--%s is missing", command->options[i].name);
    }
    if (command->files && !command->files_may_miss && ret->files.count == 0)
        return usage_fail(command, err, "%s is missing", command->files);
    return true;
}

void arguments_free(struct arguments *arguments)
{
    for (size_t i = 0; i < OPTIONS_MAX; i++)
        array_free(&arguments->options[i].values);
    array_free(&arguments->files);
}

static size_t known_option(const struct arguments *arguments, const char *option)
{
    size_t i = find_option(arguments->command, str_from(option));
    CHECK(arguments->command->options[i].name);
    return i;
}

bool arguments_has(const struct arguments *arguments, const char *option)
{
    return arguments->options[known_option(arguments, option)].given;
}

const char *const *arguments_all(const struct arguments *arguments, const char *option, size_t *ret_count)
{
    size_t i = known_option(arguments, option);
    *ret_count = arguments->options[i].values.count;
    return arguments->options[i].values.items;
}

const char *arguments_get(const struct arguments *arguments, const char *option)
{
    size_t count;
    const char *const *values = arguments_all(arguments, option, &count);
    return count ? values[count - 1] : NULL;
}

bool arguments_instant(const struct arguments *arguments, const char *option, FILE *err, int64_t *ret_ms)
{
    const char *text = arguments_get(arguments, option);
    char place[64];
    *ret_ms = INSTANT_NEVER;
    snprintf(place, sizeof place, "--%s", option);
    if (text && !instant_parse(str_from(text), ret_ms)) {
        complain(err, place, "\"%s\" is no instant; write it like 2026-01-31T10:00:00Z", text);
        return false;
    }
    if (text && !instant_is_operational(*ret_ms)) {
        complain(err, place, "%s is not in the years 1970 to 2099, where events and timers can lie", text);
        return false;
    }
    return true;
}
