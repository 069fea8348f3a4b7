#!/bin/sh
# A table to labels beside its rows, offline, from a fresh clone: sh examples/tickets/tickets.sh
#
#   tickets.sh [FOLDER]      FOLDER gets tickets.csv and labelled.parquet; headrace-tickets unless given
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-headrace-tickets}
if [ -z "${HEADRACE:-}" ]; then
    make -s -C "$here/../.." .venv/.installed
    HEADRACE=$here/../../.venv/bin/headrace PYTHON=$here/../../.venv/bin/python
fi
mkdir -p "$folder"
"${PYTHON:-python3}" "$here/tickets.py" "$folder/tickets.csv"

# A gateway on this machine stands in for the service; with one of yours, set these two yourself.
$HEADRACE gateway --port 0 --seed 1 --rpm 1000000 --tpm 1000000000 --ttft 0ms --itl 0ms \
    > "$folder/gateway.txt" 2> "$folder/gateway.log" &
gateway=$!
trap 'kill $gateway 2> /dev/null || true' EXIT
until grep -q HEADRACE_API_KEY "$folder/gateway.txt"; do sleep 0.1; done
export $(cat "$folder/gateway.txt")

# The user's part: two commands.
$HEADRACE run "$folder/tickets.csv" --recipe "$here/label.toml" --out "$folder/tickets.run" \
    --reask 2 --prices "$here/prices.toml" --max-cost 1 --rpm none --tpm none
$HEADRACE join "$folder/tickets.run" --out "$folder/labelled.parquet"
