"""The command as a user meets it: real processes, a real gateway on loopback, real signals."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from .processes import Headrace, Served, job, jobs, wait_for_posts

pytestmark = pytest.mark.slow


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a user's mistake gets: no traceback, nothing on standard output, one line."""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, done.stderr
    return lines[0].removeprefix("Error: ")


# -- bad input


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("missing.jsonl",), "missing.jsonl"),
        ((".",), "directory"),
        (("-",), "--out is needed when the jobs come from standard input"),
        (("/dev/stdin",), "--out is needed when the jobs come from /dev/stdin"),
        (("array.jsonl",), "has a JSON list on each line"),
        (("link.jsonl",), "it is a symbolic link to nowhere.jsonl, which is not there"),
        ((os.fsdecode(b"j\xff.jsonl"),), r"the name j\xff.jsonl is not UTF-8"),
        (("jobs.jsonl", "--out", os.fsdecode(b"j\xff.run")), r"the name j\xff.run is not UTF-8"),
        (("jobs.jsonl", "--rpm", "0"), "whole number of at least 1"),
        (("jobs.jsonl", "--concurrency", "many"), "'auto'"),
        (("jobs.jsonl", "--deadline", "soon"), "write it like 300ms, 90s, 30m or 2h"),
        (("jobs.jsonl", "--base-url", "gateway"), "write it like https://api.example.com"),
        (("jobs.jsonl", "--header", "nonsense"), "a header is written as 'Name: value'"),
        (("jobs.jsonl", "--prices", "none.toml"), "cannot read the price file none.toml"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    headrace: Headrace, words: tuple[str, ...], says: str
) -> None:
    headrace.write(*jobs(1))
    (headrace.path / "array.jsonl").write_bytes(b"[%b]\n[%b]\n" % (job("a"), job("b")))
    (headrace.path / "link.jsonl").symlink_to("nowhere.jsonl")
    headrace.environment |= {"HEADRACE_BASE_URL": "http://127.0.0.1:9", "HEADRACE_API_KEY": "sk-x"}
    done = headrace.inside("run", *words)
    assert done.returncode == 2
    assert says in one_line(done)
    assert done.stdout == ""
    assert not (headrace.path / "jobs.run").exists()


