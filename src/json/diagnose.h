/* Why a text that simdjson has refused is not JSON, and where: simdjson itself does not say. Used by
 * reader.cc only. */
#ifndef JSON_DIAGNOSE_H
#define JSON_DIAGNOSE_H
#include "base/err.h"
#include "base/str.h"

/* Fills the detail and returns ERR_INVALID. Reads the text once more: only refusals pay for it. */
enum err diagnose_fail(struct str text, struct err_detail *detail);

#endif
