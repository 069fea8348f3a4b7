"""Three nights through the command itself, against a gateway whose answers are a table's."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .simulation import RIGHT, alike

COMMAND = [sys.executable, "-P", "-m", "headrace"]
RECIPE = 'model = "deepseek-v4-flash"\nid = "id"\nuser = "{{ question }}"\nexpected = "answer"\n'
EVAL = """\
data = "questions.jsonl"
recipe = "ask.toml"
runs = "runs"
beside_require = ["mean(text == expected) >= base"]

[run]
rpm = "none"
tpm = "none"
"""


def three_nights(folder: Path) -> list[int]:
    """Two nights at the usual share and one 15 points below; the exit codes of `nightly`."""
    answers = alike(np.random.default_rng(7))
    shares = (RIGHT, RIGHT, RIGHT - 0.15)
    nights = [answers(share) for share in shares]
    questions = [
        {"id": f"q{n}", "question": f"Question {n}?", "answer": f"answer {n}"}
        for n in range(len(nights[0]))
    ]
    write_lines(folder / "questions.jsonl", questions)
    (folder / "ask.toml").write_text(RECIPE)
    (folder / "eval.toml").write_text(EVAL)
    codes = []
    for day, right in enumerate(nights, 8):
        rules = [
            {"equals": each["question"], "answer": each["answer"] if right[n] else "no idea"}
            for n, each in enumerate(questions)
        ]
        write_lines(folder / "rules.jsonl", rules)
        with gateway(folder / "rules.jsonl") as environment:
            command = [*COMMAND, "nightly", str(folder / "eval.toml"), f"--date=2026-06-{day:02}"]
            done = subprocess.run(command, env=environment, capture_output=True, check=False)
        codes.append(done.returncode)
    return codes


def write_lines(path: Path, rows: list[dict[str, str]]) -> None:
    """A file of JSON, a row a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@contextmanager
def gateway(rules: Path) -> Iterator[dict[str, str]]:
    """A gateway that answers by a file, until the block ends; what to set to use it."""
    command = [*COMMAND, "gateway", "--port=0", f"--answers={rules}", "--rpm=1000000"]
    command += ["--tpm=1000000000", "--ttft=0ms", "--itl=0ms"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(2)]
        yield {**os.environ, **dict(line.split("=", 1) for line in lines)}
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
