#!/bin/sh
# One sweep as an array of Slurm jobs, and a last one that puts it together:
#
#     array=$(sbatch --parsable slurm.sh)
#     sbatch --dependency=afterok:"$array" --wrap 'sdrm3-sim merge part-*.csv --out weights.csv'
#
# A job that was preempted and requeued goes on where it stopped: its rows are in part-I.csv.partial. The
# folder must be one that all nodes see.
#SBATCH --job-name=weights
#SBATCH --array=1-16
#SBATCH --cpus-per-task=8
#SBATCH --time=01:00:00
#SBATCH --requeue
set -eu
out=part-$SLURM_ARRAY_TASK_ID.csv
test -e "$out" || sdrm3-sim sweep --file sweep.toml --jobs "$SLURM_CPUS_PER_TASK" \
    --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --out "$out"
