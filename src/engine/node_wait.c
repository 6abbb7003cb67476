#include "engine/state.h"

struct node_step node_wait_arrive(struct passing *p)
{
    const struct node *node = passing_node(p);
    int64_t now_ms = p->engine->head.now_ms;
    p->due_ms = node->wait.for_ms ? now_ms + node->wait.for_ms : node->wait.until_ms;
    return p->due_ms <= now_ms ? TAKE(0) : STAY; /* an instant that is past moves on at once */
}
