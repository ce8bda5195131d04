#!/usr/bin/env bash
# The C library end to end: the header in C and C++, the headset on this machine with sanitizers and on a
# Cortex-M4F under QEMU, at both optimisation levels; all must print what examples/headset.txt holds, which
# tests/headset.rs holds against the scheduler in Rust. Prints `key value` lines. Installs nothing.
set -euo pipefail
cd "$(dirname "$0")"
. ./library.sh
need gcc gcc
need g++ g++
need arm-none-eabi-gcc "gcc-arm-none-eabi libnewlib-arm-none-eabi"
need arm-none-eabi-nm binutils-arm-none-eabi
need qemu-system-arm qemu-system-arm
root=$(cd ../.. && pwd)
scratch=$root/target/c-api
mkdir -p "$scratch"
strict="-Wall -Wextra -Wpedantic -Werror -Iinclude"

for language in "gcc -std=c99 -x c" "gcc -std=c11 -x c" "g++ -std=c++14 -x c++" "arm-none-eabi-gcc -std=c99 -x c"; do
    echo '#include "sdrm3.h"' | $language $strict -Wconversion -fsyntax-only -
done
echo "header pass"

same() { # WHAT OUTPUT
    if ! diff -u examples/headset.txt "$2"; then
        echo "$1 fail: its output differs from examples/headset.txt" >&2
        exit 1
    fi
    echo "$1 pass"
}

cargo rustc --quiet -p sdrm3-c --release --target-dir "$scratch" --crate-type staticlib
gcc -std=c99 $strict -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
    examples/headset.c examples/host.c "$scratch/release/libsdrm3.a" -o "$scratch/host"
"$scratch/host" >"$scratch/host.txt"
if [ "${1:-}" = --bless ]; then cp "$scratch/host.txt" examples/headset.txt; fi
same host "$scratch/host.txt"

for level in s 3; do
    CARGO_PROFILE_RELEASE_OPT_LEVEL=$level build_for_target "$scratch/opt-$level"
    firmware=$scratch/cortex-m-$level.elf
    wrap=$(printf -- '-Wl,--wrap=sdrm3_%s ' init_small release poll complete)
    # The panic handler calls what nobody defines: a firmware with a reachable panic does not link.
    arm-none-eabi-gcc -std=gnu99 $strict -Iexamples -Os -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 \
        -ffunction-sections -fdata-sections -Wl,--gc-sections --specs=nano.specs --specs=rdimon.specs \
        -T examples/cortex-m/an386.ld -Wl,--no-warn-execstack -Wl,-Map="$firmware.map" $wrap \
        examples/cortex-m/startup.c examples/cortex-m/main.c examples/headset.c "$library" \
        -o "$firmware"
    # And none in the whole library, both sizes of scheduler.
    arm-none-eabi-nm "$library" >"$scratch/symbols.txt" 2>/dev/null
    grep -q ' T sdrm3_poll$' "$scratch/symbols.txt"
    if grep -i panic "$scratch/symbols.txt"; then
        echo "cortex-m-$level fail: a panic is reachable" >&2
        exit 1
    fi
    # A fault loops for ever.
    if ! timeout 120 qemu-system-arm -cpu cortex-m4 -machine mps2-an386 -nographic -icount shift=10,sleep=off \
        -semihosting-config enable=on,target=native -kernel "$firmware" </dev/null >"$scratch/cortex-m.txt"; then
        echo "cortex-m-opt-$level fail: it did not end, or not well" >&2
        exit 1
    fi
    grep -v '^firmware ' "$scratch/cortex-m.txt" >"$scratch/cortex-m-only.txt" || true
    same "cortex-m-opt-$level" "$scratch/cortex-m-only.txt"
    sed -n "s/^firmware /cortex-m-opt-$level-/p" "$scratch/cortex-m.txt"
    arm-none-eabi-size "$firmware" | awk -v level="$level" 'NR == 2 { print "cortex-m-opt-" level "-firmware_text", $1 }'
    # What of it comes from the library, by the linker's map: code and constants.
    library_text=0
    for bytes in $(awk '
        /^Linker script and memory map/ { map = 1 }
        /^\.ARM\.exidx|^\.data/ { map = 0 }
        map && /libsdrm3\.a/ { for (i = 1; i < NF; i++) if ($i ~ /^0x/ && $(i + 1) ~ /^0x/) print $(i + 1) }' \
        "$firmware.map"); do
        library_text=$((library_text + bytes))
    done
    echo "cortex-m-opt-$level-library_text $library_text"
    arm-none-eabi-nm -S -t d "$firmware" | awk -v level="$level" '
        $4 == "storage" { print "cortex-m-opt-" level "-storage_bytes", $2 + 0 }'
done
