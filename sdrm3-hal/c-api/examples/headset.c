// A headset: eye tracking, gaze that follows it, hands, and a scene network with a lighter form, on an NPU
// and a DSP. The same source runs on a workstation and on a Cortex-M4F, and prints the same.
//
// A firmware does as `run` does; only that time comes from a clock, and ends of blocks from interrupts.

#include "headset.h"

#include <stdio.h>
#include <string.h>

#include "sdrm3.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MS 1000000u

// ---- Tables, in flash ----

enum { NPU, DSP, ACCELERATORS };
enum { EYE, GAZE, HAND, SCENE, MODELS };

// Nanoseconds and nanojoules of each segment on the NPU and on the DSP.
static const sdrm3_cost_t eye_costs[][ACCELERATORS] = {
    {{800000, 90000}, {1600000, 60000}},
    {{1200000, 140000}, {1900000, 80000}},
    {{400000, 50000}, {0, 0}},
};
static const sdrm3_cost_t gaze_costs[][ACCELERATORS] = {
    {{1500000, 160000}, {2000000, 110000}},
    {{900000, 100000}, {1100000, 70000}},
};
static const sdrm3_cost_t hand_costs[][ACCELERATORS] = {
    {{3000000, 420000}, {5200000, 300000}},
    {{2500000, 350000}, {4000000, 260000}},
    {{2500000, 350000}, {4000000, 260000}},
    {{0, 0}, {900000, 40000}},
};
static const sdrm3_cost_t scene_costs[][ACCELERATORS] = {
    {{4000000, 600000}, {9000000, 500000}},
    {{9000000, 1300000}, {16000000, 1000000}},
    {{8000000, 1200000}, {15000000, 900000}},
};
static const sdrm3_cost_t scene_light_costs[][ACCELERATORS] = {
    {{4000000, 600000}, {9000000, 500000}},
    {{3000000, 450000}, {5000000, 350000}},
};

// Activations to move on a switch; hands often end early, behind their second segment.
static const sdrm3_segment_t hand_segments[] = {
    {.activation_bytes = 49152},
    {.activation_bytes = 24576, .branch = SDRM3_BRANCH_EXIT, .probability = SDRM3_ALWAYS / 4},
    {.activation_bytes = 24576},
    {.activation_bytes = 4096},
};
static const sdrm3_segment_t scene_segments[] = {
    {.activation_bytes = 150528},
    {.activation_bytes = 65536, .switch_point = 1},
    {.activation_bytes = 65536},
};

static const sdrm3_subnetwork_t eye[] = {{SDRM3_COSTS(eye_costs), .weight_bytes = 65536}};
static const sdrm3_subnetwork_t gaze[] = {{SDRM3_COSTS(gaze_costs), .weight_bytes = 131072}};
static const sdrm3_subnetwork_t hand[] = {{SDRM3_COSTS(hand_costs), .segments = hand_segments}};
static const sdrm3_subnetwork_t scene[] = {
    {SDRM3_COSTS(scene_costs), .segments = scene_segments, .accuracy_milli_percent = 76900},
    {SDRM3_COSTS(scene_light_costs), .segments = scene_segments, .accuracy_milli_percent = 74200,
     .shared_prefix = 1},
};

static const sdrm3_model_t models[MODELS] = {
    [EYE] = {.name = "eye", .period_ns = 16666667, .subnetworks = eye, .subnetwork_count = COUNT(eye)},
    [GAZE] = {.name = "gaze", .period_ns = 16666667, .subnetworks = gaze, .subnetwork_count = COUNT(gaze),
              .parent = &models[EYE], .probability = SDRM3_ALWAYS / 2},
    [HAND] = {.name = "hand", .period_ns = 33333333, .subnetworks = hand, .subnetwork_count = COUNT(hand),
              .weight_percent = 200},
    [SCENE] = {.name = "scene", .period_ns = 66666667, .subnetworks = scene,
               .subnetwork_count = COUNT(scene), .drop_at_most = 1, .drop_of = 8, .latest_wins = 1},
};

static const sdrm3_accelerator_t accelerators[ACCELERATORS] = {
    [NPU] = {.name = "npu", .switch_fixed = {20000, 3000}, .switch_per_kib = {300, 40}},
    [DSP] = {.name = "dsp", .switch_per_kib = {500, 30}},
};

static const sdrm3_workload_t workload = {
    .models = models,
    .model_count = COUNT(models),
    .accelerators = accelerators,
    .accelerator_count = COUNT(accelerators),
};

