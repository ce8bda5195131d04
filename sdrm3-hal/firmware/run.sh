#!/usr/bin/env bash
# Builds the firmware, runs it under QEMU, measures it and compares with the limits below.
set -euo pipefail
cd "$(dirname "$0")"

# ---- limits -----------------------------------------------------------------------------------------
limit_decision_insns=1200 # a decision among 8 ready jobs x 4 idle accelerators, the dearest of those measured
limit_pair_insns=20       # each further pair of job and accelerator, by more jobs as by more accelerators
limit_code_small=16384    # bytes of code of the full scheduler at opt-level s, on m4f
limit_code_fast=24576     # the same at opt-level 3
limit_ram=1536            # bytes of a scheduler of 8 models, 16 jobs, 4 accelerators
limit_stack=768           # bytes of stack of the deepest call once the scheduler is set up
least_decisions=100000    # that the host and every board must make alike
known_misses="pair_insns_by_job ram_bytes" # the numbers that are above their limits: --report-limits excuses these alone

usage() {
    cat <<EOF
usage: run.sh [--help] [--report-limits] [BOARD]...

Boards: m4f    Cortex-M4F  (mps2-an386, thumbv7em-none-eabihf)
        m3     Cortex-M3   (mps2-an385, thumbv7m-none-eabi)
        riscv  RV32IMAC    (virt, riscv32imac-unknown-none-elf)
All of them without any. --report-limits reports the numbers that are known to be above their limits
($known_misses) as a MISS each and goes on; everything else has to hold.
TOOLCHAIN=debian takes Debian's compiler although rustup has the target.
Prints 'BOARD.key value' lines; README.md says what each means.
Exit status: 0 all passed, 1 something failed or a limit is exceeded (unless reported), 2 a tool is missing or the usage is wrong.
EOF
}

boards=() report_limits=no
for argument in "$@"; do
    case $argument in
    --help | -h) usage && exit 0 ;;
    --report-limits) report_limits=yes ;;
    m4f | m3 | riscv) boards+=("$argument") ;;
    *) echo "run.sh: there is no board $argument: m4f, m3 and riscv are the boards" >&2 && exit 2 ;;
    esac
done
[ ${#boards[@]} -gt 0 ] || boards=(m4f m3 riscv)

# ---- tools ------------------------------------------------------------------------------------------
missing=0
need() { # tool, what installs it
    if ! command -v "$1" >/dev/null; then
        echo "run.sh: $1 is missing; install it with: $2" >&2
        missing=1
    fi
}

# Sets what is known of a board: target, prefix of the binary tools, the emulator's command.
board() {
    local icount=(-nographic -semihosting-config enable=on,target=native)
    case $1 in
    m4f) target=thumbv7em-none-eabihf tools=arm-none-eabi- spare=0x21000000
        emulator=(qemu-system-arm -machine mps2-an386 "${icount[@]}") ;;
    m3) target=thumbv7m-none-eabi tools=arm-none-eabi- spare=0x21000000
        emulator=(qemu-system-arm -machine mps2-an385 "${icount[@]}") ;;
    riscv) target=riscv32imac-unknown-none-elf tools=riscv64-unknown-elf- spare=0x83000000
        emulator=(qemu-system-riscv32 -machine virt -m 64M -bios none "${icount[@]}") ;;
    esac
}

# Whether rustup has the target, and if not, whether Debian's compiler with its library's source is there.
toolchain() {
    if [ "${TOOLCHAIN:-}" != debian ] && compgen -G "$(rustc --print sysroot)/lib/rustlib/$target/lib/libcore-*.rlib" >/dev/null; then
        toolchain=rustup
    elif [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && [ -d /usr/lib/rustlib/src/rust/library/core ]; then
        toolchain=debian
        need "${tools}ld" "apt-get install binutils-${tools%-}"
    else
        echo "run.sh: there is no compiler for $target; install it with: rustup target add $target" >&2
        echo "run.sh: or, on Debian, with: apt-get install cargo-web rustc-web rust-web-src" >&2
        missing=1
    fi
}

need cargo "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
need rustc "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
need python3 "apt-get install python3"
[ $missing -eq 0 ] || exit 2
for name in "${boards[@]}"; do
    board "$name"
    case $tools in
    arm*) need qemu-system-arm "apt-get install qemu-system-arm" ;;
    *) need qemu-system-riscv32 "apt-get install qemu-system-misc" ;;
    esac
    for tool in objdump objcopy size nm; do need "$tools$tool" "apt-get install binutils-${tools%-}"; done
    toolchain
