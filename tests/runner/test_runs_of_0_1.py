"""Directories that headrace 0.1 wrote: one finished, one killed with its journal, one load run.

They were made by that version on its own gateway, with faults; later versions read and resume them.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from trio.testing import MockClock

from headrace.jobs import Attempt, BalanceReading, Result, schema
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
    # It was client-limited to 0.1, for requests that left 4 ms late at p99 where answers took 100.
    verdict = said["load"]["load"]["verdict"]
    assert (verdict["verdict"], len(verdict["tolerated"])) == ("valid", 1)


def test_each_is_exported_and_compared(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(old)
    headrace("export", "finished", "--to", "jsonl", "--out", "out.jsonl")
    rows = [json.loads(line) for line in Path("out.jsonl").read_bytes().splitlines()]
    assert [row["custom_id"] for row in rows][:3] == ["c0", "c1", "c2"]
    compared = json.loads(headrace("compare", "finished", "killed", "--json"))
    assert compared["pairing"]["pairs"] == 3
    trend = headrace("report", "finished", "killed", "load", "--trend")
    assert "killed" in trend


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", ["openai-batch", "jsonl", "csv", "parquet"])
def test_each_is_exported_to_any_format(
    old: Path, monkeypatch: pytest.MonkeyPatch, kind: str, to: str
) -> None:
    """With the columns of this version, those that 0.1 lacked as null."""
    monkeypatch.chdir(old)
    headrace("export", kind, "--to", to, "--out", "out")
    assert Path("out").stat().st_size > 0
    if to == "parquet":
        table = pl.read_parquet("out")
        assert table.schema == schema(Result)
        assert table["vectors"].null_count() == table.height > 0


def test_a_load_run_is_compared_with_itself(old: Path) -> None:
    compared = json.loads(headrace("compare", str(old / "load"), str(old / "load"), "--json"))
    assert {row["difference"] for row in compared["differences"]} <= {0, "0", None}


@pytest.mark.slow
# The service of these tests answers everything as a chat, which five of the jobs are not.
@pytest.mark.parametrize(
    ("kind", "posts", "lost", "failed"), [("finished", 0, 0, 1), ("killed", 10, 3, 5)]
)
async def test_a_killed_one_is_resumed_and_a_finished_one_left_alone(
    bench: Bench,
    service: Service,
    autojump_clock: MockClock,
    kind: str,
    posts: int,
    lost: int,
    failed: int,
) -> None:
    shutil.copytree(DATA / kind, bench.directory)
    shutil.copy(DATA / "jobs.jsonl", bench.jobs)
    path = bench.directory / "run.json"
    manifest = json.loads(path.read_bytes())
    path.write_text(json.dumps({**manifest, "base_url": "http://gateway.test"}))
    directory = bench.directory
    directory.chmod(0o755)  # as 0.1 made it
    before = [] if posts else [rows_of(directory, each) for each in ("results", "attempts")]
    for session in (1, 2):
        ran = await bench.run(service)
        assert ran.results["custom_id"].n_unique() == ran.results.height == 13
        assert len(service.posts) == posts
        assert ran.attempts.filter(error_kind="lost").height == lost
        assert (ran.manifest["schema_version"], len(ran.manifest["sessions"])) == (2, session + 1)
        assert of_one_schema(directory)
    assert directory.stat().st_mode & 0o777 == 0o755
    assert posts or before == [rows_of(directory, each) for each in ("results", "attempts")]
    # The figures, and the runs beside one another, as of directories that were never of 0.1.
    said = json.loads(headrace("report", str(directory), "--json"))
    assert (said["outcome"]["succeeded"], said["outcome"]["failed"]) == (13 - failed, failed)
    assert said["run"]["missing_columns"] == []
    headrace("export", str(directory), "--to", "csv", "--out", str(bench.path / "out.csv"))
    assert len((bench.path / "out.csv").read_text().splitlines()) > 13
    compared = json.loads(headrace("compare", str(directory), str(DATA / "finished"), "--json"))
    assert compared["pairing"]["pairs"] > 0
    trend = headrace("report", str(directory), str(DATA / "finished"), "--trend")
    assert "finished" in trend


def rows_of(directory: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table in the columns that 0.1 had."""
    columns = pl.read_parquet_schema(next((DATA / "finished" / table).glob("*.parquet")))
    rows = pl.scan_parquet(directory / table / "*.parquet").select(list(columns)).collect()
    return rows.sort("index").to_dicts()


def of_one_schema(directory: Path) -> bool:
    """Read as anybody would, without the project."""
    assert pl.scan_parquet(directory / "results/*.parquet").collect().schema == schema(Result)
    assert pl.scan_parquet(directory / "attempts/*.parquet").collect().schema == schema(Attempt)
    assert pl.read_parquet_schema(directory / "balance.parquet") == schema(BalanceReading)
    return True