// 5 sub-networks and 14 segments, counted over all of the above.
static SDRM3_STORAGE(storage, SDRM3_SMALL_SIZE(5, 14));

// ---- Two seconds ----

// A frame of eye is due at the end, and not complete.
#define END (119ull * 16666667)
// What is printed in full.
#define SHOWN (40ull * MS)

// Everything that a decision says goes into the hash (FNV-1a).
static uint64_t hash;
static unsigned long decisions;

static void fold(uint64_t number)
{
    for (int byte = 0; byte < 8; byte++) {
        hash = (hash ^ (number >> (8 * byte) & 0xff)) * 0x100000001b3ull;
    }
}

static unsigned long microseconds(uint64_t nanoseconds)
{
    return (unsigned long)(nanoseconds / 1000);
}

static void note(const sdrm3_action_t *action, uint64_t now)
{
    const sdrm3_block_t *block = &action->block;
    decisions++;
    fold(now);
    fold(action->kind);
    fold(action->reason);
    fold(action->wake_ns);
    fold(action->frame.model);
    fold(action->frame.number);
    fold(action->frame.deadline_ns);
    fold(block->ticket.accelerator);
    fold(block->ticket.sequence);
    fold(block->first);
    fold(block->count);
    fold(block->subnetwork);
    fold(block->expected.latency_ns);
    fold(block->switch_cost.latency_ns);
    fold((uint64_t)block->score);
    if (now >= SHOWN) {
        return;
    }
    if (action->kind == SDRM3_DISPATCH) {
        printf("%6lu us: %s#%lu segment %u on %s\n", microseconds(now), models[action->frame.model].name,
               (unsigned long)action->frame.number, (unsigned)block->first,
               accelerators[block->ticket.accelerator].name);
    } else if (action->kind == SDRM3_DROP) {
        printf("%6lu us: %s#%lu is dropped, reason %u\n", microseconds(now),
               models[action->frame.model].name, (unsigned long)action->frame.number,
               (unsigned)action->reason);
    }
}

// What a driver knows of the block that it runs.
typedef struct {
    sdrm3_action_t action;
    uint64_t started;
    uint64_t ends;
    int runs;
} device_t;

// How long a block takes: what the tables expect, and up to a quarter more.
static uint64_t duration(const sdrm3_action_t *action)
{
    const sdrm3_block_t *block = &action->block;
    uint64_t expected = block->expected.latency_ns;
    return block->switch_cost.latency_ns + expected +
           expected * ((action->frame.number * 7u + block->first * 3u) % 16u) / 64u;
}

// A frame of eye without a result: that of gaze to which it would have given rise is lost with it.
static sdrm3_status_t lose_child(sdrm3_t *scheduler, const sdrm3_frame_t *parent, uint64_t now)
{
    sdrm3_frame_t child;
    return parent->model == EYE && parent->number % 2 == 0
               ? sdrm3_lose_child(scheduler, GAZE, parent, now, &child)
               : SDRM3_OK;
}

// A block has ended: an early exit of hands for every fourth frame, a frame of gaze for every other of eye.
static sdrm3_status_t finish(sdrm3_t *scheduler, device_t *device, uint64_t now)
{
    const sdrm3_frame_t *frame = &device->action.frame;
    sdrm3_outcome_t outcome = {.finished_ns = now, .started_ns = device->started, .has_start = 1};
    sdrm3_report_t report;
    if (frame->model == HAND && device->action.block.first == 1 && frame->number % 4 == 3) {
        outcome.path = SDRM3_PATH_EXIT;
    }
    device->runs = 0;
    sdrm3_status_t status = sdrm3_complete(scheduler, device->action.block.ticket, &outcome, now, &report);
    if (status == SDRM3_OK && report.progress != SDRM3_MORE && report.frame.model == EYE &&
        report.frame.number % 2 == 0) {
        sdrm3_frame_t child;
        status = sdrm3_release_child(scheduler, GAZE, &report.frame, now, &child);
        if (status == SDRM3_FULL) {
            status = sdrm3_give_up(scheduler, &child, now);
        }
    }
    return status;
}

