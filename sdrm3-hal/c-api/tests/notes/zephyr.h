// What the note on Zephyr uses of it, as its documentation declares it: to compile the note, not to run it.
#include <stddef.h>
#include <stdint.h>

typedef struct { int64_t ticks; } k_timeout_t;
#define K_NO_WAIT ((k_timeout_t){0})
#define K_NSEC(t) ((k_timeout_t){(int64_t)(t)})

struct k_work { int flags; };
struct k_work_q { int thread; };
struct k_work_delayable { struct k_work work; void (*handler)(struct k_work *work); };
#define K_WORK_DELAYABLE_DEFINE(name, function) struct k_work_delayable name = {.handler = function}
int k_work_schedule_for_queue(struct k_work_q *queue, struct k_work_delayable *dwork, k_timeout_t delay);
int k_work_reschedule_for_queue(struct k_work_q *queue, struct k_work_delayable *dwork, k_timeout_t delay);

struct k_msgq { char *buffer; size_t size; uint32_t max; };
#define K_MSGQ_DEFINE(name, message_size, messages, alignment)                                         \
    static char _Alignas(alignment) name##_buffer[(messages) * (message_size)];                        \
    struct k_msgq name = {name##_buffer, message_size, messages}
int k_msgq_put(struct k_msgq *queue, const void *data, k_timeout_t timeout);
int k_msgq_get(struct k_msgq *queue, void *data, k_timeout_t timeout);

int64_t k_uptime_ticks(void);
uint64_t k_ticks_to_ns_floor64(uint64_t ticks);

// The reader's.
extern struct k_work_q scheduler_queue;
