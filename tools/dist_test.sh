#!/usr/bin/env bash
# Test with several processes: tools/dist_test.sh CONFIG CHECKPOINT NUM_PROCESSES [options of test.py]
# One process drives one GPU; without GPUs they share the CPU. NNODES, NODE_RANK, MASTER_ADDR, PORT: several machines.
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n 2p "$0" >&2
    exit 2
fi
config=$1
checkpoint=$2
num_processes=$3
exec python "$(dirname "$0")/launch.py" --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" --nproc_per_node="$num_processes" \
    "$(dirname "$0")/test.py" "$config" "$checkpoint" --launcher pytorch "${@:4}"