static sdrm3_status_t run(sdrm3_t *scheduler)
{
    device_t devices[ACCELERATORS] = {0};
    uint64_t release[MODELS] = {0};
    uint64_t period[MODELS];
    uint64_t now = 0;
    unsigned changes = 0;
    sdrm3_status_t status = SDRM3_OK;
    for (unsigned model = 0; model < MODELS; model++) {
        period[model] = models[model].period_ns;
    }
    while (status == SDRM3_OK && now < END) {
        // Completions, as interrupts would bring them.
        for (unsigned on = 0; on < ACCELERATORS && status == SDRM3_OK; on++) {
            if (devices[on].runs && devices[on].ends <= now) {
                status = finish(scheduler, &devices[on], now);
            }
        }
        // The DSP is gone from 500 to 600 ms; hands are tracked twice as often from 800 ms on; the scene
        // is off from 1200 to 1400 ms; the NPU, without which no frame of eye ends, is gone from 1600 to 1650 ms
        // and from 1940 ms on.
        if (changes == 0 && now >= 500ull * MS) {
            status = sdrm3_fault(scheduler, DSP, SDRM3_OUT_OF_SERVICE, now);
            devices[DSP].runs = 0;
            changes++;
        } else if (changes == 1 && now >= 600ull * MS) {
            status = sdrm3_restore(scheduler, DSP, now);
            changes++;
        } else if (changes == 2 && now >= 800ull * MS) {
            period[HAND] = 16666667;
            status = sdrm3_set_period(scheduler, HAND, period[HAND], now);
            changes++;
        } else if ((changes == 3 && now >= 1200ull * MS) || (changes == 4 && now >= 1400ull * MS)) {
            status = sdrm3_set_active(scheduler, SCENE, changes == 4, now);
            changes++;
        } else if ((changes == 5 && now >= 1600ull * MS) || (changes == 7 && now >= 1940ull * MS)) {
            status = sdrm3_fault(scheduler, NPU, SDRM3_OUT_OF_SERVICE, now);
            devices[NPU].runs = 0;
            changes++;
        } else if (changes == 6 && now >= 1650ull * MS) {
            status = sdrm3_restore(scheduler, NPU, now);
            changes++;
        }
        // Inputs, as sensors would bring them.
        for (unsigned model = 0; model < MODELS && status == SDRM3_OK; model++) {
            if (models[model].parent == NULL && release[model] <= now) {
                sdrm3_frame_t frame;
                status = sdrm3_release(scheduler, (uint8_t)model, now, &frame);
                release[model] += period[model];
                if (status == SDRM3_FULL) {
                    status = sdrm3_give_up(scheduler, &frame, now);
                    if (status == SDRM3_OK) {
                        status = lose_child(scheduler, &frame, now);
                    }
                } else if (status == SDRM3_INACTIVE) {
                    status = SDRM3_OK;
                }
            }
        }
        // Decisions.
        sdrm3_action_t action = {.kind = SDRM3_DISPATCH};
        while (status == SDRM3_OK && action.kind >= SDRM3_DISPATCH) {
            status = sdrm3_poll(scheduler, now, &action);
            if (status == SDRM3_OK) {
                note(&action, now);
            }
            if (status == SDRM3_OK && action.kind == SDRM3_DISPATCH) {
                device_t *device = &devices[action.block.ticket.accelerator];
                *device = (device_t){.action = action, .started = now, .ends = now + duration(&action), .runs = 1};
            } else if (status == SDRM3_OK && action.kind == SDRM3_DROP && action.reason != SDRM3_DROP_WITHDRAWN) {
                status = lose_child(scheduler, &action.frame, now);
            }
        }
        // Sleep until something happens.
        uint64_t next = END;
        if (action.kind == SDRM3_WAIT_UNTIL && action.wake_ns < next) {
            next = action.wake_ns;
        }
        for (unsigned on = 0; on < ACCELERATORS; on++) {
            if (devices[on].runs && devices[on].ends < next) {
                next = devices[on].ends;
            }
        }
        for (unsigned model = 0; model < MODELS; model++) {
            if (models[model].parent == NULL && release[model] < next) {
                next = release[model];
            }
        }
        now = next;
    }
    sdrm3_leftover_t leftover;
    unsigned left = 0;
    while (status == SDRM3_OK && (status = sdrm3_close(scheduler, END, &leftover)) == SDRM3_OK) {
        fold(leftover.overdue);
        left++;
        if (leftover.overdue) {
            status = lose_child(scheduler, &leftover.frame, END);
        }
    }
    printf("frames left at the end: %u\n", left);
    return status == SDRM3_END ? SDRM3_OK : status;
}

