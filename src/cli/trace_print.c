#include "cli/trace.h"

#include "base/buf.h"
#include "calendar/instant.h"
#include "json/document.h"

enum { BODY_SHOWN_MAX = 80 };

/* "" where it is not there or null. */
static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* What rules saw of it, where it is short enough for a line. */
static void print_body(const json_t *body, FILE *out)
{
    struct buf text = {0};
    if (json_object_size(body)) {
        document_write(body, &text);
        if (text.size > BODY_SHOWN_MAX)
            fputs(" {…}", out);
        else
            fprintf(out, " %.*s", STR_ARG(buf_str(&text)));
    }
    buf_deinit(&text);
}

static void print_cause(const json_t *fact, FILE *out)
{
    static const struct {
        const char *kind, *shown;
    } plain[] = {{"time", "time"},
                 {"api", "a call of the API"},
                 {"change", "a change of attributes"},
                 {"update", "its own update of attributes"},
                 {"removed", "a cause that is not kept any more"}};
    const json_t *cause = json_object_get(fact, "cause");
    const char *kind = text_of(cause, "kind"), *shown = kind;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        shown = strcmp(kind, plain[i].kind) == 0 ? plain[i].shown : shown;
    if (strcmp(kind, "event") == 0) {
        fputs(text_of(cause, "event"), out);
        if (strcmp(text_of(cause, "at"), text_of(fact, "at")) != 0)
            fprintf(out, " (of %s)", text_of(cause, "at"));
    } else if (strcmp(kind, "action") == 0) {
        fprintf(out, "action %s", text_of(cause, "action"));
    } else if (strcmp(kind, "answer") == 0) {
        fprintf(out, "%s %s", text_of(cause, "destination"),
                is_true(cause, "failed") ? "gave up" : "took it");
    } else {
        fputs(shown, out); /* a newer server's own kind by its name */
    }
    print_body(json_object_get(cause, "properties"), out);
    print_body(json_object_get(cause, "traits"), out);
}

/* What the contact waits for where it rests. */
static void print_rest(const json_t *at, FILE *out)
{
    const char *node = text_of(at, "node");
    if (is_true(at, "before"))
        fprintf(out, "waits before %s", node);
    else if (is_true(at, "stays"))
        fprintf(out, "stays at %s, which has no edge for this", node);
    else
        fprintf(out, "waits at %s", node);
    const json_t *destinations = json_object_get(at, "waits_for");
    for (size_t i = 0; i < json_array_size(destinations); i++)
        fprintf(out, "%s%s", i ? ", " : " for ", json_string_value(json_array_get(destinations, i)));
    if (text_of(at, "waits_for_event")[0])
        fprintf(out, " for %s", text_of(at, "waits_for_event"));
    if (text_of(at, "due")[0])
        fprintf(out, " until %s", text_of(at, "due"));
}

static void print_left(const json_t *fact, FILE *out)
{
    const json_t *rule = json_object_get(fact, "exit_rule");
    fprintf(out, "left %s %s: ", is_true(fact, "before") ? "before" : "at", text_of(fact, "node"));
    if (json_object_get(fact, "goal"))
        fprintf(out, "goal \"%s\"", text_of(fact, "goal"));
    else if (rule)
        fprintf(out, "exit rule %d", (int)json_integer_value(rule) + 1);
    else
        fputs(text_of(fact, "left"), out);
}

static void print_fact(const json_t *fact, FILE *out)
{
    const json_t *path = json_object_get(fact, "path");
    fprintf(out, "  %s  ", text_of(fact, "at"));
    print_cause(fact, out);
    fputs(is_true(fact, "enters") ? ": enters; " : ": ", out);
    for (size_t i = 0; i < json_array_size(path); i++) {
        const json_t *step = json_array_get(path, i);
        fprintf(out, "%s -%s-> ", text_of(step, "node"), text_of(step, "outcome"));
    }
    if (json_array_size(path))
        fprintf(out, "%s; ", text_of(fact, "node"));
    if (text_of(fact, "left")[0])
        print_left(fact, out);
    else
        print_rest(fact, out);
    if (is_true(fact, "held"))
        fputs("; held, this is remembered for the resume", out);
    fputc('\n', out);
}

static void print_miss(const json_t *miss, FILE *out)
{
    fprintf(out, "  %s  %s", text_of(miss, "at"), text_of(miss, "event"));
    print_body(json_object_get(miss, "properties"), out);
    fprintf(out, ": not let in, %s\n", text_of(miss, "reason"));
}

static int64_t at_ms(const json_t *row)
{
    int64_t ms = INSTANT_NEVER;
    (void)instant_parse(str_from(text_of(row, "at")), &ms);
    return ms;
}

/* Facts and misses in one order; an event is told before what it caused at its own instant. */
static void print_rows(const json_t *story, FILE *out)
{
    const json_t *facts = json_object_get(story, "facts"), *missed = json_object_get(story, "missed");
    size_t fact = 0, miss = 0, facts_end = json_array_size(facts), missed_end = json_array_size(missed);
    json_int_t more = json_integer_value(json_object_get(story, "missed_count")) - (json_int_t)missed_end;
    if (more > 0)
        fprintf(out, "  …  %" JSON_INTEGER_FORMAT " more that did not let it in\n", more);
    while (fact < facts_end || miss < missed_end) {
        bool next_is_fact =
            miss == missed_end ||
            (fact < facts_end && at_ms(json_array_get(facts, fact)) < at_ms(json_array_get(missed, miss)));
        if (next_is_fact)
            print_fact(json_array_get(facts, fact++), out);
        else
            print_miss(json_array_get(missed, miss++), out);
    }
}

static void print_story(const json_t *story, const char *contact, FILE *out)
{
    const json_t *now = json_object_get(story, "now"), *reasons = json_object_get(story, "not_entered");
    fprintf(out, "%s in %s\n", contact, text_of(story, "journey"));
    print_rows(story, out);
    if (is_true(story, "inside")) {
        fputs("  now: ", out);
        print_rest(now, out);
        if (text_of(now, "timeout")[0])
            fprintf(out, "; the journey times out at %s", text_of(now, "timeout"));
        fputc('\n', out);
    } else if (!is_true(story, "entered")) {
        fputs("  never entered\n", out);
        /* where events were missed, why stands above, one by one */
        for (size_t i = 0; i < json_array_size(reasons) && !json_array_size(json_object_get(story, "missed"));
             i++)
            fprintf(out, "    %s\n", json_string_value(json_array_get(reasons, i)));
    }
}

void trace_print(const json_t *trace, FILE *out)
{
    const json_t *journeys = json_object_get(trace, "journeys");
    for (size_t i = 0; i < json_array_size(journeys); i++)
        print_story(json_array_get(journeys, i), text_of(trace, "contact"), out);
    if (is_true(trace, "truncated"))
        fprintf(out, "This tells what is from %s on; there was more before.\n", text_of(trace, "since"));
}
