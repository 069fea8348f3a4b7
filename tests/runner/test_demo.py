"""The demo as a user runs it, and that its check can fail."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from headrace.jobs import InputError
from headrace.runner.demo import JOBS, MARKER, check, make_files

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """One demo for all tests of this file: it takes its time."""
    path = tmp_path_factory.mktemp("demo")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HEADRACE")}
    done = subprocess.run(
        [sys.executable, "-m", "headrace", "demo"],
        capture_output=True,
        text=True,
        timeout=90,
        cwd=path,
        env={**environment, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100"},
        check=False,
    )
    return path / "headrace-demo", done


@pytest.mark.slow
def test_the_demo_comes_out_as_planned_to_the_last_digit(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    directory, done = demo
    assert done.returncode == 0, done.stderr
    assert f"{JOBS} succeeded, 0 failed, 7 rejected" in done.stdout
    assert "agrees" in done.stdout
    assert f"headrace report {directory.name}/jobs.run" in done.stderr
    charges = [
        Decimal(row["charge"])
        for row in map(json.loads, (directory / "gateway.log").read_text().splitlines())
        if row["method"] == "POST"
    ]
    attempts = pl.read_parquet(directory / "jobs.run" / "attempts" / "*.parquet")
    assert sum(attempts["cost"].drop_nulls(), Decimal(0)) == sum(charges, Decimal(0)) > 0
    summary = json.loads((directory / "jobs.run" / "summary.json").read_text())
    assert Decimal(summary["usage"]["total"]["cost"]) == sum(charges, Decimal(0))


@pytest.mark.slow
def test_the_demo_covers_every_endpoint_both_protocols_streamed_and_not(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    directory, _ = demo
    results = pl.read_parquet(directory / "jobs.run" / "results" / "*.parquet")
    streamed = results.group_by("url").agg(
        pl.col("ttft_s").count().alias("streamed"), pl.col("ttft_s").null_count().alias("whole")
    )
    kinds = {url: (a > 0, b > 0) for url, a, b in streamed.iter_rows()}
    assert kinds == {
        "/v1/chat/completions": (True, True),
        "/v1/messages": (True, True),
        "/v1/search/completions": (True, True),
        "/v1/images/generations": (False, True),
    }
    attempts = pl.read_parquet(directory / "jobs.run" / "attempts" / "*.parquet")
    assert attempts["error_kind"].drop_nulls().n_unique() >= 3
    bodies = [json.loads(line) for line in (directory / "jobs.jsonl").read_bytes().splitlines()[:3]]
    assert all(body["custom_id"] for body in bodies)
    images = list((directory / "jobs.run" / "images").iterdir())
    assert images
    assert all(image.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for image in images)


@pytest.mark.slow
def test_the_demos_check_tells_what_is_not_as_planned(
    demo: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    directory, _ = demo
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(directory), str(copy)], check=True)
    assert check(copy, 7) == []
    log = (copy / "gateway.log").read_text().splitlines(keepends=True)
    charged = next(n for n, line in enumerate(log) if '"charge":"0.25"' in line)
    log[charged] = log[charged].replace('"charge":"0.25"', '"charge":"0.250000000001"')
    (copy / "gateway.log").write_text("".join(log))
    assert len(check(copy, 7)) == 1
    assert "cost computed" in check(copy, 7)[0]
    assert [line.split(":")[0] for line in check(copy, 8)] == [
        "lines rejected",
        "cost computed, and charges in the gateway's log",
    ]


def test_a_directory_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="no demo made it"):
        make_files(mine)
    assert (mine / "thesis.txt").read_text() == "years of work"


@pytest.mark.slow
def test_a_second_demo_replaces_the_first(tmp_path: Path) -> None:
    assert make_files(tmp_path / "demo") == 7
    (tmp_path / "demo" / "left-over").touch()
    make_files(tmp_path / "demo")
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        MARKER,
        "jobs.jsonl",
        "prices.toml",
    ]
    assert (tmp_path / "demo" / "jobs.jsonl").read_bytes().count(b"\n") == JOBS + 7
