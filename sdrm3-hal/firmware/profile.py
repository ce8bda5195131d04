#!/usr/bin/env python3
"""Where the instructions of a decision of sdrm3-gated go, by function of its source, inlined ones too.

usage: profile.py [--lines] [BOARD]

BOARD is m4f (which it is without one), m3 or riscv; run.sh has built its programs. The program `cost` runs under QEMU
once more, one instruction at a time; what is counted are its defined decisions, eight ready jobs on four idle
accelerators. Prints instructions for each decision: as a rule, and where every frame hurries. --lines: by source
line instead of by function.
"""

import collections
import re
import subprocess
import sys
from pathlib import Path

ICOUNT = ["-nographic", "-semihosting-config", "enable=on,target=native", "-icount", "shift=10,sleep=off"]
# Board: target, prefix of the binary tools, emulator.
BOARDS = {
    "m4f": ("thumbv7em-none-eabihf", "arm-none-eabi-", ["qemu-system-arm", "-machine", "mps2-an386"]),
    "m3": ("thumbv7m-none-eabi", "arm-none-eabi-", ["qemu-system-arm", "-machine", "mps2-an385"]),
    "riscv": ("riscv32imac-unknown-none-elf", "riscv64-unknown-elf-",
              ["qemu-system-riscv32", "-machine", "virt", "-m", "64M", "-bios", "none"]),
}
# In the program: the decision; and what each series of decisions begins with.
DECISION = re.compile(r"decisions_by::poll::<sdrm3_core::gated::Gated<8, 4>")
SERIES = re.compile(r"^<sdrm3_core::gated::Gated<8, 4>>::new$")
SOURCE = "gated.rs"


def functions(tools, elf):
    """Name, first address and end of each function of the policy's instances."""
    listed = subprocess.run([tools + "nm", "-C", "-S", elf], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        found = re.match(r"([0-9a-f]+) ([0-9a-f]+) [tT] (.*)", line)
        if found and "Gated<8, 4>" in found[3]:
            first = int(found[1], 16) & ~1
            yield found[3], first, first + int(found[2], 16)


def executed(board, elf, ranges):
    """Addresses in the ranges, in the order in which they are executed."""
    within = ",".join(f"{first:#x}+{end - first:#x}" for _, first, end in ranges)
    command = BOARDS[board][2] + ICOUNT + [
        "-singlestep", "-d", "exec,nochain", "-dfilter", within, "-D", "/dev/stderr", "-kernel", elf]
    run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in run.stderr:
        found = re.match(r"Trace \d+: 0x\S+ \[[0-9a-f]+/([0-9a-f]+)/", line)
        if found:
            yield int(found[1], 16)
    if run.wait() != 0:
        sys.exit(f"profile.py: `cost` ended with status {run.returncode}")


def plain(name):
    """A function's name without types; its closures are its own."""
    name = re.sub(r"::\{+closure[^}]*\}+|->", "", name)
    while (without := re.sub(r"<[^<>]*>", "", name)) != name:
        name = without
    return [part for part in name.split("::") if part][-1]


def places(tools, elf, addresses, lines):
    """For each address the innermost function, or line, of the policy's source; else the scheduler."""
    asked = "".join(f"{address:#x}\n" for address in addresses)
    said = subprocess.run([tools + "addr2line", "-a", "-f", "-i", "-C", "-e", elf],
                          input=asked, capture_output=True, text=True, check=True).stdout
    own = set(re.findall(r"\bfn (\w+)", (Path(__file__).parents[2] / "sdrm3-core" / "src" / SOURCE).read_text()))
    found, address, rows = {}, None, iter(said.splitlines())
    for row in rows:
        if re.fullmatch(r"0x[0-9a-f]+", row):
            address = int(row, 16)
            continue
        where = next(rows)
        if address not in found and f"/{SOURCE}:" in where and plain(row) in own:
            line = where.split(":")[-1].split(" ")[0]
            found[address] = f"{SOURCE}:{line}" if lines else plain(row)
    return lambda address: found.get(address, "the scheduler")


def main():
    arguments = sys.argv[1:]
    lines = "--lines" in arguments
    boards = [argument for argument in arguments if argument != "--lines"] or ["m4f"]
    if len(boards) > 1 or boards[0] not in BOARDS:
        sys.exit(__doc__.strip())
    target, tools, _ = BOARDS[boards[0]]
    elf = str(Path(__file__).parent / "target" / boards[0] / target / "release" / "cost")
    if not Path(elf).exists():
        sys.exit(f"profile.py: there is no {elf}; build it with: ./run.sh {boards[0]}")
    ranges = list(functions(tools, elf))
    decision = [span for span in ranges if DECISION.search(span[0])]
    series = [first for name, first, _ in ranges if SERIES.search(name)]
    if len(decision) != 1 or len(series) != 1:
        sys.exit(f"profile.py: the decision or `Gated::new` is not a function of its own in {elf}")
    # What else the scheduler calls between decisions, as `complete`, is not theirs.
    inside = [(first, end) for name, first, end in ranges
              if name == decision[0][0] or re.search(r"^<sdrm3_core::gated::Gated<8, 4>>::(?!new$)", name)
              or re.search(r"(look_closer|best_by_score|is_first|next_wake|switch_cost|fastest_of_many)$", name)]
    counted, polls = [], []
    for address in executed(boards[0], elf, ranges):
        if address == series[0]:
            counted.append(collections.Counter())
            polls.append(0)
        elif counted and any(first <= address < end for first, end in inside):
            counted[-1][address] += 1
            polls[-1] += address == decision[0][1]
    named = places(tools, elf, sorted(set().union(*counted)), lines)
    shown = [("as a rule", 0), ("every frame hurries", -1)]
    sums = [collections.Counter() for _ in shown]
    for total, (_, index) in zip(sums, shown):
        for address, count in counted[index].items():
            total[named(address)] += count / polls[index]
    width = max(len(name) for total in sums for name in total)
    print(f"{'':{width}}" + "".join(f"{what:>22}" for what, _ in shown))
    for name in sorted(sums[0] | sums[1], key=lambda name: -sums[1][name] - sums[0][name]):
        print(f"{name:{width}}" + "".join(f"{total[name]:22.0f}" for total in sums))
    print(f"{'all':{width}}" + "".join(f"{total.total():22.0f}" for total in sums))


main()
