"""`headrace load` as a user meets it: real processes, a gateway on loopback, real signals."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from headrace.runner.main import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE")}


class Gateway:
    """A gateway process without limits, and the command that is sent to it, in a directory."""

    def __init__(self, path: Path, process: subprocess.Popen[str]) -> None:
        self.path = path
        assert process.stdout is not None
        said = dict(process.stdout.readline().strip().split("=", 1) for _ in range(2))
        self.environment = {**CLEAN, **said, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100"}

    @property
    def posts(self) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in (self.path / "log").read_text().splitlines()]
        return [row for row in rows if row["method"] == "POST"]

    def load(
        self, *words: str, stderr: int = subprocess.PIPE, before: str = ""
    ) -> subprocess.Popen[str]:
        """A load run in a process, in which something may be done before."""
        start = ["-c", f"{before}\nfrom headrace.runner.main import main\nmain()"]
        return subprocess.Popen(
            [sys.executable, *(start if before else ["-m", "headrace"]), "load", *words],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=self.environment,
            cwd=self.path,
        )

    def wait_for_posts(self, process: subprocess.Popen[str], count: int) -> None:
        """Return once so many requests were answered; fail where the process ends before."""
        for _ in range(2000):
            if len(self.posts) >= count:
                return
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        raise AssertionError("the load run sent nothing")

    def summary(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.path / name / "summary.json").read_bytes())
        return found


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    words = [sys.executable, "-m", "headrace", "gateway", "--rpm", "none", "--tpm", "none"]
    words += ["--ttft", "20ms", "--itl", "5ms", "--log", str(tmp_path / "log")]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=CLEAN, cwd=ROOT
    )
    yield Gateway(tmp_path, process)
    process.terminate()
    process.communicate(timeout=10)


def test_a_replay_says_first_what_it_will_send(gateway: Gateway) -> None:
    times = "".join(
        f'{{"timestamp": {time}, "input_length": 20, "output_length": 2, "hash_ids": [0, 1]}}\n'
        for time in (10.5, 10.75, 11.0)
    )
    (gateway.path / "trace.jsonl").write_text(times)
    words = ("--replay", "trace.jsonl", "--json", "--out", "a.run")
    out, err = gateway.load(*words).communicate(timeout=60)
    assert out == ""
    assert "Give --trace-unit ms or --trace-unit s" in err
    process = gateway.load(*words, "--trace-unit", "s", "--block-tokens", "16", "--speed", "5")
    out, err = process.communicate(timeout=60)
    assert process.returncode in (0, 6), err
    assert err.startswith(
        "Replaying trace.jsonl: 3 requests over 100 ms, 30/s on average, 5 times as fast as they "
        "came; its times are taken as seconds\n"
    )
    assert len(gateway.posts) == 3


def test_a_run_s_counts_are_those_of_the_gateway_s_log(gateway: Gateway) -> None:
    process = gateway.load(
        *("--users", "4", "--requests", "24", "--output-tokens", "20", "--json", "--out", "a.run")
    )
    out, err = process.communicate(timeout=60)
    summary = json.loads(out)
    valid = summary["load"]["verdict"]["verdict"] == "valid"
    assert process.returncode == (0 if valid else 6), err
    attempts = pl.read_parquet(gateway.path / "a.run" / "attempts" / "*.parquet")
    posts = gateway.posts
    assert len(attempts) == len(posts) == summary["load"]["requests"]["measured"] == 24
    truth = {row["request_id"]: row for row in posts}
    for row in attempts.iter_rows(named=True):
        seen = truth[row["request_id"]]
        assert (row["input_tokens"], row["output_tokens"]) == (
            seen["input_tokens"],
            seen["output_tokens"],
        )
        assert len(row["gaps_s"]) + 1 == seen["output_events"]
    assert gateway.summary("a.run") == summary


def test_a_frozen_client_is_told_and_exits_6(gateway: Gateway) -> None:
    """SIGSTOP for half a second: whatever the figures look like, they are not the service's."""
    process = gateway.load("--rate", "20/s", "--duration", "2s", "--output-tokens", "5")
    gateway.wait_for_posts(process, 5)
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 6, err
    assert "client-limited" in out
    (directory,) = gateway.path.glob("load-*-1.run")
    facts = json.loads((directory / "run.json").read_bytes())["load"]
    longest = facts["machine"]["worst_stalls"][0]
    # The watch looks every 10 ms, and was to look within one of the freeze's beginning.
    assert longest["length_s"] >= 0.48
    assert facts["measure_from"] < longest["at"] <= facts["ended"]
    verdict = gateway.summary(directory.name)["load"]["verdict"]
    assert any("stood still" in reason for reason in verdict["why"])
    # And nothing was skipped: all forty were sent, late as they were.
    assert len(gateway.posts) == 40


