#include "engine/state.h"

struct node_step node_wait_for_arrive(struct passing *p)
{
    const struct node *node = passing_node(p);
    const struct plan_condition *condition = &p->version->nodes[p->node].condition;
    if (!condition->is_event && engine_judge(p->engine, condition->program, p->contact).holds)
        return TAKE(WAIT_FOR_YES);
    if (node->wait_for.timeout_ms)
        p->due_ms = p->engine->head.now_ms + node->wait_for.timeout_ms;
    return STAY;
}
