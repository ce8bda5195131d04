#!/bin/sh
# One sweep in shards, with GNU parallel:  parallel.sh SHARDS RESULT OPTIONS-OF-SWEEP...
#
#     ./parallel.sh 4 weights.csv --file sweep.toml
#
# On many machines: add `--sshloginfile machines --workdir . --transferfile sweep.toml --return {}` to `parallel`.
# Started again after an interruption it goes on: a shard that is there is not run again, one that is half
# done is finished.
set -eu
sim=${SDRM3_SIM:-sdrm3-sim}
shards=$1 result=$2
shift 2
export sim shards result
# One thread for each shard; parallel sees to it that every processor has one.
# shellcheck disable=SC2016
seq "$shards" | parallel --halt soon,fail=1 \
    'test -e "$result".{} || "$sim" sweep --shard {}/"$shards" --jobs 1 --out "$result".{}' "$(printf '%s ' "$@")"
# shellcheck disable=SC2046
"$sim" merge $(seq -f "$result.%.0f" "$shards") --out "$result"
