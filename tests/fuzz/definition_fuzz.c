#include "base/check.h"
#include "fuzz.h"
#include "journey/checklist.h"
#include "json/document.h"

static void check_node(const struct definition *definition, const struct node *node)
{
    CHECK(node->id.size > 0 && node->id.size <= DEFINITION_NODE_ID_MAX);
    bool drawn = false;
    for (uint8_t i = 0; i < node->outcome_count; i++) {
        CHECK(node->outcomes[i].name.size > 0);
        CHECK(node->outcomes[i].to >= EDGE_NONE && node->outcomes[i].to < definition->node_count);
        drawn = drawn || node->outcomes[i].to != EDGE_NONE;
    }
    CHECK(!(node->last && drawn));
    switch (node->kind) {
    case NODE_WAIT:
        CHECK(node->wait.for_ms >= 0 && node->wait.for_ms <= DEFINITION_WAIT_DAYS_MAX * DAY_MS);
        CHECK(instant_is_operational(node->wait.until_ms));
        break;
    case NODE_WAIT_FOR:
        CHECK(node->wait_for.condition.is_event == (node->wait_for.condition.rule == NULL));
        break;
    case NODE_SEGMENT:
        CHECK(node->outcome_count >= 2 && node->outcome_count <= DEFINITION_GROUPS_MAX + 1);
        for (uint8_t i = 0; i + 1 < node->outcome_count; i++)
            CHECK(node->segment.groups[i].count > 0);
        break;
    case NODE_SPLIT:
        CHECK(node->outcome_count >= 2 && node->outcome_count <= DEFINITION_PATHS_MAX + 1);
        for (uint8_t i = 0; i + 1 < node->outcome_count; i++)
            CHECK(node->split.rules[i]);
        break;
    case NODE_ACTIVATE: CHECK(node->activate.count > 0 && node->activate.operation.size > 0); break;
    case NODE_UPDATE: CHECK(node->update.count > 0 && node->update.count <= DEFINITION_CHANGES_MAX); break;
    case NODE_EXIT:
    case NODE_STOP: CHECK(node->outcome_count == 0 && !node->last); break;
    case NODE_KINDS: CHECK(!"a kind outside the table");
    }
}

static void check_definition(const struct definition *definition)
{
    CHECK(definition->name.size > 0);
    CHECK(definition->node_count > 0 && definition->node_count <= DEFINITION_NODES_MAX);
    CHECK(definition->start < definition->node_count);
    CHECK(definition->entry_count <= DEFINITION_ENTRY_RULES_MAX &&
          definition->exit_count <= DEFINITION_EXITS_MAX);
    CHECK(definition->goal_count <= DEFINITION_GOALS_MAX);
    CHECK(definition->late_tolerance_ms > 0);
    for (uint16_t i = 0; i < definition->node_count; i++) {
        CHECK(definition_find_node(definition, definition->nodes[i].id) == i);
        check_node(definition, &definition->nodes[i]);
    }
}

static void check_findings(const struct findings *findings, enum err err, const struct err_detail *detail)
{
    bool told = err == ERR_OK, warnings = false;
    CHECK(findings->errors + findings->warnings == findings->rows.count);
    array_each (&findings->rows, i) {
        const struct finding *finding = &findings->rows.items[i];
        bool warning = finding_code_severity(finding->code) == SEVERITY_WARNING;
        CHECK(warning || !warnings); /* errors first */
        warnings = warning;
        CHECK(*finding->pointer == '\0' || *finding->pointer == '/');
        CHECK(finding->message[0] && str_is_utf8(str_from(finding->message)));
        CHECK(finding->fix[0] && str_is_utf8(str_from(finding->fix)));
        size_t fits = strlen(detail->place);
        told = told || strncmp(finding->pointer, detail->place, fits) == 0;
    }
    CHECK(told);
}

/* What is shown of a draft: sound as far as it goes, and there for whatever is a definition. */
static void check_head(const json_t *json, struct arena *arena, enum err err)
{
    struct definition head;
    if (definition_read_head(json, arena, &head, NULL)) {
        CHECK(err != ERR_OK);
        return;
    }
    CHECK(head.name.size > 0 && head.label_count <= DEFINITION_LABELS_MAX);
    for (uint32_t i = 0; i < head.label_count; i++)
        CHECK(head.labels[i].size > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json = NULL, *sorted = NULL;
    if (document_parse((struct str){(const char *)data, size}, "body", &json, NULL))
        return 0;
    struct arena arena = {0};
    struct err_detail detail = {0};
    struct findings findings;
    struct definition definition;
    enum err err = definition_parse(json, &arena, &definition, &detail);
    if (err == ERR_OK) {
        check_definition(&definition);
    } else {
        CHECK(detail.text[0] && str_is_utf8(str_from(detail.text)) && str_is_utf8(str_from(detail.place)));
        CHECK(detail.place[0] == '\0' || detail.place[0] == '/');
    }
    check_head(json, &arena, err);
    checklist_run(json, &arena, &findings);
    check_findings(&findings, err, &detail);
    array_free(&findings.rows);

    struct buf text = {
        0}; /* the order of keys decides which error is the first, never whether there is one */
    document_write(json, &text);
    CHECK(document_parse(buf_str(&text), "sorted", &sorted, NULL) == ERR_OK);
    CHECK((definition_parse(sorted, &arena, &definition, NULL) == ERR_OK) == (err == ERR_OK));
    buf_deinit(&text);
    json_decref(sorted);
    json_decref(json);
    arena_deinit(&arena);
    return 0;
}