static void report(sdrm3_t *scheduler)
{
    for (unsigned model = 0; model < MODELS; model++) {
        sdrm3_tally_t tally;
        if (sdrm3_tally(scheduler, (uint8_t)model, &tally) == SDRM3_OK) {
            printf("%-5s frames %3lu completed %3lu violated %2lu dropped %2lu energy %7lu of %7lu uJ\n",
                   models[model].name, (unsigned long)tally.frames, (unsigned long)tally.completed,
                   (unsigned long)tally.violated, (unsigned long)tally.dropped, microseconds(tally.energy_nj),
                   microseconds(tally.worst_energy_nj));
        }
    }
    sdrm3_uxcost_t cost;
    uint32_t alpha, beta;
    if (sdrm3_uxcost(scheduler, &cost) == SDRM3_OK && sdrm3_weights(scheduler, &alpha, &beta) == SDRM3_OK) {
        printf("UXCost %lu millionths, alpha %08lx, beta %08lx\n", (unsigned long)(cost.value * 1e6),
               (unsigned long)alpha, (unsigned long)beta);
    }
    printf("decisions %lu, hash %08lx%08lx\n", decisions, (unsigned long)(hash >> 32),
           (unsigned long)(hash & 0xffffffffu));
}

// ---- Bad calls ----

static int wrong;

static void expect(const char *what, sdrm3_status_t status, sdrm3_status_t expected)
{
    printf("%s: %s\n", what, sdrm3_status_text(status));
    if (status != expected) {
        printf("  NOT AS EXPECTED: %s\n", sdrm3_status_text(expected));
        wrong++;
    }
}

static void expect_init(const char *what, const sdrm3_workload_t *tables, size_t bytes, sdrm3_status_t expected)
{
    const sdrm3_config_t config = SDRM3_CONFIG_FULL;
    sdrm3_t *scheduler = NULL;
    sdrm3_error_t error;
    char text[200] = "no error";
    sdrm3_status_t status = sdrm3_init_small(storage, bytes, tables, &config, &scheduler, &error);
    if (status != SDRM3_OK) {
        sdrm3_describe(&error, text, sizeof text);
    }
    // How many bytes are needed depends on the target; everything else does not.
    char *needed = strstr(text, "; ");
    if (status == SDRM3_STORAGE_TOO_SMALL && needed != NULL && strstr(needed + 2, "; ") != NULL) {
        *strstr(needed + 2, "; ") = '\0';
    }
    printf("%s: %s\n", what, text);
    if (status != expected || scheduler != NULL) {
        printf("  NOT AS EXPECTED: %s\n", sdrm3_status_text(expected));
        wrong++;
    }
}

static void bad_tables(void)
{
    sdrm3_model_t changed[MODELS];
    sdrm3_subnetwork_t networks[2];
    sdrm3_cost_t costs[2][ACCELERATORS];
    sdrm3_accelerator_t others[ACCELERATORS];
    const sdrm3_workload_t bad = {changed, others, MODELS, ACCELERATORS};
#define RESET() \
    (memcpy(changed, models, sizeof changed), memcpy(networks, scene, sizeof networks), \
     memcpy(costs, gaze_costs, sizeof costs), memcpy(others, accelerators, sizeof others), \
     changed[GAZE].parent = &changed[EYE], changed[SCENE].subnetworks = networks)

    RESET();
    changed[HAND].period_ns = 0;
    expect_init("no period", &bad, sizeof storage, SDRM3_ZERO_PERIOD);
    RESET();
    changed[GAZE].parent = &models[EYE];
    expect_init("a parent elsewhere", &bad, sizeof storage, SDRM3_UNKNOWN_PARENT);
    RESET();
    changed[EYE].parent = &changed[GAZE];
    changed[EYE].probability = SDRM3_ALWAYS;
    expect_init("parents in a ring", &bad, sizeof storage, SDRM3_CASCADE_CYCLE);
    RESET();
    changed[GAZE].probability = 0;
    expect_init("no probability", &bad, sizeof storage, SDRM3_BAD_PROBABILITY);
    RESET();
    memset(costs[1], 0, sizeof costs[1]);
    networks[0] = (sdrm3_subnetwork_t){SDRM3_COSTS(costs)};
    expect_init("no cost at all", &bad, sizeof storage, SDRM3_RUNS_NOWHERE);
    RESET();
    networks[1].accelerator_count = 1;
    expect_init("a column less", &bad, sizeof storage, SDRM3_COST_COLUMNS);
    RESET();
    networks[1] = scene[0];
    networks[0] = scene[1];
    networks[0].shared_prefix = 0;
    expect_init("light before heavy", &bad, sizeof storage, SDRM3_LIGHTER_COSTS_MORE);
    RESET();
    others[DSP].switch_table = costs[0];
    others[DSP].switch_table_count = 4;
    expect_init("a small switch table", &bad, sizeof storage, SDRM3_SWITCH_TABLE_SIZE);
    RESET();
    networks[0].costs = NULL;
    expect_init("no cost table", &bad, sizeof storage, SDRM3_NULL_POINTER);
    RESET();
    networks[0].costs = (const sdrm3_cost_t *)(const void *)((const char *)costs + 1);
    expect_init("a crooked cost table", &bad, sizeof storage, SDRM3_MISALIGNED);
    expect_init("no workload", NULL, sizeof storage, SDRM3_NULL_POINTER);
    expect_init("little storage", &workload, sizeof storage - 512, SDRM3_STORAGE_TOO_SMALL);
#undef RESET
}

