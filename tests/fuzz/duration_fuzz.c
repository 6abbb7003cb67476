#include "base/check.h"
#include "calendar/instant.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char scratch[32];
    int64_t ms, back;
    if (!duration_parse((struct str){(const char *)data, size}, &ms))
        return 0;
    CHECK(ms >= SECOND_MS && ms <= 3650 * DAY_MS && ms % SECOND_MS == 0);
    struct str printed = {scratch, (size_t)duration_print(ms, scratch)};
    CHECK(duration_parse(printed, &back) && back == ms);
    return 0;
}
