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

void finding_rows_print(FILE *out, const char *file, const struct findings *findings)
{
    array_each (&findings->rows, i) {
        const struct finding *f = &findings->rows.items[i];
        fprintf(out, "%s: %s: %s%s%s  [%s]\n    %s\n", file, severity_name(finding_code_severity(f->code)),
                f->pointer, f->pointer[0] ? ": " : "", f->message, finding_code_name(f->code), f->fix);
    }
    if (findings->rows.count == 0)
        fprintf(out, "%s: nothing to say against it\n", file);
    else
        fprintf(out, "%s: %u error%s, %u warning%s\n", file, findings->errors, plural(findings->errors),
                findings->warnings, plural(findings->warnings));
}

void finding_errors_print(FILE *err, const char *file, const struct findings *findings)
{
    array_each (&findings->rows, i) {
        const struct finding *f = &findings->rows.items[i];
        if (finding_code_severity(f->code) == SEVERITY_ERROR)
            complain(err, file, "%s%s%s %s", f->pointer, f->pointer[0] ? ": " : "", f->message, f->fix);
    }
}
