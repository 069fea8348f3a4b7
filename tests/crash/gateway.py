"""The gateway that runs are crashed against, and the jobs that it knows: a model for each job."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FAULTS = "500=0.03,reset=0.02,cut=0.03,429=0.01"
PRICE = "input = 1.00\ncached_input = 0.02\noutput = 2.00\n"
# The key has a daily budget: some thousands of jobs must fit into it.
IMAGE_PRICE = '[models."{}".images]\ndefault = 0.0025\n'
IMAGES_EVERY = 25
# The question of a table's rows, and the answers that the gateway gives: some have another form.
ASKS = "Label number"
RULE = {
    "contains": ASKS,
    "answer": '{"label": "one"}',
    "wrong": '{"label": "of another kind"}',
    "wrong_share": 0.3,
}


class Gateway(NamedTuple):
    """A gateway process: where it is, its key and its log."""

    url: str
    key: str
    log: Path


def environment(gateway: Gateway | None = None) -> dict[str, str]:
    found = {name: each for name, each in os.environ.items() if not name.startswith("HEADRACE")}
    found["PYTHONPATH"] = str(ROOT / "src")
    if gateway is not None:
        found |= {"HEADRACE_BASE_URL": gateway.url, "HEADRACE_API_KEY": gateway.key}
    return found


def model_of(number: int) -> str:
    return f"m-{number}"


def write_prices(path: Path, jobs: int) -> None:
    """A model for each job, so that the gateway's log names the job."""
    tables = [
        IMAGE_PRICE.format(model_of(number))
        if number % IMAGES_EVERY == 0
        else f'[models."{model_of(number)}"]\n{PRICE}'
        for number in range(jobs)
    ]
    path.write_text('currency = "CNY"\n' + "".join(tables), encoding="utf-8")


def job(number: int) -> dict[str, Any]:
    """Chat and messages, streamed and not, and now and then an image that is kept as a file."""
    model = model_of(number)
    if number % IMAGES_EVERY == 0:
        image = {"model": model, "prompt": f"number {number}", "response_format": "b64_json"}
        return {"custom_id": f"r{number}", "url": "/v1/images/generations", "body": image}
    chat: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": f"question {number}"}],
        "max_tokens": 30,
    }
    if number % 3:
        chat["stream"] = True
    url = "/v1/messages" if number % 2 else "/v1/chat/completions"
    return {"custom_id": f"r{number}", "url": url, "body": chat}


@contextlib.contextmanager
def serving(folder: Path, jobs: int, *, seed: int) -> Iterator[Gateway]:
    """A gateway of its own on a free port of loopback, which knows the models of so many jobs."""
    prices, log = folder / "prices.toml", folder / "gateway.jsonl"
    write_prices(prices, jobs)
    words = ["gateway", "--rpm", "none", "--tpm", "none", "--ttft", "uniform:5ms:60ms"]
    words += ["--faults", FAULTS, "--seed", str(seed), "--balance", "1000000"]
    answers = folder / "answers.jsonl"
    answers.write_text(json.dumps(RULE) + "\n", encoding="utf-8")
    words += ["--prices", str(prices), "--log", str(log), "--answers", str(answers)]
    process = subprocess.Popen(
        [sys.executable, "-m", "headrace", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
    )
    with process:
        try:
            assert process.stdout is not None
            said = dict(process.stdout.readline().strip().split("=", 1) for _ in range(2))
            yield Gateway(said["HEADRACE_BASE_URL"], said["HEADRACE_API_KEY"], log)
        finally:
            process.terminate()
