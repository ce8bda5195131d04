#!/usr/bin/env python3
"""The most stack that functions of a program can need, from their frames and the graph of calls.

usage: stack.py TOOLS ELF PATTERN...

TOOLS is the prefix of objdump and objcopy (arm-none-eabi-). Prints `name bytes` for every function whose
demangled name matches a pattern. The frames are those that the compiler noted down (-Zemit-stack-sizes);
functions in assembly have none, so theirs are read off their first instructions. Recursion and calls through
pointers are errors: there would be no bound.
"""

import re
import subprocess
import sys
import tempfile


def frames_noted_down(tools, elf):
    """Frame sizes by address: the section holds an address (4 bytes) and a ULEB128 for each function."""
    with tempfile.NamedTemporaryFile() as section:
        dump = [tools + "objcopy", "--dump-section", ".stack_sizes=" + section.name, elf, "/dev/null"]
        if subprocess.run(dump, capture_output=True).returncode != 0:
            sys.exit(f"{elf} has no frame sizes: build it with -Zemit-stack-sizes")
        data = section.read()
    frames, at = {}, 0
    while at < len(data):
        address = int.from_bytes(data[at : at + 4], "little") & ~1  # bit 0 marks Thumb code
        at, size, shift = at + 4, 0, 0
        while True:
            byte = data[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        frames[address] = size
    return frames


def pushed(instruction):
    """By how much one instruction of either architecture lowers the stack pointer."""
    if m := re.match(r"(?:v?push|stmdb\s+sp!,)\S*\s*\{(.*)\}", instruction):
        count = 0
        for part in m[1].split(","):
            first, _, last = part.strip().partition("-")
            number = lambda register: int(re.sub(r"\D", "", register))
            count += number(last) - number(first) + 1 if last else 1
        return count * (8 if instruction.startswith("vpush") else 4)
    if m := re.match(r"sub(?:w|\.w)?\s+sp,\s*(?:sp,\s*)?#(\d+)", instruction):
        return int(m[1])
    if m := re.match(r"(?:c\.)?addi(?:16sp)?\s+sp,\s*(?:sp,\s*)?-(\d+)", instruction):
        return int(m[1])
    return 0


# Branches and calls with a target that is known; RISC-V's in two instructions have it in a comment.
CALL = re.compile(r"(?:bl?|c?b[a-z.]+|jal|j|[jb][a-z]+z)\s(?:.*,)?\s*([0-9a-f]+) <|(?:jalr|jr) .*# ([0-9a-f]+) <")
INDIRECT = re.compile(r"blx r|bx (?!lr)|jalr |jr (?!ra)")
# What scales the index into a table of jumps; Arm has instructions of its own for those (tbb, tbh).
SCALES = re.compile(r"(?:sll|slli) .*,(?:0x)?2$")


def functions(tools, elf):
    """Name, callees, calls through pointers and pushed bytes of each function, by address."""
    text = subprocess.run([tools + "objdump", "-dC", elf], capture_output=True, text=True, check=True).stdout
    found, here, recent = {}, None, []
    for line in text.splitlines():
        if m := re.match(r"([0-9a-f]+) <(.*)>:$", line):
            here, recent = {"name": m[2], "callees": set(), "indirect": [], "pushed": 0}, []
            found[int(m[1], 16)] = here
        elif here is not None and (m := re.match(r"\s*[0-9a-f]+:\t[0-9a-f ]+\t(.*)$", line)):
            instruction = m[1].replace("\t", " ")
            here["pushed"] += pushed(instruction)
            recent = (recent + [instruction])[-8:]
            if m := CALL.match(instruction):
                here["callees"].add(int(m[1] or m[2], 16))
            elif INDIRECT.match(instruction):
                if not (instruction.startswith("jr ") and any(map(SCALES.match, recent))):
                    here["indirect"].append(instruction)
    return found


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    tools, elf, patterns = sys.argv[1], sys.argv[2], sys.argv[3:]
    frames, program = frames_noted_down(tools, elf), functions(tools, elf)
    known = {}

    def depth(address, above):
        function = program[address]
        if address in above:
            sys.exit(f"{function['name']} calls itself: there is no bound")
        if function["indirect"]:
            sys.exit(f"{function['name']} calls through a pointer ({function['indirect'][0]}): there is no bound")
        if address not in known:
            own = frames.get(address, function["pushed"])
            # A jump within a function is no call.
            callees = [callee for callee in function["callees"] if callee in program and callee != address]
            known[address] = own + max((depth(callee, above | {address}) for callee in callees), default=0)
        return known[address]

    matched = {}
    for address, function in program.items():
        if any(re.search(pattern, function["name"]) for pattern in patterns):
            matched[function["name"]] = depth(address, frozenset())
    if not matched:
        sys.exit(f"no function of {elf} matches {' '.join(patterns)}")
    for name, bytes in sorted(matched.items()):
        print(name.rsplit("::", 1)[-1], bytes)


main()
