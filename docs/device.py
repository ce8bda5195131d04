#!/usr/bin/env python3
"""The book's tables of the device, from the `key value` lines of sdrm3-hal/firmware/run.sh.

usage: device.py RUN.SH <OUTPUT >TABLES    the limits are read from the head of RUN.SH
"""

import re
import sys

BOARDS = {"m4f": "Cortex-M4F", "m3": "Cortex-M3", "riscv": "RV32IMAC"}

LIMITS = [  # key, name of its limit in run.sh, what it is
    ("decision_8x4_insns_max", "decision_insns", "decision, 8 ready jobs x 4 idle accelerators, the dearest, instructions"),
    ("pair_insns_by_job", "pair_insns", "each further pair, by more jobs, instructions"),
    ("pair_insns_by_accelerator", "pair_insns", "each further pair, by more accelerators, instructions"),
    ("code_small_bytes", "code_small", "code of the full scheduler at opt-level s, bytes; the limit is for Cortex-M4F"),
    ("code_fast_bytes", "code_fast", "the same at opt-level 3"),
    ("ram_bytes", "ram", "a scheduler of 8 models, 16 jobs, 4 accelerators, bytes"),
    ("stack_static_small", "stack", "stack of the deepest call at opt-level s, static bound, bytes"),
    ("stack_static_fast", "stack", "the same at opt-level 3"),
    ("stack_static_cost", "stack", "the same in the program whose stack is painted, bytes"),
    ("stack_painted_bytes", "stack", "the deepest stack that was seen at opt-level 3, bytes"),
]

CALLS = [
    ("mixed_decision", "`poll` that dispatches"),
    ("mixed_drop", "`poll` that drops a frame"),
    ("mixed_wait", "`poll` that only waits"),
    ("window_end", "`poll` that ends a window of the tuner as well"),
    ("release", "`release`"),
    ("complete", "`complete`"),
    ("fault", "`fault`"),
    ("restore", "`restore`"),
]


def table(head, rows):
    rows = [row for row in rows if any(cell not in ("", "-") for cell in row[1:])]
    for row in [head, ["---"] + ["---:"] * (len(head) - 1)] + rows:
        print("| " + " | ".join(row) + " |")
    print()


def number(text):
    return f"{int(text):,}" if text and re.fullmatch(r"-?\d+", text) else text or "-"


