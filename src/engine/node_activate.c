#include "engine/state.h"

/* Holds the contact until every destination has answered. */
struct node_step node_activate_arrive(struct passing *p)
{
    p->effects = passing_node(p)->activate.count;
    p->pending = (uint16_t)((UINT32_C(1) << p->effects) - 1);
    return STAY;
}