done
[ $missing -eq 0 ] || exit 2

# ---- helpers ----------------------------------------------------------------------------------------
failures=0 misses=0
declare -A values
put() { # key value
    values[$1]=$2
    echo "$name.$1 $2"
}
fail() {
    echo "$name.FAIL $*"
    failures=$((failures + 1))
}
at_most() { # key limit
    local value=${values[$1]:-0}
    # Nothing takes nothing: a tool that fails within an expression leaves a zero.
    if [ "$value" -le 0 ]; then
        fail "$1 was not measured"
    elif [ "$value" -gt "$2" ]; then
        if [ $report_limits = no ] || [[ " $known_misses " != *" $1 "* ]]; then
            fail "$1 is $value, the limit is $2" && return
        fi
        echo "$name.MISS $1 is $value, the limit is $2"
    fi
}

logs=target/logs
mkdir -p $logs
export CARGO_TARGET_DIR=$PWD/target DEFMT_LOG=debug

# Builds for the board. The frame sizes are kept by a flag that only the Debian recipe may use.
build() { # arguments of cargo build
    if [ $toolchain = rustup ]; then
        cargo build --quiet --target "$target" "$@"
    else
        PATH=/usr/bin:/bin RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zemit-stack-sizes \
            cargo build --quiet -Zbuild-std=core --target "$target" \
            --config "target.$target.linker='${tools}ld'" "$@"
    fi
}

# The size profile takes Rust's core library as rustup ships it, at opt-level 3.
small=(--profile small)
core_as_shipped=(--config profile.small.package.core.opt-level=3
    --config profile.small.package.compiler_builtins.opt-level=3)

try() { # log, command: shows the log only if the command fails
    local log=$logs/$name.$1.log
    shift
    if ! "$@" >"$log" 2>&1; then
        cat "$log"
        return 1
    fi
}

run() { # program, shift of the instruction counter, output
    local status=0
    timeout 120 "${emulator[@]}" -icount "shift=$2,sleep=off" -kernel "$elves/release/$1" \
        >"$3" </dev/null || status=$?
    [ $status -eq 0 ] || fail "$1 ended with status $status"
}

# Runs a program twice and decodes its log; both runs must say the same, byte for byte.
twice() { # program shift
    local out=$logs/$name.$1
    run "$1" "$2" "$out.bin"
    run "$1" "$2" "$out.again.bin"
    cmp --quiet "$out.bin" "$out.again.bin" || fail "two runs of $1 differ"
    ./target/debug/decode "$elves/release/$1" <"$out.bin" >"$out.txt" || fail "$1 cannot be decoded"
}

section() { # profile program section: its bytes
    "${tools}size" -A "$elves/$1/$2" | awk -v section="$3" '$1 == section { bytes = $2 } END { print bytes + 0 }'
}

# ---- the stages of a board --------------------------------------------------------------------------
# No panic is reachable: else no program links. And a planted one is found, in the same way.
panics() {
    local profile=$1
    shift
    if try "planted.$profile" build --bin size --features planted-panic "$@" >/dev/null; then
        fail "a planted panic was not found in profile $profile"
    elif ! grep -q 'undefined.*SDRM3_A_PANIC_PATH_IS_REACHABLE' "$logs/$name.planted.$profile.log"; then
        cat "$logs/$name.planted.$profile.log"
        fail "the link with a planted panic failed for another reason"
    else
        put "planted_panic_found_$profile" yes
    fi
    local programs=(size whole proof) symbols=$logs/$name.symbols.txt
    [ "$profile" = small ] || programs+=(headset cost replay record)
    for program in "${programs[@]}"; do
        local elf=$elves/$profile/$program
        if ! "${tools}nm" -C "$elf" >"$symbols" || ! grep -q ' main$' "$symbols"; then
            fail "$elf has no symbols to look through"
        elif grep -i panic "$symbols"; then
            fail "$elf has a panic symbol"
        fi
    done
}

code() { # profile program key
    put "$3" $(($(section "$1" "$2" .text) - $(section "$1" empty .text)))
    put "${3/code/constants}" $(($(section "$1" "$2" .rodata) - $(section "$1" empty .rodata)))
}

# The static bound of each call in a program; the key's is the deepest once the scheduler is set up.
deepest() { # profile program key
    local bounds=$logs/$name.$3.txt
    python3 stack.py "$tools" "$elves/$1/$2" '^(sdrm3_firmware|whole)::ops::' >"$bounds" ||
        { fail "no static bound of the stack of $2, profile $1" && return; }
    put "$3" "$(awk '$1 != "new" && $2 > most { most = $2 } END { print most + 0 }' "$bounds")"
}