def main():
    script = open(sys.argv[1], encoding="utf-8").read()
    limits = {key: int(value) for key, value in re.findall(r"^limit_(\w+)=(\d+)", script, re.M)}
    values, failures = {}, []
    for line in sys.stdin:
        key, _, value = line.strip().partition(" ")
        board, dot, key = key.partition(".")
        if key in ("FAIL", "MISS"):
            failures.append(f"{BOARDS.get(board, board)}: {value}")
        elif dot:
            values[board, key] = value
    boards = [board for board in BOARDS if (board, "verdict") in values]
    if not boards:
        sys.exit("device.py: no board's verdict in the input; give it the output of firmware/run.sh")
    heads = [BOARDS[board] for board in boards]

    def cells(key):
        return [number(values.get((board, key))) for board in boards]

    def judged(key, limit):
        for board in boards:
            value = values.get((board, key))
            if value is None:
                yield "-"
                continue
            is_judged = board == "m4f" or not key.startswith("code")
            over = is_judged and int(value) > limits[limit]
            yield f"**{number(value)}, above**" if over else number(value)

    table(
        ["limit / measured", "at most"] + heads,
        [[what, f"{limits[limit]:,}"] + list(judged(key, limit)) for key, limit, what in LIMITS],
    )

    print("Code with every other call as well (`readmit`, `bar`, `set_period`, `freeze_tuner`, and what tells of it in floating point), bytes:\n")
    whole = [("code_whole_small_bytes", "at opt-level s"), ("code_whole_fast_bytes", "at opt-level 3")]
    table(["all calls"] + heads, [[what] + cells(key) for key, what in whole])

    print("Instructions of a call (least / median / most) in 20 s of the firmware's demo in virtual time, of which two in five overloaded:\n")
    spread = lambda board, key: " / ".join(number(values.get((board, f"{key}_insns_{at}"))) for at in ("min", "median", "max"))
    table(["call"] + heads, [[what] + [spread(board, key) for board in boards] for key, what in CALLS])

    print(f"Instructions of the dearest decision, by ready jobs and idle accelerators ({' / '.join(heads)}):\n")
    at = lambda jobs, units: " / ".join(cells(f"scale_{jobs}x{units}_insns"))
    table(
        ["jobs"] + [f"{units} accelerator" + "s" * (units > 1) for units in (1, 2, 4, 8)],
        [[str(jobs)] + [at(jobs, units) for units in (1, 2, 4, 8)] for jobs in (2, 4, 8, 16)],
    )

    print("The same of 8 ready jobs and 4 idle accelerators, by policy and case:\n")
    policies = [("decision_8x4", "the published score"),
                ("switching_8x4", "the published score where every switch costs"),
                ("overdue_8x4", "the published score among overdue frames, none dropped"),
                ("overdue_switching_8x4", "the published score among overdue frames where every switch costs"),
                ("gated_decision_8x4", "`sdrm3-gated`"),
                ("gated_switching_8x4", "`sdrm3-gated` where every switch costs"),
                ("gated_haste_8x4", "`sdrm3-gated` where every frame hurries"),
                ("gated_dearest_8x4", "`sdrm3-gated`, the dearest over 192 comforts")]
    dearest = lambda board, key: values.get((board, f"{key}_insns_max"), "-")

    def beside(board, key):
        own, published = dearest(board, key), dearest(board, "decision_8x4")
        times = f", {int(own) / int(published):.2f} x" if key != "decision_8x4" and "-" not in (own, published) else ""
        return number(own) + times

    table(["case"] + heads, [[what] + [beside(board, key) for board in boards] for key, what in policies])

    print("Stack of each call at opt-level s, static bound, bytes:\n")
    prefix = "stack_static_of_"
    calls = sorted({key.removeprefix(prefix) for _, key in values if key.startswith(prefix)})
    named = {"runtime_poll": "the runtime's `poll` with the demo's logging, opt-level 3"}
    table(["call"] + heads, [[named.get(call, f"`{call}`")] + cells(prefix + call) for call in calls])

    print("RAM, bytes (32-bit targets):\n")
    shapes = sorted({key for _, key in values if re.fullmatch(r"ram_\w+_bytes", key)}, key=natural)
    table(["what"] + heads, [[ram(key)] + cells(key) for key in shapes])

    grows = [slope(values.get((boards[0], f"ram_{less}_bytes")), values.get((boards[0], f"ram_{more}_bytes")), by)
             for less, more, by in (("8x32x4", "16x32x4", 8), ("8x16x4", "8x32x4", 16), ("8x16x2", "8x16x4", 2))]
    if all(grows):
        print("Of a scheduler about {} bytes for each model, {} for each job, {} for each accelerator.\n".format(*grows))

    print("The same decisions on every target:\n")
    on_all = ["host"] + boards
    plain = lambda key: [values.get((board, key), "-") for board in on_all]
    table(
        ["", "host"] + heads,
        [
            ["decisions of one trace, replayed", *map(number, plain("parity_decisions"))],
            ["hash of its answers", *(f"`{value}`" if value != "-" else "-" for value in plain("parity_hash"))],
            ["decisions recorded on the board, replayed on the host", *map(number, plain("device_decisions"))],
            ["their verdict", *plain("device_verdict")],
        ],
    )

    per_poll, per_pair = values.get(("host", "ns_per_poll")), values.get(("host", "ns_per_pair"))
    if per_pair:
        print(
            f"On the host, the machine that made this page: {per_poll} ns for the decision of 8 x 4, "
            f"{per_pair} ns a pair; 2 are asked for.\n"
        )

    if failures:
        print("What the run says of itself:\n")
        print("\n".join(f"- {failure}" for failure in failures))
    else:
        print("On the boards all limits are met.")


def slope(less, more, by):
    return round((int(more) - int(less)) / by) if less and more else None


def natural(key):
    shape = re.fullmatch(r"ram_(\d+)x(\d+)x(\d+)_bytes", key)
    return (0, *map(int, shape.groups())) if shape else (1, key)


def ram(key):
    if match := re.fullmatch(r"ram_(\d+)x(\d+)x(\d+)_bytes", key):
        return "scheduler of {} models, {} jobs, {} accelerators".format(*match.groups())
    return {
        "ram_runtime_8x16x4_bytes": "runtime with a scheduler of 8, 16, 4; its queues elsewhere",
        "ram_spi_mailbox_2_bytes": "`SpiMailbox` of depth 2, without bus and pins",
        "ram_doorbell_8_bytes": "`DoorbellQueue` of depth 8, without its window and rings",
        "ram_cpu_bytes": "`CpuQueue`, without its kernel",
        "ram_handover_4_bytes": "`Handover` of 4 interrupts and its `Signal`",
        "ram_recorder_512_bytes": "`Recorder` with blocks of 512 bytes, without its output",
    }.get(key, key)


main()
