/* The conformance suite: what store.h promises, tried over any store. A store passes it or is none. */
#ifndef STORE_STORE_EXERCISE_H
#define STORE_STORE_EXERCISE_H
#include "store/store.h"

/* How the suite gets at a kind of store. Every function may use assertions of cmocka. */
struct store_factory {
    const char *name;
    /* An empty store with at least 4 partitions. */
    struct store *(*make)(struct store_factory *factory);
    /* What a restart does: closes it and opens what it left. NULL: it keeps nothing. */
    struct store *(*reopen)(struct store_factory *factory, struct store *store);
    /* Closes it and removes what it left. */
    void (*discard)(struct store_factory *factory, struct store *store);
    /* The next commit (of some kilobytes) ends with this status, which is COMMIT_RETRY or COMMIT_UNKNOWN; of
     * two unknown ones one is taken and one is not. False: it can't be made to. */
    bool (*fail_next)(struct store_factory *factory, struct store *store, enum commit_status status);
    /* The cause of the failure is gone. */
    void (*heal)(struct store_factory *factory, struct store *store);
};

/* Runs every test as a group of cmocka; the number of those that failed. */
int store_exercise(struct store_factory *factory);

#endif