stack() {
    local bounds=$logs/$name.stack.txt
    if [ "$toolchain" = rustup ]; then
        echo "$name.stack_static not-measured: it needs frame sizes, which Debian's compiler notes down: TOOLCHAIN=debian ./run.sh"
        return
    fi
    deepest small whole stack_static_small
    deepest release whole stack_static_fast
    deepest release cost stack_static_cost
    while read -r call bytes; do put "stack_static_of_$call" "$bytes"; done <"$logs/$name.stack_static_small.txt"
    python3 stack.py "$tools" "$elves/release/headset" '^headset::poll$' >"$bounds" ||
        { fail "no static bound of the stack of the runtime's poll" && return; }
    put stack_static_of_runtime_poll "$(cut -d' ' -f2 "$bounds")"
    at_most stack_painted_bytes "${values[stack_static_cost]:-0}"
    at_most stack_static_small $limit_stack
    at_most stack_static_fast $limit_stack
    at_most stack_static_cost $limit_stack
}

# ---- decision parity --------------------------------------------------------------------------------
# The simulator: the one that is named, or built here.
sim() {
    if [ -n "${SDRM3_SIM:-}" ]; then
        "$SDRM3_SIM" "$@"
    else
        env -u CARGO_TARGET_DIR cargo run --quiet --release --manifest-path ../../Cargo.toml \
            --package sdrm3-host-sim -- "$@"
    fi
}

# One run of the simulator, recorded and replayed: what the boards have to repeat. Its tables are those
# that the programs have from src/vr_gaming.rs.
parity_host() {
    local out=$logs/host.replay.txt
    rm -f $logs/parity.trace
    if ! { sim run --scenario vr_gaming --platform 4k-1ws-2os --policy sdrm3 --duration-ms 10000 \
        --record $logs/parity.trace >/dev/null && sim replay $logs/parity.trace >"$out"; }; then
        fail "the run on the host was not recorded, or not repeated"
        return
    fi
    host_decisions=$(awk '$1 == "decisions" { print $2 }' "$out") host_hash=$(awk '$1 == "hash" { print $2 }' "$out")
    put parity_decisions "$host_decisions"
    put parity_hash "$host_hash"
    put parity_trace_bytes "$(awk '$1 == "bytes" { print $2 }' "$out")"
    [ "$host_decisions" -ge $least_decisions ] ||
        fail "$host_decisions decisions were recorded, $least_decisions are wanted"
}

# The board repeats the host's run; and the host what the board decided by itself, by its own clock.
parity_board() {
    local out=$logs/$name.replay status=0 device=$logs/$name.device.trace
    timeout 300 "${emulator[@]}" -device "loader,file=$logs/parity.trace,addr=$spare,force-raw=on" \
        -kernel "$elves/release/replay" >"$out.bin" </dev/null || status=$?
    ./target/debug/decode "$elves/release/replay" <"$out.bin" >"$out.txt" || fail "replay cannot be decoded"
    [ $status -eq 0 ] || { cat "$out.txt" && fail "replay ended with status $status"; }
    put parity_decisions "$(awk '$1 == "replay_decisions" { print $2 }' "$out.txt")"
    put parity_hash "$(awk '$1 == "replay_hash" { print $2 }' "$out.txt")"
    if [ "${values[parity_decisions]} ${values[parity_hash]}" != "$host_decisions $host_hash" ]; then
        fail "the board decides otherwise than the host"
    fi

    status=0
    # The board writes it where the emulator runs.
    mkdir -p "$logs/$name"
    rm -f "$logs/$name/device.trace" "$device"
    : >"$logs/$name.device.txt"
    (cd "$logs/$name" && timeout 300 "${emulator[@]}" -icount shift=5,sleep=off -kernel "$elves/release/record") \
        >"$logs/$name.record.bin" </dev/null || status=$?
    [ $status -eq 0 ] || fail "record ended with status $status"
    if ! { mv "$logs/$name/device.trace" "$device" && sim replay "$device" >"$logs/$name.device.txt"; }; then
        cat "$logs/$name.device.txt"
        fail "the board left no trace, or the host decides otherwise than the board"
    fi
    put device_decisions "$(awk '$1 == "decisions" { print $2 }' "$logs/$name.device.txt")"
    put device_hash "$(awk '$1 == "hash" { print $2 }' "$logs/$name.device.txt")"
    put device_verdict "$(awk '$1 == "verdict" { print $2 }' "$logs/$name.device.txt")"
}

