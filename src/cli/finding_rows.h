/* The checklist's findings for people and as rows {file, severity, code, node, pointer, message, fix}. */
#ifndef CLI_FINDING_ROWS_H
#define CLI_FINDING_ROWS_H
#include <stdio.h>

#include "base/err.h"
#include "journey/checklist.h"

void finding_rows_add(json_t *rows, const char *file, const struct findings *findings);
/* The row of a file that is no JSON document at all. */
void finding_row_unreadable(json_t *rows, const char *file, const struct err_detail *detail);
/* All of them and a last line that counts them. */
void finding_rows_print(FILE *out, const char *file, const struct findings *findings);
/* The same of rows, or of the API's `findings`; `file` may be a journey's name. */
void finding_json_print(FILE *out, const char *file, const json_t *rows);
/* `sojourn: FILE: POINTER: what is wrong` for every error, for a command that cannot go on. */
void finding_errors_print(FILE *err, const char *file, const struct findings *findings);

#endif
