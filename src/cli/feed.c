#include "cli/feed.h"

#include "base/check.h"
#include "cli/commits.h"
#include "cli/feed_holds.h"

/* A window is what is read and decided between two commits. */
enum { WINDOW_RECORDS = 8192, WINDOW_BYTES = 16 << 20, BATCH_ROWS = 65536 };
static const int64_t SLICE_MS = HOUR_MS, CELL_MS = 30 * DAY_MS;

struct feed {
    const struct feed_options *options;
    struct commits *commits;
    struct binding binding;
    struct arena arena; /* of the window */
    ARRAY(struct input) inputs[STORE_PARTITIONS];
    size_t window_records;
    uint64_t window_bytes;
    struct boundary boundary; /* of the window: the last record looked at */
    uint64_t control_to;
    size_t milestone; /* the next one */
};

/* Alerts first: see feed_holds.h. */
static enum err put(struct feed *feed, struct err_detail *detail)
{
    const struct feed_options *o = feed->options;
    enum err err = feed_holds_take(o->control, o->partitions, o->partition_count, feed->boundary, detail);
    return err ? err : commits_put(feed->commits, detail);
}

static enum err put_if_many(struct feed *feed, const struct partition *partition, struct err_detail *detail)
{
    return partition_open_rows(partition) > BATCH_ROWS ? put(feed, detail) : ERR_OK;
}

/* Fires what is due up to an instant, an hour at a time: a batch may be taken between. The next timer is
 * known only to be no earlier than partition_next_timer says, so each slice ends later than the one before.
 */
static enum err advance(struct feed *feed, struct partition *partition, int64_t to_ms,
                        struct err_detail *detail)
{
    int64_t next_ms, done_ms = INT64_MIN;
    enum err err = ERR_OK;
    while (!err && done_ms < to_ms && (next_ms = partition_next_timer(partition)) <= to_ms) {
        int64_t from_ms = next_ms > done_ms ? next_ms : done_ms;
        done_ms = to_ms - from_ms > SLICE_MS ? from_ms + SLICE_MS : to_ms;
        err = partition_run_until(partition, done_ms, detail);
        if (!err)
            err = put_if_many(feed, partition, detail);
    }
    return err;
}

/* Every partition that has not taken the entries up to `position` takes them at the instant. */
static enum err take_control(struct feed *feed, int64_t at_ms, uint64_t position, struct err_detail *detail)
{
    const struct feed_options *o = feed->options;
    enum err err = ERR_OK;
    feed->control_to = position;
    for (uint32_t i = 0; i < o->partition_count && !err; i++) {
        struct partition *partition = o->partitions[i];
        if (partition_head(partition)->control >= position)
            continue;
        err = advance(feed, partition, at_ms - 1, detail);
        if (!err)
            err = partition_step(partition, at_ms, position, NULL, 0, false, detail);
        if (!err)
            err = put_if_many(feed, partition, detail);
    }
    return err;
}

static enum err take_holds(struct feed *feed, struct err_detail *detail)
{
    uint64_t position = feed_holds_at(feed->options->control, feed->boundary);
    return position > feed->control_to ? take_control(feed, feed->boundary.at_ms, position, detail) : ERR_OK;
}

/* ── windows ──────────────────────────────────────────────────────────────── */

static enum err step_instants(struct feed *feed, uint32_t number, bool cut, struct err_detail *detail)
{
    struct partition *partition = feed->options->partitions[number];
    const struct input *inputs = feed->inputs[number].items;
    size_t count = feed->inputs[number].count;
    enum err err = ERR_OK;
    for (size_t first = 0, end; first < count && !err; first = end) {
        int64_t at_ms = inputs[first].record.at_ms;
        for (end = first + 1; end < count && inputs[end].record.at_ms == at_ms;)
            end++;
        bool last = !cut || at_ms != feed->boundary.at_ms;
        err = advance(feed, partition, at_ms - 1, detail);
        if (!err)
            err =
                partition_step(partition, at_ms, feed->control_to, inputs + first, end - first, last, detail);
        if (!err)
            err = put_if_many(feed, partition, detail);
    }
    return err;
}

/* Decides what the window holds and hands it over. `cut`: more records of its last instant follow. */
static enum err close_window(struct feed *feed, bool cut, struct err_detail *detail)
{
    if (feed->window_records == 0)
        return ERR_OK;
    const struct feed_options *o = feed->options;
    enum err err = control_error(o->control, detail);
    for (uint32_t i = 0; i < o->partition_count && !err; i++)
        err = step_instants(feed, i, cut, detail);
    if (!err)
        err = put(feed, detail);
    if (!err)
        err = take_holds(feed, detail);
    for (uint32_t i = 0; i < o->partition_count; i++)
        array_clear(&feed->inputs[i]);
    arena_reset(&feed->arena);
    feed->window_records = feed->window_bytes = 0;
    return err;
}

/* Records that their partition has taken count for the window, so that it ends where it ended before. */
static enum err add_record(struct feed *feed, struct file *file, const struct file_entry *entry,
                           int64_t at_ms, struct err_detail *detail)
{
    const struct feed_options *o = feed->options;
    uint32_t number = file_partition(entry, o->partition_count);
    feed->boundary = (struct boundary){at_ms, feed->boundary.number + 1};
    feed->window_records++;
    feed->window_bytes += entry->size;
    if (feed->boundary.number <= partition_head(o->partitions[number])->input)
        return ERR_OK;
    struct input *input = array_push(&feed->inputs[number]);
    *input = (struct input){.kind = INPUT_RECORD, .number = feed->boundary.number};
    return file_record(file, entry, at_ms, &feed->binding, &feed->arena, &input->record, detail);
}

