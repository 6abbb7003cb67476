#include "rule/comparison.h"
#include "rule/program.h"

/* The k-th newest moment counts before the instant that this gives; there may be none. */
static int64_t counts_before(const struct rule_step *step, const struct past *past, uint32_t contact,
                             uint32_t k)
{
    struct past_moment moment;
    if (!past_newest(past, contact, step->id, (uint16_t)k, &moment))
        return INT64_MIN;
    return moment.at_ms + step->within_ms + 1;
}

/* A window empties from its oldest end as time goes on, so there are `least` to `most` in it from the instant
 * at which the one too many leaves to that at which the last one needed does. */
static struct verdict count_within(const struct rule_step *step, const struct past *past, uint32_t contact,
                                   int64_t now_ms)
{
    int64_t from_ms = INT64_MIN, end_ms = INSTANT_NEVER;
    if (step->most != COUNT_UNLIMITED)
        from_ms = counts_before(step, past, contact, step->most + 1);
    if (step->least)
        end_ms = counts_before(step, past, contact, step->least);
    return span_judge(from_ms, end_ms, now_ms);
}

struct verdict past_judge(const struct rule_step *step, const struct past *past, uint32_t contact,
                          int64_t now_ms)
{
    if (step->kind == STEP_COUNT_WITHIN)
        return count_within(step, past, contact, now_ms);
    uint64_t count;
    if (step->kind == STEP_COUNT_WHERE) {
        count = past_aggregate_count(past, contact, step->id);
    } else {
        struct past_count counted = past_get(past, contact, step->id);
        count = counted.count;
        if (step->kind == STEP_LAST)
            return span_judge(INT64_MIN, count ? counted.last_ms + step->within_ms + 1 : INT64_MIN, now_ms);
    }
    return (struct verdict){count >= step->least && count <= step->most, INSTANT_NEVER};
}

/* An open group. All of it holds until the first part ceases to; it cannot hold before every part that fails
 * now has changed at least once, which is a bound, not a promise: a part that holds now may have ceased by
 * then. */
struct frame {
    uint32_t end;
    bool negated, holds;
    int64_t ceases_ms, fails_ms;
};

static struct frame frame_open(uint32_t end, bool negated)
{
    return (struct frame){end, negated, true, INSTANT_NEVER, INT64_MIN};
}

static struct verdict frame_close(const struct frame *frame)
{
    return (struct verdict){frame->holds != frame->negated,
                            frame->holds ? frame->ceases_ms : frame->fails_ms};
}

/* Returns the step to go on with: the group's end where a part fails for good. */
static uint32_t frame_take(struct frame *frame, struct verdict part, uint32_t next)
{
    if (part.holds) {
        if (part.changes_ms < frame->ceases_ms)
            frame->ceases_ms = part.changes_ms;
        return next;
    }
    frame->holds = false;
    if (part.changes_ms > frame->fails_ms)
        frame->fails_ms = part.changes_ms;
    return part.changes_ms == INSTANT_NEVER ? frame->end : next;
}

struct verdict rule_judge(const struct rule_program *program, const struct rule_people *people,
                          struct contact_id contact, int64_t now_ms)
{
    struct frame frames[PROGRAM_FRAMES_MAX], *frame = frames;
    *frame = frame_open(program->count, false);
    uint32_t at = 0;
    for (;;) {
        struct verdict verdict;
        if (at == frame->end) {
            verdict = frame_close(frame);
            if (frame == frames)
                return verdict;
            frame--;
        } else {
            const struct rule_step *step = &program->steps[at++];
            if (step->kind == STEP_ALL) {
                *++frame = frame_open(step->end, step->negated);
                continue;
            }
            if (step->kind == STEP_COMPARE) {
                struct value value = contacts_attribute(people->contacts, contact, step->id);
                verdict = comparison_judge(&step->comparison, &value, now_ms);
            } else {
                verdict = past_judge(step, people->past, contact.n, now_ms);
            }
            verdict.holds ^= step->negated;
        }
        at = frame_take(frame, verdict, at);
    }
}
