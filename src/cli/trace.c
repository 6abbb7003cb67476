#include "cli/trace.h"

#include "base/spelling.h"
#include "cli/commands.h"
#include "cli/data_directory.h"
#include "trace/story_json.h"

static const struct option options[] = {
    {"data", "DIR", OPTION_MUST, "the data directory"},
    {"contact", "ID", OPTION_MUST, "the contact's userId (or anonymousId)"},
    {"journey", "NAME", OPTION_MAY, "one journey only"},
    {"json", NULL, OPTION_MAY, "the same as JSON"},
    {0}};

struct tracing {
    const struct environment *environment;
    struct data_directory *directory;
    struct str name;
    struct trace_contact contact;
    struct trace_chain chain;
    struct arena arena;
    json_t *stories; /* NULL = for people */
};

static void tell(struct tracing *tracing, uint16_t journey)
{
    struct trace_story story;
    trace_story_tell(tracing->directory->control, &tracing->contact, &tracing->chain, journey,
                     &tracing->arena, &story);
    if (tracing->stories)
        json_array_append_new(tracing->stories, trace_story_json(&story));
    else
        trace_print(&story, tracing->name, &tracing->arena, tracing->environment->out);
    trace_story_free(&story);
}

static enum err find_journey(struct tracing *tracing, struct str name, uint16_t *ret,
                             struct err_detail *detail)
{
    const struct plan *plan = control_plan(tracing->directory->control);
    uint16_t count = plan_journey_count(plan);
    struct str *names = arena_take_array(&tracing->arena, count, sizeof *names);
    for (uint16_t i = 0; i < count; i++) {
        names[i] = plan_journey_name(plan, i);
        if (str_equal(names[i], name)) {
            *ret = i;
            return ERR_OK;
        }
    }
    struct str nearest = spelling_nearest(name, names, count);
    return err_fail(detail, ERR_NOT_FOUND, "--journey", "there is no journey \"%.*s\" here%s%.*s%s",
                    STR_ARG(name), nearest.size ? "; did you mean \"" : "", STR_ARG(nearest),
                    nearest.size ? "\"?" : "");
}

static enum err find_contact(struct tracing *tracing, struct err_detail *detail)
{
    struct data_directory *directory = tracing->directory;
    uint64_t hash = contact_hash(tracing->name);
    const struct partition *partition = directory->partitions[partition_of(hash, directory->partition_count)];
    struct contact_id id;
    if (contacts_find(engine_contacts(partition_engine(partition)), tracing->name, hash, &id)) {
        trace_look(partition, control_plan(directory->control), id, &tracing->arena, &tracing->contact);
        return trace_chain_read(directory->store, &tracing->contact, TRACE_ROWS_ALL, &tracing->arena,
                                &tracing->chain, detail);
    }
    return err_fail(detail, ERR_NOT_FOUND, "--contact", "nobody is known by the id \"%.*s\" here",
                    STR_ARG(tracing->name));
}

static enum err tell_all(struct tracing *tracing, const char *journey, struct err_detail *detail)
{
    uint16_t first = 0, end = plan_journey_count(control_plan(tracing->directory->control));
    enum err err = find_contact(tracing, detail);
    if (!err && journey) {
        err = find_journey(tracing, str_from(journey), &first, detail);
        end = (uint16_t)(first + 1);
    }
    for (uint16_t i = first; i < end && !err; i++)
        tell(tracing, i);
    if (!err && tracing->chain.truncated && !tracing->stories)
        fputs("What is older has been removed from the history.\n", tracing->environment->out);
    return err;
}

static enum exit_status run(const struct environment *environment, const struct arguments *arguments)
{
    struct data_directory directory;
    struct err_detail detail;
    struct tracing tracing = {.environment = environment,
                              .directory = &directory,
                              .name = str_from(arguments_get(arguments, "contact")),
                              .stories = arguments_has(arguments, "json") ? json_array() : NULL};
    enum err err = data_directory_open(arguments_get(arguments, "data"), true, &directory, &detail);
    if (!err)
        err = data_directory_open_partitions(&directory, true, NULL, &detail);
    if (!err)
        err = tell_all(&tracing, arguments_get(arguments, "journey"), &detail);
    if (err) {
        complain_detail(environment->err, &detail);
    } else if (tracing.stories) {
        json_t *all = json_pack("{s:s%, s:b, s:O}", "contact", tracing.name.data, tracing.name.size,
                                "truncated", (int)tracing.chain.truncated, "journeys", tracing.stories);
        json_dumpf(all, environment->out, JSON_INDENT(2));
        fputc('\n', environment->out);
        json_decref(all);
    }
    json_decref(tracing.stories);
    trace_chain_free(&tracing.chain);
    arena_deinit(&tracing.arena);
    data_directory_close(&directory);
    return err ? EXIT_REFUSED : EXIT_DONE;
}

const struct command command_trace = {
    .name = "trace",
    .summary = "Tell what happened to one contact in its journeys, and why.",
    .usage = "--data DIR --contact ID [--journey NAME] [--json]",
    .options = options,
    .text = "Each line is a fact of the ledger: when, by what cause (an event, time, an action, a "
            "destination's answer),\n"
            "which nodes and outcomes were passed, and where the contact rests until when, or left for what "
            "reason.\n"
            "For who never entered it says what the entry rule missed.\n\n"
            "examples:\n"
            "  sojourn trace --data demo --contact shopper-0125\n"
            "  sojourn trace --data demo --contact shopper-0125 --journey \"Cart rescue\" --json\n",
    .run = run,
};
