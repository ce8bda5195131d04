// From reset to newlib's start: initialised data, and the floating-point unit, which the library's UXCost
// and tuner use.

#include <stdint.h>

extern uint32_t data_load[], data_start[], data_end[], stack_top[];
void _start(void);

void reset(void)
{
    volatile uint32_t *const cpacr = (uint32_t *)0xe000ed88;
    *cpacr |= 0xfu << 20;
    __asm volatile("dsb\n isb" ::: "memory");
    const uint32_t *from = data_load;
    for (volatile uint32_t *to = data_start; to < data_end; to++) {
        *to = *from++;
    }
    _start();
}

// Any fault: the debugger, or QEMU's trace, says which.
static void stop(void)
{
    for (;;) {
    }
}

struct vectors {
    uint32_t *stack;
    void (*handlers[15])(void);
};

__attribute__((section(".vectors"), used)) static const struct vectors vectors = {
    stack_top, {reset, stop, stop, stop, stop, stop, stop},
};
