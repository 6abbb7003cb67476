/* The tables of a database and how an older one becomes a current one. */
#ifndef STORE_SQLITE_SCHEMA_H
#define STORE_SQLITE_SCHEMA_H
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { SCHEMA_APPLICATION_ID = 0x536a726e }; /* "Sjrn" */

enum schema_state { SCHEMA_EMPTY, SCHEMA_OLDER, SCHEMA_CURRENT };

/* Looks without changing anything. ERR_CORRUPT: another program's database; ERR_NEWER: over STORE_FORMAT. */
enum err schema_look(sqlite3 *db, enum schema_state *ret, struct err_detail *detail);
/* Brings it to STORE_FORMAT in one transaction; a new one gets `partitions` partition rows. */
enum err schema_migrate(sqlite3 *db, uint32_t partitions, struct err_detail *detail);

#endif
