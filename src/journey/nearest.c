#include "journey/nearest.h"

enum { LETTERS_MAX = DEFINITION_NODE_ID_MAX + 1 };

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to insert, remove, replace or swap with their neighbour (optimal string alignment), with the last
 * three rows of the table kept. Both have at most DEFINITION_NODE_ID_MAX bytes. */
static size_t edits(struct str a, struct str b)
{
    size_t rows[3][LETTERS_MAX];
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

struct str nearest_node(const struct definition *definition, struct str id)
{
    struct str best = {0};
    size_t least = id.size / 3 + 1;
    if (id.size > DEFINITION_NODE_ID_MAX)
        return best;
    for (uint16_t i = 0; i < definition->node_count; i++) {
        struct str candidate = definition->nodes[i].id;
        if (candidate.size == 0 || candidate.size > DEFINITION_NODE_ID_MAX)
            continue;
        size_t distance = edits(candidate, id);
        if (distance < least) {
            least = distance;
            best = candidate;
        }
    }
    return best;
}
