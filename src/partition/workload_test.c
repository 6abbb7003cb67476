#include "partition/workload_test.h"

#include "base/prng.h"
#include "json/document.h"

/* Every kind of node, rule and end of this version; no two alike. */
/* clang-format off */
static const char *const definitions[] = {
    "{'name':'Round','entry':{'rules':[{'event':'In'}],'reentry':{'allowed':true}},"
    " 'exits':[{'event':'Out','at_least':2,'within':'3h'}],"
    " 'goals':[{'name':'g','event':'Buy','where':{'property':'n','gte':7},'value':'n'}],'timeout':'2d','nodes':{"
    "  'w':{'type':'wait','for':'25m','next':'f'},"
    "  'f':{'type':'wait_for','rule':{'event':'Go','within':'6h'},'timeout':'9h',"
    "       'on':{'yes':'u','timed_out':'w'}},"
    "  'u':{'type':'update','changes':[{'increase':'n','by':1},{'add':'tags','value':'went'}],'next':'s'},"
    "  's':{'type':'split','paths':[{'name':'often','rule':{'did':'Go','at_least':12},'next':'z'},"
    "                               {'name':'n','rule':{'attribute':'n','gte':3},'next':'x'}],'on':{'others':'w'}},"
    "  'x':{'type':'exit'},'z':{'type':'stop'}},'start':'w'}",

    "{'name':'Both','entry':{'match':'all','rules':[{'event':'In','at_least':2,'within':'5h'},"
    "                                               {'event':'Go','where':{'property':'n','lt':6}}],"
    "  'reentry':{'allowed':true,'after':'4h'},'late_tolerance':'2h'},"
    " 'goals':[{'name':'pro','attribute':'plan','eq':'pro'},{'name':'calm','did_not':'Buy','within':'6h'}],"
    " 'timeout':'11h','nodes':{"
    "  'f':{'type':'wait_for','rule':{'attribute':'n','gte':2}}},'start':'f'}",

    "{'name':'Push','entry':{'rules':[{'event':'Buy'},{'event':'Go','at_least':3},{'api':true}],"
    "  'filter':{'not':{'attribute':'plan','eq':'none'}},'reentry':{'allowed':true}},"
    " 'exits':[{'attribute':'plan','eq':'none'},{'event':'Out','where':{'property':'n','eq':5}}],'nodes':{"
    "  'a':{'type':'activate','destinations':['crm','ads'],'on':{'next':'w','failed':'z'}},"
    "  'w':{'type':'wait','for':'1h','next':'b'},"
    "  'b':{'type':'activate','destinations':['sms'],'on':{'next':'z'}},'z':{'type':'stop'}},'start':'a'}",

    "{'name':'Quiet','entry':{'rules':[{'event':'In'}],'reentry':{'allowed':true}},"
    " 'exits':[{'did_not':'Ping','within':'20h'}],'nodes':{"
    "  'f':{'type':'wait_for','rule':{'all':[{'did_not':'Go','within':'1h'},"
    "                                        {'did':'Ping','where':{'property':'n','gt':2}}]},'timeout':'5h',"
    "       'on':{'yes':'u','timed_out':'s'}},"
    "  'u':{'type':'update','changes':[{'set':'plan','to':'pro'}],'next':'s'},"
    "  's':{'type':'segment','attribute':'plan','groups':[{'name':'p','values':['pro'],'next':'z'},"
    "                                                     {'name':'n','values':['none',3],'next':'d'}],"
    "       'on':{'other':'d'}},"
    "  'd':{'type':'wait','until':'2026-03-02T12:00:00Z','next':'z'},'z':{'type':'stop'}},'start':'f'}",

    "{'name':'Once','entry':{'match':'all','rules':[{'event':'In','at_least':2},{'api':true}]},"
    " 'goals':[{'name':'g','event':'Buy','at_least':2}],'nodes':{"
    "  'w':{'type':'wait','for':'1d','next':'u'},"
    "  'u':{'type':'update','changes':[{'set':'plan','to':'none'},{'decrease':'n','by':2}]}},'start':'w'}",
};
/* clang-format on */
enum { DEFINITIONS = sizeof definitions / sizeof *definitions, CONTACTS = 7 };
static const char *const journeys[] = {"Round", "Both", "Push", "Quiet", "Once"};
static const char *const events[] = {"In", "Go", "Buy", "Ping", "Out", "Never named by a rule"};
enum { EVENTS = sizeof events / sizeof *events };

