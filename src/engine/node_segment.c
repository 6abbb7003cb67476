#include "engine/state.h"

struct node_step node_segment_arrive(struct passing *p)
{
    const struct node *node = passing_node(p);
    uint8_t other = (uint8_t)(node->outcome_count - 1);
    struct value value = contacts_attribute(p->engine->contacts, (struct contact_id){p->contact},
                                            p->version->nodes[p->node].attribute);
    for (uint8_t g = 0; value.type != VALUE_MISSING && g < other; g++) {
        const struct segment_group *group = &node->segment.groups[g];
        for (uint32_t i = 0; i < group->count; i++) {
            if (value_equal(&value, &group->values[i]))
                return TAKE(g);
        }
    }
    return TAKE(other);
}
