#!/bin/sh
# Two nights of an eval, offline, from a fresh clone: sh examples/evals/evals.sh
# The second night is worse, and the command says so with exit code 4.
#
#   evals.sh [FOLDER]        FOLDER gets the questions and the nights; headrace-evals unless given
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-headrace-evals}
if [ -z "${HEADRACE:-}" ]; then
    make -s -C "$here/../.." .venv/.installed
    HEADRACE=$here/../../.venv/bin/headrace PYTHON=$here/../../.venv/bin/python
fi
mkdir -p "$folder"
cp "$here/eval.toml" "$here/ask.toml" "$here/prices.toml" "$folder"
"${PYTHON:-python3}" "$here/questions.py" "$folder"

# night DATE ANSWERS: a gateway on this machine answers by the file, and one night is run against it.
night() {
    $HEADRACE gateway --port 0 --seed 1 --rpm 1000000 --tpm 1000000000 --ttft 0ms --itl 0ms \
        --answers "$folder/$2" > "$folder/gateway.txt" 2> "$folder/gateway.log" &
    gateway=$!
    trap 'kill $gateway 2> /dev/null || true' EXIT
    until grep -q HEADRACE_API_KEY "$folder/gateway.txt"; do sleep 0.1; done
    code=0
    env $(cat "$folder/gateway.txt") $HEADRACE nightly "$folder/eval.toml" --date "$1" || code=$?
    kill $gateway
    wait $gateway 2> /dev/null || true
    return $code
}

night 2026-06-08 good-night.jsonl
night 2026-06-09 worse-night.jsonl
