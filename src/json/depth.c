#include "json/depth.h"

bool depth_exceeds(struct str text, int levels_max, size_t *ret_offset)
{
    int level = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        switch (text.data[i]) {
        case '"': in_string = !in_string; break;
        case '\\': i += in_string; break; /* whatever it escapes, a quote above all */
        case '[':
        case '{':
            if (!in_string && ++level > levels_max) {
                *ret_offset = i;
                return true;
            }
            break;
        case ']':
        case '}': level -= !in_string; break;
        default: break;
        }
    }
    return false;
}
