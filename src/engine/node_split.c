#include "engine/state.h"

struct node_step node_split_arrive(struct passing *p)
{
    uint8_t others = (uint8_t)(passing_node(p)->outcome_count - 1);
    for (uint8_t i = 0; i < others; i++) {
        if (engine_judge(p->engine, p->version->nodes[p->node].programs[i], p->contact).holds)
            return TAKE(i);
    }
    return TAKE(others);
}
