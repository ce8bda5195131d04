#!/usr/bin/env bash
# Shows that the fuzz targets find what is planted: each bug of sdrm3_check::Planted, by each target that it
# is planted for, from no corpus at all. Fails if one is not found within 60 s.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ulimit -c 0
failed=0
while read -r target planted; do
    mkdir -p "$scratch/$target-$planted"
    log=$scratch/$target-$planted.log
    if SDRM3_PLANTED=$planted RUST_BACKTRACE=0 cargo fuzz run -s none "$@" "$target" "$scratch/$target-$planted" -- \
        -seed=1 -max_len=1500 -len_control=0 -max_total_time=60 -artifact_prefix="$scratch/" >"$log" 2>&1; then
        echo "MISSED: $target does not find $planted"
        failed=1
    elif grep -q 'SUMMARY: libFuzzer: deadly signal' "$log"; then
        runs=$(grep -oE '^#[0-9]+' "$log" | tail -n 1)
        # The second line of a panic is what it says.
        says=$(grep -A1 -m1 "panicked at" "$log" | tail -n 1 | cut -c1-110)
        echo "$target finds $planted, after ${runs:-#0} or more runs: $says"
    else
        tail -n 20 "$log"
        exit 1
    fi
done <<'PAIRS'
dispatch lost-ticket
dispatch answered-twice
dispatch wrong-pair
differential taken
runtime lost-ticket
runtime answered-twice
runtime no-wake
PAIRS
exit $failed