static bool is_full(const struct feed *feed, unsigned times)
{
    return feed->window_records >= times * WINDOW_RECORDS ||
           feed->window_bytes >= times * (uint64_t)WINDOW_BYTES;
}

/* A window ends between two instants where it can, and inside one that is too large. */
static enum err make_room(struct feed *feed, int64_t next_ms, struct err_detail *detail)
{
    bool inside = feed->window_records && feed->boundary.at_ms == next_ms;
    return is_full(feed, inside ? 2 : 1) ? close_window(feed, inside, detail) : ERR_OK;
}

static enum err pass_milestones(struct feed *feed, int64_t to_ms, struct err_detail *detail)
{
    const struct feed_options *o = feed->options;
    enum err err = ERR_OK;
    while (!err && feed->milestone < o->milestone_count && o->milestones[feed->milestone] <= to_ms) {
        uint64_t position;
        err = close_window(feed, false, detail);
        if (err)
            break;
        feed->boundary.at_ms = o->milestones[feed->milestone];
        err = o->act(o->context, feed->milestone, &position, detail);
        if (!err)
            err = take_control(feed, feed->boundary.at_ms, position, detail);
        if (!err)
            err = put(feed, detail);
        if (!err)
            err = take_holds(feed, detail);
        feed->milestone++;
    }
    return err;
}

static enum err feed_contacts(struct feed *feed, struct err_detail *detail)
{
    const struct feed_options *o = feed->options;
    enum err err = ERR_OK;
    for (size_t i = 0; o->contacts && i < file_count(o->contacts) && !err; i++) {
        err = make_room(feed, o->start_ms, detail);
        if (!err)
            err = add_record(feed, o->contacts, file_entry_get(o->contacts, i), o->start_ms, detail);
    }
    return err ? err : close_window(feed, true, detail);
}

static enum err feed_events(struct feed *feed, struct err_detail *detail)
{
    const struct feed_options *o = feed->options;
    enum err err = ERR_OK;
    for (size_t i = 0; i < file_count(o->events) && !err; i++) {
        const struct file_entry *entry = file_entry_get(o->events, i);
        if (entry->at_ms > o->until_ms)
            break;
        err = pass_milestones(feed, entry->at_ms, detail);
        if (!err)
            err = make_room(feed, entry->at_ms, detail);
        if (!err)
            err = add_record(feed, o->events, entry, entry->at_ms, detail);
    }
    if (!err)
        err = close_window(feed, false, detail);
    return err ? err : pass_milestones(feed, o->until_ms, detail);
}

/* ── what is left ─────────────────────────────────────────────────────────── */

static int64_t next_timer(const struct feed_options *o)
{
    int64_t next_ms = INSTANT_NEVER;
    for (uint32_t i = 0; i < o->partition_count; i++) {
        int64_t ms = partition_next_timer(o->partitions[i]);
        next_ms = ms < next_ms ? ms : next_ms;
    }
    return next_ms;
}

/* Time goes on in cells whose ends depend on nothing but where the files ended. */
static enum err run_out(struct feed *feed, struct err_detail *detail)
{
    const struct feed_options *o = feed->options;
    int64_t until_ms = o->until_ms < INSTANT_END ? o->until_ms : INSTANT_END - 1;
    enum err err = ERR_OK;
    bool over = false;
    while (!err && !over && next_timer(o) <= until_ms) {
        over = until_ms - feed->boundary.at_ms <= CELL_MS;
        int64_t left_ms = until_ms - feed->boundary.at_ms;
        feed->boundary.at_ms += left_ms < CELL_MS ? left_ms : CELL_MS;
        for (uint32_t i = 0; i < o->partition_count && !err; i++)
            err = advance(feed, o->partitions[i], feed->boundary.at_ms, detail);
        if (!err)
            err = put(feed, detail);
        if (!err)
            err = take_holds(feed, detail);
    }
    return err;
}

/* Where anything was decided, the next start finds it in blocks. */
static enum err finish(struct feed *feed, struct err_detail *detail)
{
    const struct feed_options *o = feed->options;
    if (commits_any(feed->commits)) {
        for (uint32_t i = 0; i < o->partition_count; i++)
            partition_checkpoint(o->partitions[i]);
    }
    enum err err = put(feed, detail);
    return err ? err : commits_flush(feed->commits, detail);
}

static void warn_of_names(const struct feed *feed)
{
    FILE *err = feed->options->environment->err;
    if (feed->binding.event_over[0])
        complain(err, feed->options->name,
                 "there are more than %d event names; events of the others, the first is \"%s\", "
                 "are kept in history and counted nowhere",
                 NAMES_EVENT_MAX, feed->binding.event_over);
    if (feed->binding.attribute_over[0])
        complain(err, feed->options->name,
                 "there are more than %d attributes; the others, the first is \"%s\", are kept in "
                 "history only",
                 NAMES_ATTRIBUTE_MAX, feed->binding.attribute_over);
}

enum err feed_run(const struct feed_options *options, struct err_detail *detail)
{
    struct feed *feed = memory_take_zeroed(1, sizeof *feed);
    CHECK(options->partition_count <= STORE_PARTITIONS);
    feed->options = options;
    feed->binding.control = options->control;
    feed->boundary.at_ms = options->start_ms;
    feed->commits = commits_new(options->environment, options->name, options->store, options->partitions,
                                options->partition_count);
    enum err err = feed_contacts(feed, detail);
    if (!err)
        err = feed_events(feed, detail);
    if (!err)
        err = run_out(feed, detail);
    if (!err)
        err = finish(feed, detail);
    warn_of_names(feed);
    commits_free(feed->commits);
    for (size_t i = 0; i < STORE_PARTITIONS; i++)
        array_free(&feed->inputs[i]);
    arena_deinit(&feed->arena);
    free(feed);
    return err;
}
