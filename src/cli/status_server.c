#include "cli/client.h"
#include "cli/figures_print.h"
#include "cli/figures_read.h"
#include "cli/status.h"
#include "json/write.h"

struct asking {
    const struct environment *environment;
    struct client *client;
    const char *from, *to; /* days; NULL = not asked for */
    struct buf json;       /* the journeys so far, with commas between; unused for people */
    bool as_json;
};

static enum err get(struct asking *asking, const char *path, const char *about, struct client_answer *ret,
                    struct err_detail *detail)
{
    const struct client_request request = {.method = "GET", .path = path, .about = about};
    return client_ask(asking->client, &request, ret, detail);
}

static enum err get_of_journey(struct asking *asking, const char *name, bool statistics,
                               struct client_answer *ret, struct err_detail *detail)
{
    struct buf path = {0};
    const char *what = statistics ? "/statistics" : "";
    client_path(&path, "/v1/journeys/");
    client_segment(&path, name);
    client_path(&path, what);
    if (statistics && asking->from)
        client_query(&path, "from", asking->from);
    if (statistics && asking->to)
        client_query(&path, "to", asking->to);
    enum err err = get(asking, path.data, name, ret, detail);
    buf_deinit(&path);
    return err;
}

static enum err print_for_people(struct asking *asking, const struct client_answer *journey,
                                 const struct client_answer *statistics, struct err_detail *detail)
{
    struct arena arena = {0};
    struct journey_figures figures;
    enum err err = figures_read(statistics->json, json_object_get(journey->json, "definition"), &arena,
                                &figures, detail);
    if (!err)
        journey_figures_print(&figures, client_text(journey->json, "state"), asking->environment->out);
    arena_deinit(&arena);
    return err;
}

/* ── one journey ──────────────────────────────────────────────────────────── */

static enum err tell(struct asking *asking, const char *name, struct err_detail *detail)
{
    struct client_answer journey = {0}, statistics;
    enum err err = get_of_journey(asking, name, true, &statistics, detail);
    if (!err && asking->as_json) {
        if (asking->json.size)
            buf_put_char(&asking->json, ',');
        buf_put_str(&asking->json, buf_str(&statistics.text));
    } else if (!err) {
        err = get_of_journey(asking, name, false, &journey, detail);
        if (!err)
            err = print_for_people(asking, &journey, &statistics, detail);
    }
    client_answer_free(&journey);
    client_answer_free(&statistics);
    return err;
}

/* ── all ──────────────────────────────────────────────────────────────────── */

static enum err tell_all(struct asking *asking, struct err_detail *detail)
{
    json_t *journeys = json_array();
    enum err err = client_ask_pages(asking->client, "/v1/journeys", "journeys", journeys, detail);
    for (size_t i = 0; i < json_array_size(journeys) && !err; i++) {
        const json_t *journey = json_array_get(journeys, i);
        if (!json_is_null(json_object_get(journey, "version"))) /* a draft alone has no figures */
            err = tell(asking, client_text(journey, "name"), detail);
    }
    json_decref(journeys);
    return err;
}

enum exit_status status_ask_server(const struct environment *environment, const struct arguments *arguments)
{
    enum exit_status status;
    struct err_detail detail = {"", ""};
    struct asking asking = {.environment = environment,
                            .as_json = arguments_has(arguments, "json"),
                            .from = arguments_get(arguments, "from"),
                            .to = arguments_get(arguments, "to")};
    asking.client = client_open(environment, arguments, &status);
    if (!asking.client)
        return status;
    enum err err = arguments->files.count ? tell(&asking, arguments->files.items[0], &detail)
                                          : tell_all(&asking, &detail);
    if (err) {
        complain_detail(environment->err, &detail);
    } else if (asking.as_json) {
        struct buf whole = {0};
        buf_put_text(&whole, "{\"journeys\":[");
        buf_put_str(&whole, buf_str(&asking.json));
        buf_put_text(&whole, "]}");
        client_text_print(buf_str(&whole), environment->out);
        buf_deinit(&whole);
    }
    buf_deinit(&asking.json);
    client_close(asking.client);
    return err ? EXIT_REFUSED : EXIT_DONE;
}