measure() {
    board "$name"
    toolchain
    # Cargo locks a target folder: boards side by side have one each.
    export CARGO_TARGET_DIR=$PWD/target/$name
    elves=$CARGO_TARGET_DIR/$target
    put toolchain $toolchain
    local size=("${small[@]}" "${core_as_shipped[@]}") proof=(--bin proof --features proof)
    if ! try build build --release --bins || ! try build.proof build --release "${proof[@]}" ||
        ! try build.small build "${size[@]}" --bin empty --bin size --bin whole ||
        ! try build.small.proof build "${size[@]}" "${proof[@]}"; then
        fail "the programs do not build: when SDRM3_A_PANIC_PATH_IS_REACHABLE is undefined, one of them can panic"
        return
    fi
    put panic_free yes
    panics release --release
    panics small "${size[@]}"

    twice headset 5
    while read -r key rest; do put "$key" "$rest"; done < <(grep '^headset' "$logs/$name.headset.txt")
    put headset_events "$(grep -cE '^[0-9.]+ ' "$logs/$name.headset.txt")"
    [ "${values[headset_conserved]:-}" = true ] || fail "frames of the headset are not conserved"

    twice cost 10
    while read -r key value; do put "$key" "$value"; done <"$logs/$name.cost.txt"
    local from=${values[scale_8x4_insns]:-} jobs=${values[scale_16x4_insns]:-} accelerators=${values[scale_8x8_insns]:-}
    if [ -n "$from" ] && [ -n "$jobs" ] && [ -n "$accelerators" ]; then
        put pair_insns_by_job $(((jobs - from + 31) / 32))
        put pair_insns_by_accelerator $(((accelerators - from + 31) / 32))
    fi
    at_most decision_8x4_insns_max $limit_decision_insns
    at_most pair_insns_by_job $limit_pair_insns
    at_most pair_insns_by_accelerator $limit_pair_insns

    code small size code_small_bytes
    code release size code_fast_bytes
    code small whole code_whole_small_bytes
    code release whole code_whole_fast_bytes
    if [ "$name" = m4f ]; then
        at_most code_small_bytes $limit_code_small
        at_most code_fast_bytes $limit_code_fast
    fi
    at_most ram_bytes $limit_ram
    at_most stack_painted_bytes $limit_stack
    stack
    parity_board
    if [ $failures -eq 0 ]; then put verdict pass; else put verdict "fail ($failures)"; fi
}

# Processors without a compare-and-swap: the library is checked for them, no board is run.
others() {
    local command=(cargo check --quiet --manifest-path ../Cargo.toml --no-default-features --features async,conformance)
    for target in thumbv6m-none-eabi riscv32imc-unknown-none-elf; do
        if compgen -G "$(rustc --print sysroot)/lib/rustlib/$target/lib/libcore-*.rlib" >/dev/null; then
            try "check.$target" "${command[@]}" --target "$target"
        elif [ -d /usr/lib/rustlib/src/rust/library/core ]; then
            PATH=/usr/bin:/bin RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 try "check.$target" "${command[@]}" -Zbuild-std=core --target "$target"
        else
            echo "$name.check_$target not-done: install it with: rustup target add $target"
            continue
        fi && put "check_$target" yes || fail "sdrm3-hal does not build for $target"
    done
}

started=$SECONDS
name=host
try decode cargo build --quiet --package decode || exit 1
host_decisions=none host_hash=none
parity_host
others

# Side by side, for a link takes one core; each tells on an own page, and they are read in order.
echo "run.sh: ${boards[*]}, side by side; what is known so far is in $PWD/$logs/*.out" >&2
declare -A running
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
for name in "${boards[@]}"; do
    (failures=0; measure; exit "$failures") >"$logs/$name.out" 2>&1 &
    running[$name]=$!
done
for name in "${boards[@]}"; do
    wait "${running[$name]}" || failures=$((failures + $?))
    cat "$logs/$name.out"
    misses=$((misses + $(grep -c "^$name.MISS" "$logs/$name.out" || true)))
done
echo "run.sh: took $((SECONDS - started)) s" >&2
if [ $failures -gt 0 ]; then
    echo "verdict fail ($failures)"
    exit 1
fi
if [ $misses -gt 0 ]; then echo "verdict pass, but for $misses limits missed"; else echo "verdict pass"; fi