def test_a_missing_key_and_a_missing_url_say_what_to_set(headrace: Headrace) -> None:
    headrace.write(*jobs(1))
    done = headrace.inside("run", "jobs.jsonl")
    assert done.returncode == 2
    said = one_line(done)
    assert "--base-url" in said
    assert "HEADRACE_BASE_URL" in said
    assert "headrace demo" in said
    done = headrace.inside("run", "jobs.jsonl", "--base-url", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "set HEADRACE_API_KEY" in one_line(done)


def test_an_unreachable_host_is_told_at_once_and_binds_nobody_to_it(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # bound, and nobody listens
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        headrace.write(*jobs(3))
        headrace.environment["HEADRACE_API_KEY"] = "sk-x"
        done = headrace.inside("run", "jobs.jsonl", "--base-url", url)
    assert done.returncode == 2
    assert f"no connection to {url}: " in done.stderr
    assert "Connection refused; check --base-url" in done.stderr
    assert "Traceback" not in done.stderr
    headrace.use(serve())
    assert headrace.inside("run", "jobs.jsonl", "--rpm", "none").returncode == 0


def test_a_wrong_key_is_exit_5_and_sends_no_job(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    served = serve()
    headrace.use(served)
    headrace.environment["HEADRACE_API_KEY"] = "sk-wrong"
    headrace.write(*jobs(5))
    done = headrace("run", "jobs.jsonl")
    assert done.returncode == 5
    assert done.stderr == (
        "Error: the gateway refused the key; check HEADRACE_API_KEY "
        "(it said: Invalid or expired API key.)\n"
    )
    assert served.posts == []


def test_an_empty_file_is_done_with_a_word_about_it(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    headrace.use(serve())
    headrace.write()
    done = headrace("run", "jobs.jsonl")
    assert done.returncode == 0
    assert "jobs.jsonl holds no jobs" in done.stderr
    assert headrace.table("results").is_empty()
    assert headrace.table("attempts").is_empty()


def test_a_file_of_only_bad_lines_is_exit_1_and_each_has_its_reason(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    served = serve()
    headrace.use(served)
    headrace.write(b"not json", b'{"custom_id": "x"}', "caf\xe9".encode("latin-1"))
    done = headrace("run", "jobs.jsonl")
    assert done.returncode == 1
    rejects = (headrace.path / "jobs.run" / "rejects.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in rejects]
    assert [row["line"] for row in rows] == [1, 2, 3]
    assert "not JSON" in rows[0]["reason"]
    assert "not UTF-8" in rows[2]["reason"]
    assert "3 rejected" in done.stdout
    assert "  line 1: not JSON: " in done.stdout
    assert "  line 3: not UTF-8 from byte 4 on" in done.stdout
    assert served.posts == []


def test_strict_refuses_the_whole_file_and_lists_every_bad_line(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    served = serve()
    headrace.use(served)
    headrace.write(job("a"), b"not json", job("b"), job("a"))
    done = headrace.inside("run", "jobs.jsonl", "--strict")
    assert done.returncode == 2
    assert "line 2: not JSON" in done.stderr
    assert "line 4: duplicate custom_id" in done.stderr
    assert served.posts == []
    assert not (headrace.path / "jobs.run").exists()


def test_a_directory_of_another_job_file_is_refused_untouched(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    headrace.use(serve("--rpm", "none"))
    headrace.write(*jobs(2))
    assert headrace("run", "jobs.jsonl", "--rpm", "none").returncode == 0
    run = headrace.path / "jobs.run"
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    headrace.write(*jobs(3), name="others.jsonl")
    done = headrace("run", "others.jsonl", "--out", "jobs.run")
    assert done.returncode == 2
    assert "belongs to another job file" in one_line(done)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


# -- settings in a file


def test_settings_come_from_flag_then_environment_then_file(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    served = serve("--rpm", "none")
    headrace.environment["HEADRACE_API_KEY"] = served.key
    headrace.write(*jobs(2))
    settings = f'base-url = "{served.url}"\n[run]\nrpm = 4000\ntpm = "none"\nattempts = 2\n'
    (headrace.path / "headrace.toml").write_text(settings)
    assert headrace("run", "jobs.jsonl", "--rpm", "5000").returncode == 0
    session = json.loads((headrace.path / "jobs.run" / "run.json").read_text())["sessions"][0]
    assert session["limits"] == {"rpm": 5000, "tpm": None, "concurrency": None}
    assert session["arguments"]["attempts"] == 2
    headrace.environment["HEADRACE_BASE_URL"] = "http://127.0.0.1:9"
    done = headrace("balance")
    assert "no connection to http://127.0.0.1:9" in one_line(done)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[run]\nrmp = 5\n", "'rmp' is not a setting of `run`"),
        ("[ruin]\nrpm = 5\n", "'ruin' is not a setting"),
        ('api_key = "sk-1"\n', "a key does not belong in a file"),
        ("rpm = \n", "can't be used"),
        ("[run]\nrpm = 0\n", "whole number of at least 1"),
    ],
)
def test_a_settings_file_that_says_nonsense_is_refused(
    headrace: Headrace, text: str, says: str
) -> None:
    (headrace.path / "headrace.toml").write_text(text)
    done = headrace.inside("run", "jobs.jsonl")
    assert done.returncode == 2
    assert says in one_line(done)


# -- a run, and going on


def test_a_run_at_the_gateways_limit_ends_with_no_429_and_one_row_a_post(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    served = serve("--rpm", "2400", "--faults", "500=0.05,reset=0.05")
    headrace.use(served)
    headrace.write(*jobs(60))
    done = headrace("run", "jobs.jsonl", "--rpm", "2400")
    assert done.returncode == 0, done.stderr
    assert [row for row in served.posts if row["status"] == 429] == []
    attempts = headrace.table("attempts")
    assert len(attempts) == len(served.posts) > 60
    assert headrace.table("results")["index"].sort().to_list() == list(range(60))
    assert "60 succeeded" in done.stdout


def test_json_is_the_last_thing_on_standard_output_and_is_summary_json(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    headrace.use(serve("--rpm", "none"))
    headrace.write(*jobs(3))
    done = headrace("run", "jobs.jsonl", "--rpm", "none", "--json")
    assert json.loads(done.stdout) == json.loads(
        (headrace.path / "jobs.run" / "summary.json").read_text()
    )
    again = headrace("report", "jobs.run", "--json")
    assert json.loads(again.stdout) == json.loads(done.stdout)


def test_a_run_in_a_pipe_loads_what_it_works_with_and_nothing_more(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    headrace.use(serve())
    headrace.write(job("a"))
    headrace.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    done = headrace("run", "jobs.jsonl", "--json")
    assert done.returncode == 0
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"polars", "trio", "httpx", "headrace.reports.figures.summary"} <= loaded
    others = ["rich", "pygments", "numpy", "jinja2", "altair", "asyncio"]
    rooms = [
        "gateway",
        "jobs.prompts",
        "jobs.expressions.tree",
        "reports.terminal.summary",
        "runner.traffic",
    ]
    unused = [*others, *(f"headrace.{room}" for room in rooms)]
    assert [name for name in unused if name in loaded] == []


def test_the_key_is_nowhere_in_what_a_run_writes_or_prints(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    served = serve("--rpm", "none", "--faults", "500=0.2")
    headrace.use(served)
    headrace.write(*jobs(20))
    done = headrace("run", "jobs.jsonl", "--rpm", "none", "--header", "X-Team: s3cret-team")
    key = served.key.encode()
    files = [path for path in (headrace.path / "jobs.run").rglob("*") if path.is_file()]
    assert len(files) >= 5
    assert [path for path in files if key in path.read_bytes()] == []
    assert [path for path in files if b"s3cret-team" in path.read_bytes()] == []
    assert served.key not in done.stdout + done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_cleanly_and_the_same_command_goes_on(
    headrace: Headrace, serve: Callable[..., Served], number: int, code: int
) -> None:
    served = serve("--rpm", "none", "--ttft", "150ms")
    headrace.use(served)
    headrace.write(*jobs(40))
    words = ("run", "jobs.jsonl", "--rpm", "none", "--concurrency", "4")
    running = headrace.start(*words)
    wait_for_posts(served, 8)
    running.send_signal(number)
    _, said = running.communicate(timeout=20)
    assert running.returncode == code
    assert "run the same command again to resume" in said
    assert not (headrace.path / "jobs.run" / "journal").exists()
    finished = set(headrace.table("results")["index"])
    assert 8 <= len(finished) < 40
    assert len(headrace.table("attempts")) == len(served.posts) == len(finished)
    done = headrace(*words)
    assert done.returncode == 0
    assert headrace.table("results")["index"].sort().to_list() == list(range(40))
    assert len(served.posts) == 40


def test_after_kill_9_each_job_has_one_result_and_none_journalled_is_sent_again(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    served = serve("--rpm", "none", "--ttft", "50ms")
    headrace.use(served)
    headrace.write(*jobs(150))
    words = ("run", "jobs.jsonl", "--rpm", "none", "--concurrency", "8")
    for posts in (20, 60, 100):
        running = headrace.start(*words)
        wait_for_posts(served, posts)
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=20)
        report = headrace("report", "jobs.run")
        assert "was killed" in report.stdout
    done = headrace(*words)
    assert done.returncode == 0, done.stderr
    results = headrace.table("results")
    attempts = headrace.table("attempts")
    assert results["index"].sort().to_list() == list(range(150))
    lost = attempts.filter(pl.col("error_kind") == "lost")
    # At most as many as were in flight at each kill, each an attempt of its own that is counted.
    assert len(lost) <= 3 * 8
    assert len(attempts) == 150 + len(lost)
    assert len(served.posts) <= len(attempts)
    assert attempts.select("index", "attempt").is_unique().all()
    assert "in flight when a session ended" in done.stdout or not len(lost)


def test_max_cost_stops_with_exit_3_and_the_gateway_charged_no_more(
    headrace: Headrace, serve: Callable[..., Served]
) -> None:
    served = serve("--rpm", "none", "--tpm", "none", "--faults", "429-bare=0.05")
    headrace.use(served)
    headrace.write(*jobs(60))
    prices = 'currency = "CNY"\n[models."deepseek-v4-flash"]\n'
    prices += "input = 1.0\ncached_input = 0.02\noutput = 2.0\n"
    (headrace.path / "prices.toml").write_text(prices)
    words = ("run", "jobs.jsonl", "--rpm", "none", "--prices", "prices.toml", "--estimate-first")
    done = headrace(*words, "--max-cost", "0.001")
    assert done.returncode == 3, done.stderr
    assert "Estimate: 60 jobs, about" in done.stderr
    assert "goes beyond --max-cost 0.001 CNY; raise --max-cost, and run the same" in done.stderr
    charged = sum(Decimal(row["charge"]) for row in served.posts)
    assert Decimal(0) < charged <= Decimal("0.001")
    assert headrace.table("attempts")["cost"].sum() == charged
    assert headrace(*words, "--max-cost", "1").returncode == 0
    assert len(headrace.table("results")) == 60


def test_the_balance_as_a_user_reads_it(
    headrace: Headrace, serve: Callable[..., Served], tmp_path: Path
) -> None:
    config = tmp_path / "gateway.toml"
    key = 'secret = "sk-of-a-test"\nname = "k\\u001b[2J\\u202e"'
    config.write_text(f"[[keys]]\n{key}\n", encoding="utf-8")
    headrace.use(serve("--balance", "42.5", "--config", str(config)))
    done = headrace("balance")
    assert done.returncode == 0
    assert "42.5 CNY" in done.stdout
    assert done.stdout.replace("\n", "").isprintable()
    shown = headrace("balance", "--json").stdout
    data = json.loads(shown)
    assert (data["balance"], data["currency"]) == ("42.5", "CNY")
    assert data["key_name"] == "k\x1b[2J\u202e"
    assert shown.replace("\n", "").isprintable()
