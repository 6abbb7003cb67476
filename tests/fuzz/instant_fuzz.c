#include "base/check.h"
#include "calendar/instant.h"
#include "fuzz.h"
#include "json/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size}, printed;
    char scratch[32];
    int64_t ms = 0, back = 0;
    bool taken = instant_parse(text, &ms);
    struct value v = value_of_string(text);
    CHECK(taken || v.type == VALUE_STRING);
    CHECK(value_as_text(&v, scratch, &printed) && str_equal(printed, text));
    CHECK(value_as_instant(&v, &back) == taken && back == ms);
    for (int millis = 0; taken && millis < 2; millis++) {
        printed = (struct str){scratch, (size_t)instant_print(ms, millis, scratch)};
        CHECK(printed.size == (millis || ms % 1000 ? 24 : 20));
        CHECK(instant_parse(printed, &back) && back == ms);
        CHECK(value_of_string(printed).type == VALUE_INSTANT);
    }
    return 0;
}
