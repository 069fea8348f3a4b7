"""Directories that headrace 0.1 wrote: one finished, one killed with its journal, one load run.

They were made by that version on its own gateway, with faults; later versions read and resume them.
"""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from trio.testing import MockClock

from headrace.runner.main import main

from .conftest import Bench, Service

DATA = Path(__file__).resolve().parents[1] / "data" / "runs-of-0.1"
KINDS = ("finished", "killed", "load")


def headrace(*words: str) -> str:
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of all three, so that nothing can change the originals."""
    folder = tmp_path / "old"
    shutil.copytree(DATA, folder)
    return folder


def test_each_is_reported(old: Path) -> None:
    said = {kind: json.loads(headrace("report", str(old / kind), "--json")) for kind in KINDS}
    outcomes = {
        kind: (each["outcome"]["succeeded"], each["outcome"]["failed"])
        for kind, each in said.items()
    }
    assert outcomes == {"finished": (12, 1), "killed": (3, 0), "load": (28, 4)}
    assert said["finished"]["balance"]["verdict"] == "agrees"
    assert said["load"]["load"]["verdict"]["verdict"] == "client-limited"


def test_each_is_exported_and_compared(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(old)
    headrace("export", "finished", "--to", "jsonl", "--out", "out.jsonl")
    rows = [json.loads(line) for line in Path("out.jsonl").read_bytes().splitlines()]
    assert [row["custom_id"] for row in rows][:3] == ["c0", "c1", "c2"]
    compared = json.loads(headrace("compare", "finished", "killed", "--json"))
    assert compared["pairing"]["pairs"] == 3
    trend = headrace("report", "finished", "killed", "load", "--trend")
    assert "killed" in trend


@pytest.mark.parametrize(("kind", "posts", "lost"), [("finished", 0, 0), ("killed", 10, 3)])
async def test_a_killed_one_is_resumed_and_a_finished_one_left_alone(
    bench: Bench, service: Service, autojump_clock: MockClock, kind: str, posts: int, lost: int
) -> None:
    shutil.copytree(DATA / kind, bench.directory)
    shutil.copy(DATA / "jobs.jsonl", bench.jobs)
    path = bench.directory / "run.json"
    manifest = json.loads(path.read_bytes())
    path.write_text(json.dumps({**manifest, "base_url": "http://gateway.test"}))
    for _ in range(2):
        ran = await bench.run(service)
    assert ran.results["custom_id"].n_unique() == ran.results.height == 13
    assert len(service.posts) == posts
    assert ran.attempts.filter(error_kind="lost").height == lost
    columns = pl.read_parquet_schema(next((bench.directory / "results").glob("*.parquet")))
    for part in (bench.directory / "results").glob("*.parquet"):
        assert pl.read_parquet_schema(part) == columns
