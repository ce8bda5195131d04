// What the note on FreeRTOS uses of it, as its documentation declares it: to compile the note, not to run it.
#include <stdint.h>

typedef struct tskTaskControlBlock *TaskHandle_t;
typedef struct QueueDefinition *QueueHandle_t;
typedef long BaseType_t;
typedef uint32_t TickType_t;
#define pdFALSE ((BaseType_t)0)
#define pdTRUE ((BaseType_t)1)
#define portMAX_DELAY ((TickType_t)0xffffffffUL)
#define configTICK_RATE_HZ ((TickType_t)1000)
#define portYIELD_FROM_ISR(x) do { if ((x) != pdFALSE) port_yield(); } while (0)
void port_yield(void);
BaseType_t xQueueSendFromISR(QueueHandle_t queue, const void *item, BaseType_t *higher_priority_task_woken);
BaseType_t xQueueReceive(QueueHandle_t queue, void *buffer, TickType_t ticks_to_wait);
void vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t *higher_priority_task_woken);
uint32_t ulTaskNotifyTake(BaseType_t clear_count_on_exit, TickType_t ticks_to_wait);

// The reader's, and what the note on Zephyr declares.
struct event { uint64_t at; sdrm3_ticket_t ticket; };
uint64_t clock_ns(void);
uint64_t clock_ns_from_isr(void);
