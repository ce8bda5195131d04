#!/usr/bin/env bash
# Writes include/sdrm3.h anew: measures what a scheduler takes on 32-bit and 64-bit targets, writes it into
# src/sizes.rs, and has cbindgen make the header. Run it after every change of the calls, the structs or
# the scheduler's layout.
set -euo pipefail
cd "$(dirname "$0")"
. ./library.sh
need arm-none-eabi-nm binutils-arm-none-eabi
root=$(cd ../.. && pwd)
scratch=$root/target/c-api

write() { # BITS NM LIBRARY
    "$2" -S --defined-only "$3" 2>/dev/null | awk '$4 ~ /^SDRM3_(SMALL|LARGE)_BYTES/ { print $4, $2 }' | sort -u |
        while read -r name hex; do
            sed -i -E "s|^(pub const $name: usize = )[0-9]+(; // $1)\$|\1$((16#$hex))\2|" src/sizes.rs
        done
}

cargo rustc --quiet -p sdrm3-c --release --target-dir "$scratch/measure" --crate-type staticlib --features measure
write 64 nm "$scratch/measure/release/libsdrm3.a"
build_for_target "$scratch/measure" --features measure
write 32 arm-none-eabi-nm "$library"
grep 'pub const SDRM3_.*BYTES' src/sizes.rs
SDRM3_BLESS=1 cargo test --quiet -p sdrm3-c --test header
