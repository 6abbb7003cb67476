#include "partition/control_lock.h"

#include "base/check.h"
#include "base/wait.h"

static void apply_begins(void *context)
{
    struct control_lock *lock = context;
    CHECK(pthread_rwlock_wrlock(&lock->apply) == 0);
}

static void apply_ends(void *context)
{
    struct control_lock *lock = context;
    CHECK(pthread_rwlock_unlock(&lock->apply) == 0);
}

void control_lock_init(struct control_lock *lock, struct control *control)
{
    *lock = (struct control_lock){0};
    CHECK(pthread_mutex_init(&lock->change, NULL) == 0);
    /* what is durable must not wait for ever behind workers that step without a break */
    pthread_rwlockattr_t attributes;
    CHECK(pthread_rwlockattr_init(&attributes) == 0);
    CHECK(pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
    CHECK(pthread_rwlock_init(&lock->apply, &attributes) == 0);
    pthread_rwlockattr_destroy(&attributes);
    control_set_guard(control, &(struct control_guard){apply_begins, apply_ends, lock});
}

void control_lock_deinit(struct control_lock *lock, struct control *control)
{
    control_set_guard(control, &(struct control_guard){0});
    pthread_rwlock_destroy(&lock->apply);
    pthread_mutex_destroy(&lock->change);
}

void control_lock_change(struct control_lock *lock)
{
    CHECK(pthread_mutex_lock(&lock->change) == 0);
    atomic_store(&lock->changer, pthread_self());
    atomic_store(&lock->changing_since_ms, monotonic_ms());
}

void control_lock_read(struct control_lock *lock)
{
    CHECK(pthread_rwlock_rdlock(&lock->apply) == 0);
}

void control_lock_end(struct control_lock *lock)
{
    if (!pthread_equal(atomic_load(&lock->changer), pthread_self())) {
        CHECK(pthread_rwlock_unlock(&lock->apply) == 0);
        return;
    }
    atomic_store(&lock->changing_since_ms, 0);
    atomic_store(&lock->changer, 0);
    CHECK(pthread_mutex_unlock(&lock->change) == 0);
}

int64_t control_lock_changing_ms(const struct control_lock *lock)
{
    int64_t since_ms = atomic_load(&lock->changing_since_ms);
    return since_ms ? monotonic_ms() - since_ms : 0;
}
