/* What a fuzz target defines: takes any bytes, and aborts (CHECK, sanitizers) where the code under test
 * breaks a promise. Refusing the bytes is not breaking one. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
