/* Functions nobody here may call: each has a bounded, thread-safe or checked replacement nearby.
 * Included into every C file by the build. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#pragma GCC poison strcpy strcat sprintf vsprintf atoi atol atoll atof localtime gmtime asctime ctime rand   \
    srand strtok gets
#endif
