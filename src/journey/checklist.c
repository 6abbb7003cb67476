/* The checklist's table and its order. The findings come from reading the document (parse.h) and from its
 * graph (checklist_graph.h). */
#include "journey/checklist.h"

#include "journey/checklist_graph.h"
#include "journey/parse.h"

const char *finding_code_name(enum finding_code code)
{
    static const char *const names[] = {
#define X(name, code, severity) #code,
        FINDING_TABLE(X)
#undef X
    };
    return names[code];
}

enum finding_severity finding_code_severity(enum finding_code code)
{
    static const enum finding_severity severities[] = {
#define X(name, code, severity) SEVERITY_##severity,
        FINDING_TABLE(X)
#undef X
    };
    return severities[code];
}

/* ── the document's order ── */

/* The next part of a JSON pointer, unescaped into the arena; NULL at its end. */
static const char *pointer_next(struct arena *arena, const char **pointer)
{
    if (**pointer == '\0')
        return NULL;
    const char *part = *pointer + 1;
    size_t size = strcspn(part, "/");
    *pointer = part + size;
    char *text = arena_take(arena, size + 1);
    for (size_t i = 0, end = 0; i < size; i++) {
        char c = part[i];
        if (c == '~' && i + 1 < size)
            c = part[++i] == '1' ? '/' : '~';
        text[end++] = c;
    }
    return text;
}

/* Where a key or index stands among its neighbours; what is not there stands behind them. */
static size_t rank_of(json_t *json, const char *part)
{
    if (json_is_array(json)) {
        int64_t index;
        return str_to_int64(str_from(part), &index) ? (size_t)index : SIZE_MAX;
    }
    if (!json_object_get(json, part))
        return SIZE_MAX;
    size_t rank = 0;
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        if (strcmp(key, part) == 0)
            break;
        rank++;
    }
    return rank;
}

static json_t *child_of(json_t *json, const char *part)
{
    int64_t index;
    if (json_is_array(json))
        return str_to_int64(str_from(part), &index) ? json_array_get(json, (size_t)index) : NULL;
    return json_object_get(json, part);
}

/* A finding with the ranks of its pointer's parts, which give its place in the document. */
struct ranked {
    struct finding finding;
    size_t number; /* order of finding, for those of one place */
    size_t count;
    size_t *ranks;
};

static void rank(struct arena *arena, json_t *document, struct ranked *ret)
{
    const char *at = ret->finding.pointer;
    size_t parts = 0;
    for (const char *c = at; *c; c++)
        parts += *c == '/';
    ret->ranks = arena_take_array(arena, parts, sizeof *ret->ranks);
    const char *part;
    while ((part = pointer_next(arena, &at))) {
        ret->ranks[ret->count++] = rank_of(document, part);
        document = child_of(document, part);
    }
}

static int ranked_compare(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    enum finding_severity a_severity = finding_code_severity(a->finding.code);
    enum finding_severity b_severity = finding_code_severity(b->finding.code);
    if (a_severity != b_severity)
        return a_severity < b_severity ? -1 : 1;
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        if (a->ranks[i] != b->ranks[i])
            return a->ranks[i] < b->ranks[i] ? -1 : 1;
    }
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

/* ── sentences ── */

/* A clause with a capital and a full stop; a list of keys ("did, where and …") keeps its small letter. */
static const char *sentence(struct arena *arena, const char *clause)
{
    size_t size = strlen(clause);
    const char *end = size && strchr(".?!", clause[size - 1]) ? "" : ".";
    char *text = arena_printf(arena, "%s%s", clause, end);
    size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    if (word && text[word] == ' ')
        *text = (char)(*text - 'a' + 'A');
    return text;
}

/* What concerns the journey as a whole. */
static void check_journey(struct parse *parse)
{
    if (parse->entries_written == 0)
        problem_add(parse, ERR_OK, FINDING_NO_ENTRY_RULE, "/entry/rules",
                    "name the event that lets contacts in, \"rules\": [{\"event\": \"Cart Updated\"}]",
                    "no rule lets a contact enter this journey");
    if (parse->exits_written == 0 && parse->goals_written == 0)
        problem_add(
            parse, ERR_OK, FINDING_NO_EXIT_NO_GOAL, "/exits",
            "name the event that ends it, \"exits\": [{\"event\": \"Order Completed\"}], or set a goal",
            "the journey has neither an exit rule nor a goal: nothing a contact does takes it out");
}

void checklist_run(const json_t *document, struct arena *arena, struct findings *ret)
{
    struct parse parse = {.arena = arena};
    struct definition definition;
    parse_definition(&parse, document, &definition);
    if (parse.root_read)
        check_journey(&parse);
    if (parse.nodes_read)
        checklist_graph(&parse, &definition);
    struct ranked *ranked = arena_take_array(arena, parse.problems.count, sizeof *ranked);
    array_each (&parse.problems, i) {
        ranked[i] = (struct ranked){.finding = parse.problems.items[i].finding, .number = i};
        rank(arena, (json_t *)(uintptr_t)document, &ranked[i]);
    }
    *ret = (struct findings){0};
    qsort(ranked, parse.problems.count, sizeof *ranked, ranked_compare);
    array_each (&parse.problems, i) {
        struct finding finding = ranked[i].finding;
        finding.message = sentence(arena, finding.message);
        finding.fix = sentence(arena, finding.fix);
        if (finding_code_severity(finding.code) == SEVERITY_ERROR)
            ret->errors++;
        else
            ret->warnings++;
        *array_push(&ret->rows) = finding;
    }
    array_free(&parse.problems);
}
