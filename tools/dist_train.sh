#!/usr/bin/env bash
# Train with several processes on one or more machines: tools/dist_train.sh CONFIG NUM_PROCESSES [options of train.py]
# One process drives one GPU; without GPUs they share the CPU. NNODES, NODE_RANK, MASTER_ADDR, PORT: several machines.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n 2p "$0" >&2
    exit 2
fi
config=$1
num_processes=$2
exec python "$(dirname "$0")/launch.py" --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" --nproc_per_node="$num_processes" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "${@:3}"
