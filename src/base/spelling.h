/* What a misspelt word was probably meant to be, for messages: `did you mean "properties"?` */
#ifndef BASE_SPELLING_H
#define BASE_SPELLING_H
#include "base/str.h"

enum { SPELLING_BYTES_MAX = 64 }; /* longer words are not guessed at */

/* The known word closest to `word`, the first of equals; empty where none is worth a guess, as more than a
 * third of its letters differ. Cost: count × length². */
struct str spelling_nearest(struct str word, const struct str *known, size_t count);

#endif
