/* Who may look at the control plane while who changes it. A change is held by one at a time, from its first
 * look at the control until its end, and waits for the disk in between; readers wait for it only while the
 * control applies what is durable (control_guard), which takes microseconds. */
#ifndef PARTITION_CONTROL_LOCK_H
#define PARTITION_CONTROL_LOCK_H
#include <pthread.h>
#include <stdatomic.h>

#include "partition/control.h"

struct control_lock {
    pthread_mutex_t change;
    _Atomic pthread_t changer;         /* who holds it; 0 = nobody */
    _Atomic int64_t changing_since_ms; /* by the monotonic clock; 0 = nobody changes */
    pthread_rwlock_t apply;
};

/* The control's guard is the lock's from here on, until the end. */
void control_lock_init(struct control_lock *lock, struct control *control);
void control_lock_deinit(struct control_lock *lock, struct control *control);

void control_lock_change(struct control_lock *lock);
void control_lock_read(struct control_lock *lock);
void control_lock_end(struct control_lock *lock); /* of either, on the same thread */

/* How long the change under way has lasted: its disk stands still where it is long. 0 = there is none. */
int64_t control_lock_changing_ms(const struct control_lock *lock);

#endif
