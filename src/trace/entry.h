/* Why a contact is not let in: what its events missed of the entry rules, and what kept it out where they met
 * them. It is told from the contact's own rows and the control log; only the filter is told by exclusion, as
 * the attributes of that time are not kept. */
#ifndef TRACE_ENTRY_H
#define TRACE_ENTRY_H
#include "trace/story.h"

/* Fills `missed`, and `reasons` where the contact never entered. Texts live in the arena. */
void trace_entry_explain(const struct control *control, const struct trace_chain *chain,
                         const struct plan_version *version, struct arena *arena, struct trace_story *story);

#endif