def test_a_terminal_shows_a_run_that_goes_on_and_nothing_of_it_stays(gateway: Gateway) -> None:
    """Drawn by a process of its own, which ends with the run: once all of it has been seen, however
    long that process takes to start, and to end, on a machine that is busy."""
    ours, theirs = os.openpty()
    gateway.environment |= {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    process = gateway.load(
        *("--rate", "10/s", "--duration", "600s", "--output-tokens", "5"),
        stderr=theirs,
        before="from headrace.runner.traffic import view; view.SCREEN_ENDS_WITHIN_S = 60",
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
            if all(words in shown for words in (b"10/s constant", b"measuring, ", b"/s asked")):
                process.send_signal(signal.SIGINT)
                break
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # nobody has the other end any more: run and display are over
        pass
    finally:
        os.close(ours)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    text = shown.decode()
    assert "10.0/s asked" in text
    # The cursor is back and each line cleared; what follows says why it ended.
    assert re.search(r"\x1b\[\?25h\r(\x1b\[1A\x1b\[2K)+(?!.*measuring, )", text, re.DOTALL)
    assert "was interrupted" in out


def test_ctrl_c_ends_a_run_early_with_a_report(gateway: Gateway) -> None:
    process = gateway.load("--users", "2", "--duration", "60s", "--output-tokens", "5")
    gateway.wait_for_posts(process, 6)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Stopped: interrupted; what was measured until then is in the report" in err
    (directory,) = gateway.path.glob("load-*-1.run")
    load = gateway.summary(directory.name)["load"]
    assert load["requests"]["answered"] == len(gateway.posts) >= 6
    assert 0 < load["window_s"] < 50
    assert "TTFT" in out
    assert "was interrupted" in out
    assert "the same command goes on" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no shape; give one of --users 64"),
        (["--users", "none"], "Invalid value for '--users'"),
        (["--rate", "fast", "--duration", "1s"], "'fast' is not a rate; write it like 50/s"),
        (["--users", "1", "--duration", "soon"], "'soon' is not a duration"),
        (["--users", "1", "--duration", "1s", "--slo", "tft_s < 1"], "did you mean ttft_s"),
        (["--users", "1", "--duration", "1s", "--prices", "none.toml"], "none.toml"),
        (["--users", "1", "--duration", "1s", "--out", "."], "is there already"),
        (["--users", "1", "--duration", "1s", "--arrivals", "odd"], "'odd' is not one of"),
    ],
)
def test_each_mistake_is_a_line_and_exit_2(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {"HEADRACE_BASE_URL": "http://127.0.0.1:9", "HEADRACE_API_KEY": "sk-test"}
    done = CliRunner().invoke(main, ["load", *words], env=environment)
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output
    assert list(tmp_path.iterdir()) == []


def test_the_limits_of_single_models_are_read_from_the_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("headrace.toml").write_text('[limits."a model"]\nrpm = "many"\n')
    environment = {"HEADRACE_BASE_URL": "http://127.0.0.1:9", "HEADRACE_API_KEY": "sk-test"}
    words = ["load", "--users", "1", "--requests", "1"]
    done = CliRunner().invoke(main, words, env=environment)
    assert done.exit_code == 2
    assert """[limits."a model"] rpm is 'many'""" in done.output


def test_http2_is_asked_for_as_in_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes through the one choice of transports, which knows where HTTP/2 can't be had."""
    monkeypatch.chdir(tmp_path)
    environment = {"HEADRACE_BASE_URL": f"unix:{tmp_path}/none", "HEADRACE_API_KEY": "sk-test"}
    words = ["load", "--users", "1", "--requests", "1", "--http2"]
    done = CliRunner().invoke(main, words, env=environment)
    assert done.exit_code == 2
    assert "HTTP/2 is not spoken on a Unix socket" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--require", "p95(latency) < 3"], "latency"),
        (["--require", "cost < 1.1 * base"], "judge it by headrace gate RUN --base RUN"),
        (["--require", "error_rate > 5"], "error_rate"),
        (["--unclear", "perhaps", "--require", "cost < 5"], "perhaps"),
    ],
)
def test_what_can_judge_no_run_is_refused_before_anything_is_sent(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {"HEADRACE_BASE_URL": "http://127.0.0.1:9", "HEADRACE_API_KEY": "sk-test"}
    done = CliRunner().invoke(
        main, ["load", "--users", "1", "--requests", "1", *words], env=environment
    )
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_is_not_judged_as_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {"HEADRACE_BASE_URL": "http://127.0.0.1:9", "HEADRACE_API_KEY": "sk-test"}
    words = ["load", "--sweep", "1/s", "--requests", "1", "--require", "cost < 5"]
    done = CliRunner().invoke(main, words, env=environment)
    assert done.exit_code == 2
    assert "--require judges one run, and --sweep makes several" in done.output


def test_what_a_run_must_meet_judges_it_in_the_same_command(gateway: Gateway) -> None:
    """Every second request fails: told by the exit code, unless what is required speaks of it."""
    lines = [
        {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 2}
        for model in ("deepseek-v4-flash", "no-such-model")
    ]
    (gateway.path / "mixed.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    shape = ("--jobs", "mixed.jsonl", "--users", "1", "--requests", "4", "--client-error", "60s")
    done: list[tuple[int | None, str, str]] = []
    for n, words in enumerate(
        (
            (),
            ("--require", "error_rate <= 50%", "--require", "p95(latency_s) < 60s"),
            ("--require", "error_rate < 10%", "--unclear", "missed", "--json"),
        )
    ):
        process = gateway.load(*shape, "--out", f"{n}.run", *words)
        out, err = process.communicate(timeout=120)
        done.append((process.returncode, out, err))
    assert done[0][0] == 1, done[0]
    assert done[1][0] == 0, done[1]
    assert "all 2 objectives met" in done[1][1]
    assert done[2][0] == 4, done[2]
    found = json.loads(done[2][1])
    assert found["load"]["verdict"]["verdict"] == "valid"
    assert found["gate"]["met"] is False
    assert found["gate"]["objectives"][0]["objective"] == "error_rate < 10%"
    del found["gate"]
    assert gateway.summary("2.run") == found
