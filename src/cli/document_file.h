/* A JSON document out of a file that people write: journeys. */
#ifndef CLI_DOCUMENT_FILE_H
#define CLI_DOCUMENT_FILE_H
#include "cli/command.h"
#include "json/document.h"

/* `-` is standard input. The bytes are kept where `ret_text` is given (it owns them). Errors name file, line
 * and column. */
enum err document_file_read(const char *path, FILE *in, json_t **ret, struct buf *ret_text,
                            struct err_detail *detail);

#endif
