#!/usr/bin/env bash
# Makes the tables and pictures of the book anew, from anywhere:
#   docs/regenerate.sh                 those of the simulator, about ten minutes
#   docs/regenerate.sh device [FILE]   those of the device, from sdrm3-hal/firmware/run.sh (a quarter of an hour);
#                                      or its tables alone, from that script's output, saved to FILE
set -euo pipefail
from=${2:+$(realpath "$2")}
cd "$(dirname "$0")/.."

# Limits that are not met are in the tables as such: run.sh may fail, its numbers count. Nothing is left of an earlier run.
device() {
    local run=sdrm3-hal/firmware/run.sh replayed=sdrm3-hal/firmware/target/logs/m4f.device.txt lines=${1:-}
    if [ -z "$lines" ]; then
        lines=$(mktemp)
        rm -f $replayed
        TOOLCHAIN=${TOOLCHAIN:-debian} $run >"$lines" || echo "regenerate.sh: run.sh fails; the tables say where" >&2
    fi
    { cat "$lines" && cargo run --release -q -p sdrm3-core --example decision_cost | sed 's/^host_/host./'; } |
        python3 docs/device.py $run >docs/src/results/device.tmp
    mv docs/src/results/device.tmp docs/src/results/device.md
    if [ -n "${1:-}" ]; then
        echo "regenerate.sh: $1 holds no replayed trace and no program: device_replay.txt and gated_cost.txt stay as they are" >&2
        return
    fi
    sdrm3-hal/firmware/profile.py m4f >docs/src/results/gated_cost.tmp
    mv docs/src/results/gated_cost.tmp docs/src/results/gated_cost.txt
    { echo '$ sdrm3-sim replay device.trace' && cat $replayed; } >docs/src/results/device_replay.tmp
    mv docs/src/results/device_replay.tmp docs/src/results/device_replay.txt
}

case ${1:-} in
"") ;;
device)
    device "$from"
    exit
    ;;
*) echo "regenerate.sh: there is no step $1: device, or none for the simulator's" >&2 && exit 2 ;;
esac
cargo build --release -q
sim=$(realpath -m "${CARGO_TARGET_DIR:-target}")/release/sdrm3-sim
results=docs/src/results
img=docs/src/img
mkdir -p $results $img
rm -rf $img/landscape.svg $img/load_ramp.svg $img/comparison.svg $img/faults.svg $results/full

throttled=()
for file in sdrm3-host-sim/examples/throttled/*.toml; do throttled+=(--scenario "$file"); done

"$sim" >$results/compare.txt
"$sim" compare --platform all >$results/policies.txt
"$sim" compare --platform all --bound --out $results/full >/dev/null
mv $results/full/compare.svg $img/comparison.svg
mv $results/full/compare.md $results/comparison.md
rm -r $results/full
"$sim" compare --ablation --platform all >$results/ablation_2s.txt
"$sim" compare --ablation --platform all --duration-ms 10000 >$results/ablation_10s.txt
"$sim" compare --ablation --platform all --duration-ms 10000 "${throttled[@]}" >$results/throttled.txt
# What learns latencies is told apart from what does not.
learners=(--policy sdrm3-gated --policy sdrm3-gated-no-correction --policy sdrm3 --policy sdrm3-no-correction)
"$sim" compare --platform all --duration-ms 10000 "${learners[@]}" --policy planaria --policy veltair --policy lst --policy fcfs \
    "${throttled[@]}" >$results/gated_throttled.txt
experiments=sdrm3-host-sim/experiments
"$sim" bench $experiments/named.toml --seeds 20 --bound >$results/experiment_named.txt
"$sim" bench $experiments/test.toml --seeds 20 --bound >$results/experiment_test.txt
"$sim" bench $experiments/test.toml --seeds 20 --bound --ablation --policy sdrm3-gated --policy sdrm3 |
    sed -n '/^ policy/,$p' >$results/gated_ablation.txt
# The best baselines, lent what is the scheduler's and not theirs.
lent=(--policy sdrm3-gated --policy sdrm3)
for name in lst planaria dysta heft; do lent+=(--policy $name --policy $name-with-supernet-with-correction); done
for cells in named test; do
    echo "$cells.toml:"
    "$sim" bench $experiments/$cells.toml --seeds 20 "${lent[@]}" | sed -n '/^ policy/,/^$/p'
done >$results/gated_lent.txt
"$sim" bench $experiments/test.toml --seeds 10 "${learners[@]}" --policy lst --policy planaria \
    --robustness $img/robustness.svg --force >$results/robustness.txt
# The measured cells of XRBench are not part of the repository.
if [ -n "${SDRM3_DATA:-}" ]; then
    grid=$(mktemp --suffix .toml)
    list() { printf '"%s", ' "$SDRM3_DATA/grid/$1"/*.toml; }
    printf 'name = "xrbench"\ndesign = true\n[[cells]]\nscenarios = [%s]\nplatforms = [%s]\ncosts = "%s"\n' \
        "$(list scenarios)" "$(list platforms)" "$SDRM3_DATA/grid/costs.csv" >"$grid"
    "$sim" bench "$grid" --seeds 20 --bound >$results/experiment_xrbench.txt
    rm "$grid"
else
    echo "regenerate.sh: SDRM3_DATA names no folder: experiment_xrbench.txt stays as it is" >&2
fi
"$sim" tune --study >$results/tuner.txt
"$sim" tune --scenario vr_gaming --duration-ms 20000 --picture $img/landscape.svg >$results/landscape.txt
ramp=(run --scenario sdrm3-host-sim/examples/load_ramp.toml --duration-ms 16000)
"$sim" "${ramp[@]}" --without tuner --timeline $img/load_ramp.svg >$results/load_ramp.txt
"$sim" "${ramp[@]}" --without tuner,supernet >$results/load_ramp_heaviest.txt
run=(run --scenario drone_outdoor --platform 4k-1os-2ws --policy sdrm3 --duration-ms 4000)
"$sim" "${run[@]}" --explain trail_navigation#3 >$results/explain.txt
# Pictures of the reports need a browser.
if command -v chromium >/dev/null; then
    shots=$(mktemp -d)
    (cd "$shots" && "$sim" "${run[@]}" --report report.html >/dev/null)
    (cd "$shots" && "$sim" compare --scenario drone_outdoor --scenario ar_call --scenario vr_gaming --policy sdrm3-gated --policy sdrm3 \
        --policy lst --policy fcfs --report compare.html >/dev/null)
    shoot() { chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --window-size="$2" --screenshot="$img/$3" "file://$shots/$1" 2>/dev/null; }
    shoot report.html 1120,1600 report.png
    shoot compare.html 1000,1060 report_compare.png
    rm -r "$shots"
else
    echo "regenerate.sh: no chromium: report.png and report_compare.png stay as they are" >&2
fi
"$sim" faults --picture $img/faults.svg >$results/faults.txt
