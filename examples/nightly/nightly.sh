#!/bin/sh
# One night: run a job file, hold the run to its objectives, and keep it for the next night to be
# compared with.
#
#   nightly.sh JOBS PRICES RUNS        (HEADRACE_BASE_URL and HEADRACE_API_KEY are set)
#
# RUNS keeps a directory per night, and `last`, which links to the newest run that met its objectives.
# Exit codes are those of headrace: 0, 2 wrong input, 3 money, 4 an objective was not met, 5 the key.
set -eu
jobs=$1 prices=$2 runs=$3
here=$(cd "$(dirname "$0")" && pwd)
run=$runs/$(date -u +%Y-%m-%d).run
mkdir -p "$runs"

# A second try in one night resumes where the first stopped. Failed jobs are for the objectives.
code=0
headrace run "$jobs" --out "$run" --prices "$prices" --max-cost "${MAX_COST:-20}" || code=$?
[ "$code" -le 1 ] || exit "$code"

set -- --objectives "$here/objectives.txt" --junit "$run.xml"
if [ -e "$runs/last" ]; then
    headrace compare "$runs/last" "$run"
    set -- "$@" --objectives "$here/beside-last.txt" --base "$runs/last"
fi
headrace gate "$run" "$@"

headrace report "$runs"/*.run --trend
ln -sfn "$(basename "$run")" "$runs/last"