/* ── making ───────────────────────────────────────────────────────────────── */

static const char *some_properties(struct workload *workload, struct prng *prng)
{
    if (prng_chance(prng, 20))
        return "{}";
    return arena_printf(&workload->arena, "{'n':%u}", (unsigned)prng_below(prng, 10));
}

static const char *some_traits(struct prng *prng)
{
    static const char *const traits[] = {
        "{'plan':'pro'}", "{'plan':'none'}",    "{'plan':null}",  "{'plan':'free','n':1}",
        "{'n':0}",        "{'n':3,'city':'x'}", "{'tags':['a']}", "{'n':null,'plan':3}"};
    return traits[prng_below(prng, 8)];
}

static struct operation some_operation(struct workload *workload, struct prng *prng, int64_t at_ms)
{
    struct operation o = {.at_ms = at_ms, .own_ms = at_ms, .contact = (uint32_t)prng_below(prng, CONTACTS)};
    uint64_t dice = prng_below(prng, 100);
    if (dice < 58) {
        o.kind = OPERATION_EVENT;
        o.which = (uint32_t)prng_below(prng, EVENTS);
        o.json = some_properties(workload, prng);
        if (prng_chance(prng, 15))
            o.own_ms = at_ms - (int64_t)prng_below(prng, 4 * HOUR_MS);
        o.history = prng_chance(prng, 10);
    } else if (dice < 70) {
        o.kind = OPERATION_TRAITS;
        o.json = some_traits(prng);
    } else if (dice < 82) {
        o.kind = OPERATION_RESULT;
        o.which = 2;
        o.destination = (uint8_t)prng_below(prng, 2);
        o.failed = prng_chance(prng, 30);
    } else if (dice < 89) {
        o.kind = OPERATION_ACT;
        o.which = (uint32_t)prng_below(prng, DEFINITIONS);
        o.action = prng_chance(prng, 45) ? ACTION_PAUSE : prng_chance(prng, 90) ? ACTION_RESUME : ACTION_STOP;
        if (o.action == ACTION_PAUSE)
            o.hold = prng_chance(prng, 60) ? HOLD_ALL : HOLD_ENTRIES;
    } else if (dice < 92) {
        o.kind = OPERATION_ENROLL;
        o.which = (uint32_t)prng_below(prng, DEFINITIONS);
    } else {
        o.kind = OPERATION_TIME;
    }
    return o;
}

/* Whatever comes after time was let go on comes later than it. */
static int64_t some_pause(struct prng *prng, const struct operation *former)
{
    bool may_be_none = former && former->kind != OPERATION_TIME;
    if (may_be_none && prng_chance(prng, 30))
        return 0;
    return 1 + (int64_t)prng_below(prng, (uint64_t)(prng_chance(prng, 90) ? 20 * MINUTE_MS : 7 * HOUR_MS)) /
                   MINUTE_MS * MINUTE_MS;
}

void workload_make(struct workload *workload, uint64_t seed, uint32_t operations, uint32_t crowd)
{
    struct prng prng = {seed};
    int64_t at_ms = world_instant("00:00");
    for (uint32_t i = 0; i < operations; i++) {
        size_t made = workload->operations.count;
        at_ms += some_pause(&prng, made ? &workload->operations.items[made - 1] : NULL);
        struct operation o = some_operation(workload, &prng, at_ms);
        /* histories are published into: the first at once, the others one after the other */
        if (i % (operations / (2 * DEFINITIONS)) == 0 && i / (operations / (2 * DEFINITIONS)) < DEFINITIONS)
            o = (struct operation){
                .kind = OPERATION_PUBLISH, .at_ms = at_ms, .which = i / (operations / (2 * DEFINITIONS))};
        *array_push(&workload->operations) = o;
        for (uint32_t k = 0; i == 5 && k < crowd; k++)
            *array_push(&workload->operations) =
                (struct operation){.kind = k % 3 ? OPERATION_TRAITS : OPERATION_EVENT,
                                   .at_ms = at_ms,
                                   .own_ms = at_ms,
                                   .contact = CONTACTS + k,
                                   .json = "{'n':9}"};
    }
    *array_push(&workload->operations) = (struct operation){.kind = OPERATION_TIME, .at_ms = at_ms + DAY_MS};
}

int64_t workload_end(const struct workload *workload)
{
    return workload->operations.items[workload->operations.count - 1].at_ms;
}

void workload_rewind(struct workload *workload)
{
    array_each (&workload->operations, i) {
        workload->operations.items[i].appended = false;
        workload->operations.items[i].position = 0;
    }
}

