#!/usr/bin/env bash
# Makes every table and picture of the book anew: docs/regenerate.sh, from anywhere, about two minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release -q
sim=${CARGO_TARGET_DIR:-target}/release/sdrm3-sim
results=docs/src/results
img=docs/src/img
mkdir -p $results $img
rm -rf $img/landscape.svg $img/load_ramp.svg $img/comparison.svg $results/full

throttled=()
for file in sdrm3-host-sim/examples/throttled/*.toml; do throttled+=(--scenario "$file"); done

$sim >$results/compare.txt
$sim compare --platform all >$results/policies.txt
$sim compare --platform all --bound --out $results/full >/dev/null
mv $results/full/compare.svg $img/comparison.svg
mv $results/full/compare.md $results/comparison.md
rm -r $results/full
$sim compare --ablation --platform all >$results/ablation_2s.txt
$sim compare --ablation --platform all --duration-ms 10000 >$results/ablation_10s.txt
$sim compare --ablation --platform all --duration-ms 10000 "${throttled[@]}" >$results/throttled.txt
$sim compare --duration-ms 10000 --policy sdrm3-gated --policy sdrm3 --policy planaria --policy veltair --policy lst --policy fcfs \
    "${throttled[@]}" >$results/gated_throttled.txt
$sim tune --study >$results/tuner.txt
$sim tune --scenario vr_gaming --duration-ms 20000 --picture $img/landscape.svg >$results/landscape.txt
ramp=(run --scenario sdrm3-host-sim/examples/load_ramp.toml --duration-ms 16000)
$sim "${ramp[@]}" --without tuner --timeline $img/load_ramp.svg >$results/load_ramp.txt
$sim "${ramp[@]}" --without tuner,supernet >$results/load_ramp_heaviest.txt
