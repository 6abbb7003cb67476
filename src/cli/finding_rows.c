#include "cli/finding_rows.h"

#include "cli/command.h"

static const char *severity_name(enum finding_severity severity)
{
    return severity == SEVERITY_ERROR ? "error" : "warning";
}

/* JSON has no bytes that are not UTF-8; file names may. */
static json_t *text_of(const char *text)
{
    json_t *string = json_string(text);
    return string ? string : json_string("(not UTF-8)");
}

void finding_rows_add(json_t *rows, const char *file, const struct findings *findings)
{
    array_each (&findings->rows, i) {
        const struct finding *f = &findings->rows.items[i];
        json_t *node = f->node.size ? json_stringn(f->node.data, f->node.size) : json_null();
        json_array_append_new(rows, json_pack("{s:o, s:s, s:s, s:o, s:s, s:s, s:s}", "file", text_of(file),
                                              "severity", severity_name(finding_code_severity(f->code)),
                                              "code", finding_code_name(f->code), "node", node, "pointer",
                                              f->pointer, "message", f->message, "fix", f->fix));
    }
}

void finding_row_unreadable(json_t *rows, const char *file, const struct err_detail *detail)
{
    char message[sizeof *detail + 2];
    snprintf(message, sizeof message, "%s: %s", detail->place, detail->text);
    json_array_append_new(
        rows, json_pack("{s:o, s:s, s:s, s:n, s:s, s:o, s:s}", "file", text_of(file), "severity", "error",
                        "code", finding_code_name(FINDING_DEFINITION_INVALID), "node", "pointer", "",
                        "message", text_of(message), "fix", "Make it one JSON document."));
}

static const char *plural(uint32_t count)
{
    return count == 1 ? "" : "s";
}

static const char *member(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

void finding_json_print(FILE *out, const char *file, const json_t *rows)
{
    uint32_t errors = 0, warnings = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *severity = member(row, "severity"), *pointer = member(row, "pointer");
        fprintf(out, "%s: %s: %s%s%s  [%s]\n    %s\n", file, severity, pointer, pointer[0] ? ": " : "",
                member(row, "message"), member(row, "code"), member(row, "fix"));
        errors += strcmp(severity, "error") == 0;
        warnings += strcmp(severity, "error") != 0;
    }
    if (errors + warnings == 0)
        fprintf(out, "%s: nothing to say against it\n", file);
    else
        fprintf(out, "%s: %u error%s, %u warning%s\n", file, errors, plural(errors), warnings,
                plural(warnings));
}

void finding_rows_print(FILE *out, const char *file, const struct findings *findings)
{
    json_t *rows = json_array();
    finding_rows_add(rows, file, findings);
    finding_json_print(out, file, rows);
    json_decref(rows);
}

void finding_errors_print(FILE *err, const char *file, const struct findings *findings)
{
    array_each (&findings->rows, i) {
        const struct finding *f = &findings->rows.items[i];
        if (finding_code_severity(f->code) == SEVERITY_ERROR)
            complain(err, file, "%s%s%s %s", f->pointer, f->pointer[0] ? ": " : "", f->message, f->fix);
    }
}
