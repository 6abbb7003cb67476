/* Reading a definition: the places of a document, typed reads of what stands there, and the problems found.
 * Private to this folder. Nothing stops at a problem: whoever reads goes on as far as sense can be made, so
 * the checklist shows everything at once and definition_parse returns the first. Everything lives in the
 * arena given, `problems` apart. */
#ifndef JOURNEY_PARSE_H
#define JOURNEY_PARSE_H
#include "base/array.h"
#include "journey/checklist.h"
#include "journey/definition.h"

enum {
    PARSE_PROBLEMS_MAX = 1000,    /* the rest is not listed: a hostile document must not fill the memory */
    PARSE_OBJECT_KEYS_MAX = 1000, /* an object with more is not looked into */
};

/* Texts are clauses without capital and full stop: the checklist makes sentences of them. */
struct problem {
    struct finding finding;
    enum err err; /* ERR_OK where only the checklist minds */
};

/* What stands at a JSON pointer; `json` is NULL where nothing does. */
struct place {
    json_t *json;
    const char *pointer;
};

/* An edge as drawn: under `next`, `on` or a branch's own `next`. */
struct edge {
    struct str outcome; /* "next" for the default edge */
    const char *pointer;
    int16_t to; /* EDGE_NONE = it leads nowhere */
    bool delayed;
};

/* What the checklist knows of a node besides the struct node. */
struct drawing {
    const char *pointer;
    bool outcomes_known; /* kind and branches could be read, so node.outcomes can be relied on */
    bool work_known;     /* what the node does could be read: whether it takes time is known */
    const bool *drawn;   /* per outcome: an edge stands for it, be it one that leads nowhere */
    uint32_t edge_count;
    const struct edge *edges;
};

struct parse {
    struct arena *arena;
    struct str node; /* id of the node being read, for the findings; empty = the journey */
    ARRAY(struct problem) problems;
    /* How many the document writes, be they sound or not. */
    size_t entries_written, exits_written, goals_written;
    bool root_read, timeout_written, nodes_read, start_read;
    struct drawing *drawings; /* one a node, once nodes_read */
};

/* Reads all of a document; `ret` holds what could be read. The caller frees the problems. */
void parse_definition(struct parse *parse, const json_t *document, struct definition *ret);
void parse_entry(struct parse *parse, struct place at, struct definition *ret);
void parse_exits(struct parse *parse, struct place at, struct definition *ret);
void parse_goals(struct parse *parse, struct place at, struct definition *ret);
bool parse_condition(struct parse *parse, struct place at, struct condition *ret);
void parse_nodes(struct parse *parse, struct place at, struct definition *ret);
void parse_start(struct parse *parse, struct place at, struct definition *ret);

/* The branches of a segment or split: outcomes with edges of their own. */
struct branches {
    size_t count;
    struct str *names;
    struct place *nexts;
};
/* Reads what a node of its kind does, and its branches; says in `drawing` what could be made out of it. */
void parse_node_work(struct parse *parse, struct place at, struct node *node, struct branches *branches,
                     struct drawing *drawing);

void parse_segment(struct parse *parse, struct place at, struct node *ret, struct branches *branches,
                   struct drawing *drawing);
void parse_split(struct parse *parse, struct place at, struct node *ret, struct branches *branches,
                 struct drawing *drawing);

/* ── problems ── */

void problem_add(struct parse *parse, enum err err, enum finding_code code, const char *pointer,
                 const char *fix, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* Shorthands for the usual ones; always false, so that a reader can return them. */
bool problem_invalid(struct parse *parse, const char *pointer, const char *fix, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool problem_type(struct parse *parse, struct place at, const char *expected, const char *fix);
bool problem_later(struct parse *parse, const char *pointer, const char *what, const char *fix);
bool problem_limit(struct parse *parse, const char *pointer, const char *what, size_t count, size_t max);
bool problem_of_rule(struct parse *parse, enum err err, const struct err_detail *detail);

/* Text from the document in quotes, shortened and without control characters, for a message. */
const char *quoted(struct arena *arena, struct str text);

/* ── reads: false and a problem where what is there is not what is wanted ── */

struct key {
    const char *name;
    const char *later; /* what the key is for, where this version does not support it; NULL = supported */
};
#define KEYS(...)                                                                                            \
    (const struct key[])                                                                                     \
    {                                                                                                        \
        __VA_ARGS__,                                                                                         \
        {                                                                                                    \
            NULL, NULL                                                                                       \
        }                                                                                                    \
    }

struct place place_key(struct parse *parse, struct place object, const char *key);
struct place place_item(struct parse *parse, struct place array, size_t index);

/* An object that has none but these keys. True also with unknown ones, which are problems but hide nothing.
 */
bool read_object(struct parse *parse, struct place at, const char *what, const struct key *keys);
/* A string that is not blank and has at most so many characters. */
bool read_text(struct parse *parse, struct place at, const char *what, size_t chars_max, struct str *ret);
/* The name of an attribute, property or event. */
bool read_name(struct parse *parse, struct place at, const char *what, struct str *ret);
bool read_duration(struct parse *parse, struct place at, const char *what, int64_t *ret_ms);
bool read_bool(struct parse *parse, struct place at, const char *what, bool *ret);
/* The number of items to go through: at most `max`, more is a problem (`what` in the plural). */
bool read_array(struct parse *parse, struct place at, const char *what, size_t max, size_t *ret_count);

#endif
