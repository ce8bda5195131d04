// The headset on a Cortex-M4F, and how much stack the library's calls take.

#include <stdio.h>
#include <string.h>

#include "headset.h"
#include "sdrm3.h"

// The linker's --wrap passes the calls through here: the stack below is painted, and what is not paint
// afterwards was used. Nothing interrupts.
#define DEEPEST 32768
#define PAINT 0xa5

static size_t used[4];

static inline __attribute__((always_inline)) unsigned char *stack_pointer(void)
{
    unsigned char *sp;
    __asm volatile("mov %0, sp" : "=r"(sp));
    return sp;
}

#define WRAP(index, call, parameters, arguments)                                       \
    sdrm3_status_t __real_##call parameters;                                           \
    sdrm3_status_t __wrap_##call parameters;                                           \
    sdrm3_status_t __wrap_##call parameters                                            \
    {                                                                                  \
        unsigned char *const sp = stack_pointer();                                     \
        for (volatile unsigned char *at = sp - DEEPEST; at < sp; at++) {               \
            *at = PAINT;                                                               \
        }                                                                              \
        sdrm3_status_t status = __real_##call arguments;                               \
        volatile unsigned char *at = sp - DEEPEST;                                     \
        while (*at == PAINT) {                                                         \
            at++;                                                                      \
        }                                                                              \
        size_t depth = (size_t)(sp - at);                                              \
        used[index] = depth > used[index] ? depth : used[index];                       \
        return status;                                                                 \
    }

WRAP(0, sdrm3_init_small,
     (void *storage, size_t bytes, const sdrm3_workload_t *workload, const sdrm3_config_t *config,
      sdrm3_t **scheduler, sdrm3_error_t *error),
     (storage, bytes, workload, config, scheduler, error))
WRAP(1, sdrm3_release, (sdrm3_t *scheduler, uint8_t model, uint64_t now, sdrm3_frame_t *frame),
     (scheduler, model, now, frame))
WRAP(2, sdrm3_poll, (sdrm3_t *scheduler, uint64_t now, sdrm3_action_t *action), (scheduler, now, action))
WRAP(3, sdrm3_complete,
     (sdrm3_t *scheduler, sdrm3_ticket_t ticket, const sdrm3_outcome_t *outcome, uint64_t now,
      sdrm3_report_t *report),
     (scheduler, ticket, outcome, now, report))

int main(void)
{
    int result = headset();
    printf("firmware stack_init %lu\n", (unsigned long)used[0]);
    printf("firmware stack_release %lu\n", (unsigned long)used[1]);
    printf("firmware stack_poll %lu\n", (unsigned long)used[2]);
    printf("firmware stack_complete %lu\n", (unsigned long)used[3]);
    return result;
}
