/* The contract, as it stands in api/openapi.yaml, out of the binary itself. */
#include <inttypes.h>

#include "base/hash.h"
#include "http/api.h"

extern const char openapi_text[]; /* made by the build: openapi_text.py */

void api_openapi(void *context, struct http_request *request)
{
    (void)context;
    char tag[32];
    struct str known, text = str_from(openapi_text);
    snprintf(tag, sizeof tag, "\"%016" PRIx64 "\"", hash_str(text));
    http_answer_header(request, "ETag", tag);
    http_answer_header(request, "Cache-Control", "no-cache");
    if (http_request_header(request, "If-None-Match", &known) && str_equal(known, str_from(tag)))
        http_answer(request, 304, NULL, STR(""));
    else
        http_answer(request, 200, "application/yaml", text);
}
