#include "cli/trace_story.h"

#include "cli/trace_entry.h"

#include <inttypes.h>

/* ── the chain ────────────────────────────────────────────────────────────── */

struct reading {
    struct trace_chain *chain;
    struct arena *arena;
};

static bool on_row(void *context, const struct store_row *row)
{
    struct reading *reading = context;
    if (row->event) {
        struct event_row *kept = array_push(&reading->chain->events);
        *kept = *row->event;
        kept->created = arena_str(reading->arena, row->event->created);
        kept->body = arena_str(reading->arena, row->event->body);
        return true;
    }
    struct ledger_row *kept = array_push(&reading->chain->ledger);
    *kept = *row->ledger;
    struct passage *path = arena_take_array(reading->arena, kept->path_count, sizeof *path);
    if (kept->path_count)
        memcpy(path, row->ledger->path, kept->path_count * sizeof *path);
    kept->path = path;
    kept->detail = arena_str(reading->arena, row->ledger->detail);
    return true;
}

static int by_seq_event(const void *a, const void *b)
{
    const struct event_row *x = a, *y = b;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

static int by_seq_ledger(const void *a, const void *b)
{
    const struct ledger_row *x = a, *y = b;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

enum err trace_chain_read(struct store *store, const struct partition *partition, struct contact_id contact,
                          struct arena *arena, struct trace_chain *ret, struct err_detail *detail)
{
    *ret = (struct trace_chain){0};
    struct reading reading = {ret, arena};
    uint64_t head = contacts_head(engine_contacts(partition_engine(partition)), contact);
    enum err err = store_walk(store, partition_id(partition), head, on_row, &reading, detail);
    if (ret->events.count)
        qsort(ret->events.items, ret->events.count, sizeof *ret->events.items, by_seq_event);
    if (ret->ledger.count)
        qsort(ret->ledger.items, ret->ledger.count, sizeof *ret->ledger.items, by_seq_ledger);
    return err;
}

void trace_chain_free(struct trace_chain *chain)
{
    array_free(&chain->events);
    array_free(&chain->ledger);
}

/* ── causes ───────────────────────────────────────────────────────────────── */

static const struct event_row *find_event(const struct trace_chain *chain, uint64_t seq)
{
    if (chain->events.count == 0)
        return NULL;
    const struct event_row wanted = {.seq = seq};
    return bsearch(&wanted, chain->events.items, chain->events.count, sizeof wanted, by_seq_event);
}

struct effect_search {
    uint64_t seq;
    bool found;
    struct effect_row row;
};

static bool on_effect(void *context, uint32_t partition, const struct effect_row *row)
{
    (void)partition; /* of one store, seqs are never given twice */
    struct effect_search *search = context;
    search->found = row->seq == search->seq;
    search->row = *row;
    return false;
}

static struct trace_cause cause_of_event(const struct control *control, const struct event_row *event)
{
    if (event->kind == EVENT_IDENTIFY || event->kind == EVENT_UPDATE)
        return (struct trace_cause){.kind = event->kind == EVENT_UPDATE ? TRACE_UPDATE : TRACE_CHANGE,
                                    .body = event->body};
    struct str name =
        event->name ? names_get(control_names(control), NAME_EVENT, event->name) : STR("an event");
    return (struct trace_cause){
        .kind = TRACE_EVENT, .name = name, .own_ms = event->at_ms, .body = event->body};
}

static struct trace_cause cause_of_action(const struct control *control, uint64_t position)
{
    static const char *const names[] = {[ACTION_PUBLISH] = "publish",
                                        [ACTION_PAUSE] = "pause",
                                        [ACTION_RESUME] = "resume",
                                        [ACTION_STOP] = "stop"};
    struct action action;
    for (size_t i = 0; control_action(control, i, &action); i++) {
        if (action.position == position)
            return (struct trace_cause){.kind = TRACE_ACTION, .name = str_from(names[action.kind])};
    }
    return (struct trace_cause){.kind = TRACE_REMOVED};
}

static enum err find_cause(const struct data_directory *directory, const struct trace_chain *chain,
                           const struct plan_version *version, const struct ledger_row *row,
                           struct trace_cause *ret, struct err_detail *detail)
{
    *ret = (struct trace_cause){.kind = TRACE_TIME};
    if (row->cause < 0)
        *ret = cause_of_action(directory->control, (uint64_t)-row->cause);
    if (row->cause <= 0)
        return ERR_OK;
    const struct event_row *event = find_event(chain, (uint64_t)row->cause);
    if (event) {
        *ret = cause_of_event(directory->control, event);
        return ERR_OK;
    }
    struct effect_search search = {.seq = (uint64_t)row->cause};
    enum err err = store_effects(directory->store, search.seq - 1, on_effect, &search, detail);
    if (err || !search.found) {
        ret->kind = TRACE_REMOVED;
        return err;
    }
    const struct node *node = &version->definition->nodes[search.row.node];
    ret->kind = TRACE_ANSWER;
    ret->failed = search.row.kind == EFFECT_FAILED;
    if (search.row.destination < node->activate.count)
        ret->name = node->activate.destinations[search.row.destination];
    return ERR_OK;
}

/* ── the story ────────────────────────────────────────────────────────────── */

enum err trace_story_tell(struct data_directory *directory, const struct partition *partition,
                          struct contact_id contact, const struct trace_chain *chain, uint16_t journey,
                          struct arena *arena, struct trace_story *ret, struct err_detail *detail)
{
    const struct plan *plan = control_plan(directory->control);
    *ret = (struct trace_story){.journey = plan_journey_name(plan, journey)};
    enum err err = ERR_OK;
    array_each (&chain->ledger, i) {
        const struct ledger_row *row = &chain->ledger.items[i];
        if (row->flags & LEDGER_CONTROL || plan_version(plan, row->version)->journey != journey)
            continue;
        struct trace_fact *fact = array_push(&ret->facts);
        *fact = (struct trace_fact){.row = *row, .version = plan_version(plan, row->version)};
        err = find_cause(directory, chain, fact->version, row, &fact->cause, detail);
        if (err)
            return err;
    }
    const struct engine *engine = partition_engine(partition);
    ret->inside = engine_enrollment(engine, contact, journey, &ret->now);
    if (ret->inside)
        ret->now_version = plan_version(plan, ret->now.version);
    trace_entry_explain(directory->control, chain, plan_version(plan, plan_newest(plan, journey)), arena,
                        ret);
    return ERR_OK;
}

void trace_story_free(struct trace_story *story)
{
    array_free(&story->facts);
    array_free(&story->missed);
    array_free(&story->reasons);
}

struct str trace_reason(const struct trace_fact *fact, struct arena *arena)
{
    const struct definition *definition = fact->version->definition;
    if (fact->row.reason == LEAVE_GOAL && fact->row.which < definition->goal_count)
        return str_from(
            arena_printf(arena, "goal \"%.*s\"", STR_ARG(definition->goals[fact->row.which].name)));
    if (fact->row.reason == LEAVE_EXIT_RULE && definition->exit_count > 1)
        return str_from(arena_printf(arena, "exit rule %u", fact->row.which + 1));
    return str_from(leave_reason_name(fact->row.reason));
}
