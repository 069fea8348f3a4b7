"""Runs of which a part is gone are told as such, by whatever reads them."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from headrace.jobs import InputError, decode_manifest
from headrace.reports import scan_results, status_of, summarise, write_summary
from headrace.reports.comparison import compare_sides
from headrace.reports.export import export_run
from headrace.reports.objectives import judge_run
from headrace.reports.run import check_whole

from .conftest import RunMaker

READERS: dict[str, Callable[[Path], object]] = {
    "report": summarise,
    "status": lambda run: status_of(run, now=datetime(2026, 6, 9, tzinfo=UTC)),
    "export": lambda run: export_run(run, "jsonl", run.parent / "out.jsonl"),
    "compare": lambda run: compare_sides([run], [run]),
    "gate": lambda run: judge_run(run, [], base=None),
    "scan": scan_results,
    "resume": lambda run: check_whole(run, decode_manifest((run / "run.json").read_bytes())),
}


def gone(run: Path, what: str) -> None:
    """Take away a directory, all its parts, or one of them."""
    table, _, how = what.partition(" ")
    parts = sorted((run / table).glob("*.parquet"))
    if how == "gone":
        shutil.rmtree(run / table)
    for part in parts if how == "emptied" else parts[:1] if how == "part" else []:
        part.unlink()


@pytest.fixture
def run(made: RunMaker) -> Path:
    for index in range(6):
        made.job(index, cost=Decimal(1), latency_s=1.0)
    directory = made.write()
    write_summary(directory)
    return directory


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("results gone", "summary.json counts 6 results, and results/ has 0; restore it"),
        ("results emptied", "summary.json counts 6 results, and results/ has 0"),
        ("results part", "summary.json counts 6 results, and results/ has "),
        ("attempts gone", "summary.json counts 6 attempts, and attempts/ has 0"),
        ("attempts part", "summary.json counts 6 attempts, and attempts/ has "),
    ],
)
def test_a_run_that_lost_rows_is_not_read_as_whole(
    run: Path, reader: str, what: str, said: str
) -> None:
    gone(run, what)
    with pytest.raises(InputError) as caught:
        READERS[reader](run)
    assert caught.value.message.startswith(f"{run} is not whole: {said}")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("reader", READERS)
def test_a_whole_run_is_read(run: Path, reader: str) -> None:
    READERS[reader](run)
    assert summarise(run).outcome.succeeded == 6


@pytest.mark.parametrize("what", ["results gone", "results emptied", "attempts gone"])
def test_without_a_summary_run_json_tells(run: Path, what: str) -> None:
    (run / "summary.json").unlink()
    gone(run, what)
    table = what.partition(" ")[0]
    with pytest.raises(InputError, match=f"run.json says that it finished, and {table}/ has no"):
        summarise(run)


@pytest.mark.parametrize("text", ["", "{}", '{"outcome": 7}', "[" * 100_000])
def test_a_summary_that_cannot_be_read_counts_nothing(run: Path, text: str) -> None:
    (run / "summary.json").write_text(text)
    assert summarise(run).outcome.attempts == 6


def test_a_summary_of_before_may_count_less(run: Path) -> None:
    summary = msgspec.json.decode((run / "summary.json").read_bytes())
    summary["outcome"] |= {"succeeded": 3, "attempts": 4}
    (run / "summary.json").write_bytes(msgspec.json.encode(summary))
    assert summarise(run).outcome.succeeded == 6
