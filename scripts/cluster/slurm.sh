#!/usr/bin/env bash
# Runs a forge on a Slurm cluster: one array of jobs for each phase, each array after the one before it. Nothing waits while holding a node.
# The plan's work, output and cache folders and the sources must lie on a file system that all nodes share.
#
#   scripts/cluster/slurm.sh PLAN PARTS [sbatch options ...]
#   scripts/cluster/slurm.sh forge.yaml 16 --cpus-per-task=4 --mem=8G --time=2:00:00
#
# A job that fails is submitted again by running this script again: what is done stands. HEPHAESTUS names the command (default: hephaestus).
set -euo pipefail

if [ $# -lt 2 ] || ! [[ $2 =~ ^[1-9][0-9]*$ ]]; then
  sed -n '2,8p' "$0" | sed 's/^# \{0,1\}//' >&2
  exit 2
fi
plan=$1 parts=$2
shift 2
command=${HEPHAESTUS:-hephaestus}

# This also fetches the packages of the plan, so that the nodes need no network.
phases=$($command forge --config "$plan" --phases | grep -P '^[a-z-]+/[a-z-]+\t\d+$')

quoted=$(printf '%q' "$plan")
dependency=()
while IFS=$'\t' read -r phase tasks; do
  count=$((tasks < parts ? tasks : parts))
  # Task ids of an array begin at 0, parts at 1. A phase with one task is an array of one.
  run="$command forge --config $quoted --phase $phase --part \$((SLURM_ARRAY_TASK_ID + 1))/$count --workers \${SLURM_CPUS_PER_TASK:-1}"
  job=$(sbatch --parsable --job-name="forge-${phase//\//-}" --array="0-$((count - 1))" ${dependency[@]+"${dependency[@]}"} "$@" --wrap="$run")
  dependency=("--dependency=afterok:${job%%;*}" --kill-on-invalid-dep=yes)
  echo "$phase: job ${job%%;*}, $count at once"
done <<<"$phases"
# With every task done this only writes the corpus into its place.
job=$(sbatch --parsable --job-name=forge-publish ${dependency[@]+"${dependency[@]}"} "$@" --wrap="$command forge --config $quoted")
echo "corpus: job ${job%%;*}"