static void bad_calls(sdrm3_t *scheduler)
{
    const sdrm3_config_t config = SDRM3_CONFIG_FULL;
    const sdrm3_outcome_t outcome = {.finished_ns = END};
    const sdrm3_ticket_t ticket = {.sequence = 1, .accelerator = NPU};
    sdrm3_config_t old = config;
    sdrm3_t *name = NULL;
    sdrm3_frame_t frame = {0};
    sdrm3_action_t action;
    sdrm3_report_t done;

    expect("poll nothing", sdrm3_poll(NULL, END, &action), SDRM3_NULL_POINTER);
    expect("poll into nothing", sdrm3_poll(scheduler, END, NULL), SDRM3_NULL_POINTER);
    expect("poll beside it", sdrm3_poll((sdrm3_t *)(void *)((char *)storage + 1), END, &action),
           SDRM3_MISALIGNED);
    expect("poll behind it", sdrm3_poll((sdrm3_t *)(void *)&storage[8], END, &action), SDRM3_NOT_INITIALISED);
    expect("no such model", sdrm3_release(scheduler, MODELS, END, &frame), SDRM3_UNKNOWN_MODEL);
    expect("a child as a root", sdrm3_release(scheduler, GAZE, END, &frame), SDRM3_NEEDS_PARENT);
    expect("a child of another", sdrm3_release_child(scheduler, HAND, &frame, END, &frame), SDRM3_NOT_A_CHILD);
    expect("an early time", sdrm3_release(scheduler, EYE, 0, &frame), SDRM3_TIME_WENT_BACK);
    expect("an old ticket", sdrm3_complete(scheduler, ticket, &outcome, END, &done), SDRM3_STALE_TICKET);
    expect("no such fault", sdrm3_fault(scheduler, NPU, 9, END), SDRM3_BAD_VALUE);
    expect("no such accelerator", sdrm3_restore(scheduler, ACCELERATORS, END), SDRM3_UNKNOWN_ACCELERATOR);
    expect("a period of a child", sdrm3_set_period(scheduler, GAZE, 1, END), SDRM3_FOLLOWS_PARENT);
    expect("neither on nor off", sdrm3_set_active(scheduler, EYE, 2, END), SDRM3_BAD_VALUE);
    old.abi.version--;
    expect("an old header", sdrm3_init_small(storage, sizeof storage, &workload, &old, &name, NULL),
           SDRM3_WRONG_ABI);
    expect("crooked storage",
           sdrm3_init_small((char *)storage + 4, sizeof storage - 8, &workload, &config, &name, NULL),
           SDRM3_MISALIGNED);
    unsigned taken = 0;
    sdrm3_status_t status;
    while ((status = sdrm3_release(scheduler, EYE, END, &frame)) == SDRM3_OK) {
        taken++;
    }
    expect("one frame too many", status, SDRM3_FULL);
    printf("frames taken before: %u\n", taken);
    expect("to give it up", sdrm3_give_up(scheduler, &frame, END), SDRM3_OK);
    expect("the end", sdrm3_end(scheduler), SDRM3_OK);
    expect("after the end", sdrm3_poll(scheduler, END, &action), SDRM3_NOT_INITIALISED);
}

int headset(void)
{
    const sdrm3_config_t config = SDRM3_CONFIG_FULL;
    sdrm3_t *scheduler;
    hash = 0xcbf29ce484222325ull;
    sdrm3_status_t status =
        sdrm3_init_small(storage, sizeof storage, &workload, &config, &scheduler, NULL);
    if (status == SDRM3_OK) {
        status = run(scheduler);
    }
    if (status != SDRM3_OK) {
        printf("%s\n", sdrm3_status_text(status));
        return 1;
    }
    report(scheduler);
    printf("\nbad calls\n");
    bad_calls(scheduler);
    printf("\nbad tables\n");
    bad_tables();
    return wrong == 0 ? 0 : 1;
}
