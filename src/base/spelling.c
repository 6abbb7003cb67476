#include "base/spelling.h"

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to insert, remove, replace or swap with their neighbour (optimal string alignment), the last three
 * rows of the table kept. */
static size_t edits(struct str a, struct str b)
{
    size_t rows[3][SPELLING_BYTES_MAX + 1];
    for (size_t j = 0; j <= b.size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            bool same = a.data[i - 1] == b.data[j - 1];
            row[j] = least_of(least_of(above[j] + 1, row[j - 1] + 1), above[j - 1] + !same);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                row[j] = least_of(row[j], second[j - 2] + 1);
        }
    }
    return rows[a.size % 3][b.size];
}

struct str spelling_nearest(struct str word, const struct str *known, size_t count)
{
    struct str best = {0};
    size_t least = word.size / 3 + 1;
    if (word.size > SPELLING_BYTES_MAX)
        return best;
    for (size_t i = 0; i < count; i++) {
        if (known[i].size == 0 || known[i].size > SPELLING_BYTES_MAX)
            continue;
        size_t distance = edits(known[i], word);
        if (distance < least) {
            least = distance;
            best = known[i];
        }
    }
    return best;
}
