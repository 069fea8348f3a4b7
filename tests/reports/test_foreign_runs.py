"""Runs of somebody else: whatever is in them, each command answers in a line or a right report.

One thing of a whole run is changed, by seed; `make fuzz` tries many more seeds.
"""

import base64
import json
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from click.testing import CliRunner, Result

from headrace.jobs import IMAGE_URLS, open_source
from headrace.runner.main import main
from tests.foreign_runs import DEEP, KINDS, RUNS, SECRET, World, spoil

MORE = int(os.environ.get("HEADRACE_MORE_CASES", "1"))
SEEDS = 8
# None takes a second; this is for a machine that is busy.
TOO_LONG_S = 60
FORMATS = ("openai-batch", "anthropic-batch", "jsonl", "csv", "parquet")


def commands(run: Path, out: Path) -> list[tuple[str, ...]]:
    """Every command that reads a run."""
    whole = str(RUNS / "finished")
    return [
        ("report", str(run)),
        ("report", str(run), "--json"),
        ("report", str(run), "--md"),
        ("report", str(run), "--html", "--out", f"{out}.html"),
        ("report", "--trend", str(run), whole),
        ("status", str(run)),
        ("status", str(run), "--json"),
        *(("export", str(run), "--to", to, "--out", f"{out}.{to}", "--force") for to in FORMATS),
        ("compare", str(run), whole),
        ("compare", whole, str(run), "--json"),
        ("gate", str(run), "--require", "cost < 5 and p95(latency_s) < 3", "--junit", f"{out}.xml"),
    ]


@contextmanager
def in_time() -> Iterator[None]:
    """A command that hangs fails the test."""

    def too_long(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(TOO_LONG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def faults(done: Result) -> list[str]:
    """What is not as it should be, in words."""
    found = []
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        found.append(f"a traceback: {done.exception!r}")
    if done.exit_code not in (0, 2, 4):
        found.append(f"exit code {done.exit_code}")
    if done.exit_code == 2 and not (
        done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    ):
        found.append(f"not one line: {done.stderr!r}")
    if not done.output.replace("\n", "").isprintable():
        found.append("characters that a terminal acts on")
    if SECRET.decode() in done.output:
        found.append("what is outside is shown")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS * MORE, 4))
def test_a_run_with_one_thing_changed_is_a_line_or_a_report(
    first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = {}
    for seed in range(first, first + 4):
        rng = random.Random(seed)
        world = World.made(tmp_path / str(seed), rng.choice(KINDS))
        what = spoil(world, rng)
        out = world.run.with_name("out")
        for words in commands(world.run, out):
            with in_time():
                done = CliRunner().invoke(main, words)
            if said := faults(done):
                found[f"seed {seed}: {what}: {' '.join(words)}"] = said
        made = [each for each in world.run.parent.glob("out.*") if each.is_file()]
        if any(SECRET in each.read_bytes() for each in made) or not world.untouched():
            found[f"seed {seed}: {what}"] = ["what is outside was read or written"]
    assert found == {}


def set_cell(run: Path, name: str, value: str) -> None:
    part = run / "results" / "part-000001.parquet"
    table = pl.read_parquet(part)
    rows = pl.col("url").is_in(IMAGE_URLS) if name == "response" else pl.lit(value=True)
    table.with_columns(
        pl.when(rows).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
    ).write_parquet(part)


@pytest.mark.parametrize("place", ["images/10-0.png", "images"])
def test_an_image_that_is_a_link_is_not_exported(place: str, tmp_path: Path) -> None:
    world = World.made(tmp_path, "finished")
    (world.run / "images" / "10-0.png").unlink()
    if place == "images":
        (world.run / "images").rmdir()
        (world.outside / "10-0.png").write_bytes(SECRET)
        (world.run / "images").symlink_to(world.outside)
    else:
        (world.run / place).symlink_to(world.outside / "secret")
    out = tmp_path / "out.jsonl"
    done = CliRunner().invoke(
        main, ["export", str(world.run), "--to", "openai-batch", "--out", str(out)]
    )
    assert (done.exit_code, done.stderr.count("\n"), out.exists()) == (2, 1, False)
    assert "symbolic link" in done.stderr


@pytest.mark.parametrize("name", ["../../outside/secret", "images/../../outside/secret", "/etc/x"])
def test_a_path_that_no_image_has_is_exported_as_it_is(name: str, tmp_path: Path) -> None:
    world = World.made(tmp_path, "finished")
    set_cell(world.run, "response", json.dumps({"data": [{"b64_json": name}], "x": "images/"}))
    out = tmp_path / "out.jsonl"
    words = ["export", str(world.run), "--to", "openai-batch", "--out", str(out)]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert base64.b64encode(SECRET) not in out.read_bytes()


@pytest.mark.parametrize("text", [DEEP.decode(), '{"a": 1', '1, "status": "succeeded"', "NaN"])
@pytest.mark.parametrize("to", ["openai-batch", "jsonl"])
def test_a_response_that_is_not_json_is_exported_as_text_and_forges_nothing(
    to: str, text: str, tmp_path: Path
) -> None:
    world = World.made(tmp_path, "finished")
    set_cell(world.run, "response", text)
    set_cell(world.run, "expected", text)
    out = tmp_path / "out.jsonl"
    words = ["export", str(world.run), "--to", to, "--out", str(out)]
    assert CliRunner().invoke(main, words).exit_code == 0
    lines = [json.loads(line) for line in out.read_bytes().splitlines()]
    found = [
        each["response"]["body"] if to == "openai-batch" else each["response"] for each in lines
    ]
    assert text in found
    assert CliRunner().invoke(main, ["report", "--trend", str(world.run)]).exit_code == 0


@pytest.mark.slow
def test_a_table_that_unpacks_without_end_is_one_line(tmp_path: Path) -> None:
    world = World.made(tmp_path, "finished")
    part = world.run / "results" / "part-000001.parquet"
    row = pl.read_parquet(part).filter(pl.col("url").is_in(IMAGE_URLS)).head(1)
    many = pl.concat([row] * 3_000).with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("index"),
        pl.lit("x" * 100_000).alias("response"),
    )
    many.write_parquet(part, compression="zstd")
    assert part.stat().st_size < 30_000
    for words in (["export", str(world.run), "--to", "csv"], ["report", str(world.run)]):
        with in_time():
            done = CliRunner().invoke(main, words)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
        assert "unpacks to 301,500,000 bytes from" in done.stderr
    assert list(tmp_path.glob("*.csv*")) == []


def test_two_results_for_one_job_are_not_exported(tmp_path: Path) -> None:
    world = World.made(tmp_path, "finished")
    part = world.run / "results" / "part-000001.parquet"
    pl.read_parquet(part).with_columns(pl.lit(0, dtype=pl.Int64).alias("index")).write_parquet(part)
    done = CliRunner().invoke(main, ["export", str(world.run), "--to", "csv"])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "has two results for one job" in done.stderr


def test_a_job_file_that_is_too_deep_to_read_has_no_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The total is of its lines where it is still the one that the run began with."""
    monkeypatch.chdir(tmp_path)
    world = World.made(tmp_path, "finished")
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_bytes(DEEP + b"\n")
    with open_source("jobs.jsonl") as source:
        identity = msgspec.to_builtins(source.identity)
    manifest = json.loads((world.run / "run.json").read_bytes()) | {"job_file": identity}
    (world.run / "run.json").write_text(json.dumps(manifest))
    done = CliRunner().invoke(main, ["status", str(world.run), "--json"])
    assert json.loads(done.stdout)["jobs_total"] is None
    assert faults(done) == []