void workload_free(struct workload *workload)
{
    array_free(&workload->operations);
    arena_deinit(&workload->arena);
}

/* ── running ──────────────────────────────────────────────────────────────── */

static enum err append(struct world *w, const struct operation *o, size_t number, struct err_detail *detail)
{
    char key[32];
    snprintf(key, sizeof key, "operation-%zu", number);
    const struct control_by by = {.actor = STR("tester"), .key = str_from(key), .at_ms = o->at_ms};
    if (o->kind == OPERATION_ACT)
        return control_act(w->control, o->action, o->hold, str_from(journeys[o->which]), &by, detail);
    json_t *document = NULL;
    uint16_t version;
    enum err err =
        document_parse(str_from(world_json(w, definitions[o->which])), "definition", &document, detail);
    if (!err)
        err = control_publish(w->control, document, &by, &version, detail);
    json_decref(document);
    return err;
}

/* An action is asked for once: what it was refused for may hold no more when a partition takes it again. */
static enum err act(struct world *w, struct operation *o, size_t number, struct err_detail *detail)
{
    if (o->appended)
        return ERR_OK;
    char key[32];
    snprintf(key, sizeof key, "operation-%zu", number);
    enum err err = append(w, o, number, detail);
    if (err && err != ERR_REFUSED && err != ERR_NOT_FOUND)
        return err;
    o->appended = true;
    if (!control_find_key(w->control, str_from(key), &o->position) && !err)
        fail_msg("an action was neither appended nor refused");
    return ERR_OK;
}

static void find_pending(const struct world *w, const struct operation *o, struct result *ret)
{
    char contact[8];
    struct contact_id id;
    struct enrollment_view view;
    snprintf(contact, sizeof contact, "c%u", o->contact);
    *ret = (struct result){.enrollment = UINT32_MAX, .destination = o->destination, .failed = o->failed};
    const struct engine *engine = partition_engine(w->partition);
    uint16_t version = plan_find(control_plan(w->control), str_from(journeys[o->which]));
    if (version != VERSION_NONE &&
        contacts_find(engine_contacts(engine), str_from(contact), contact_hash(str_from(contact)), &id) &&
        engine_enrollment(engine, id, plan_version(control_plan(w->control), version)->journey, &view)) {
        ret->enrollment = view.id;
        ret->visit = view.visits;
    }
}

static enum err make_input(struct world *w, const struct operation *o, size_t number, struct arena *arena,
                           struct input *ret, struct err_detail *detail)
{
    *ret = (struct input){.kind = INPUT_RECORD, .number = number + 1};
    if (o->kind == OPERATION_RESULT) {
        ret->kind = INPUT_RESULT;
        find_pending(w, o, &ret->result);
        return ERR_OK;
    }
    const char *contact = arena_printf(arena, "c%u", o->contact);
    world_record(w, arena, o->own_ms, contact, o->kind == OPERATION_EVENT ? events[o->which] : NULL, o->json,
                 &ret->record);
    ret->record.history = o->history;
    if (o->kind == OPERATION_ENROLL) {
        ret->record.kind = EVENT_ENROLL;
        ret->record.journey = (uint16_t)o->which; /* they are published in this order */
    }
    return control_error(w->control, detail);
}

static uint64_t newest_action(const struct workload *workload, size_t number)
{
    uint64_t position = 0;
    for (size_t i = 0; i <= number; i++) {
        if (workload->operations.items[i].position > position)
            position = workload->operations.items[i].position;
    }
    return position;
}

enum err workload_run(struct workload *workload, struct world *w, size_t number)
{
    struct operation *o = &workload->operations.items[number];
    struct err_detail detail;
    struct arena arena = {0};
    struct input input;
    bool acts = o->kind == OPERATION_ACT || o->kind == OPERATION_PUBLISH;
    enum err err = ERR_OK;
    if (o->kind == OPERATION_TIME)
        return partition_run_until(w->partition, o->at_ms, &detail);
    if (acts)
        err = act(w, o, number, &detail);
    else
        err = make_input(w, o, number, &arena, &input, &detail);
    if (!err)
        err = partition_step(w->partition, o->at_ms, newest_action(workload, number), acts ? NULL : &input,
                             acts ? 0 : 1, false, &detail);
    arena_deinit(&arena);
    return err;
}

size_t workload_next(const struct world *w)
{
    return (size_t)partition_head(w->partition)->input;
}
