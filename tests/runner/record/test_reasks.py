"""reasks.parquet: what was answered before a job was asked again."""

from pathlib import Path

import msgspec
import polars as pl
import pytest

from headrace.jobs import Ended, InputError, Reask, SegmentName, check_tables, row_frame, schema
from headrace.runner import StorageError
from headrace.runner.record import seal
from headrace.runner.record.reasks import add_reasks, keep_unfit_answers, reasks_of
from tests.runner.record.test_tables import attempt, result


def reask(index: int, number: int, text: str | None = "x") -> Reask:
    return Reask(index=index, attempt=number, text=text, why="why")


def put(run: Path, *rows: Reask) -> None:
    add_reasks(run, row_frame(Reask, rows))


def standing(*rows: tuple[int, int]) -> pl.DataFrame:
    """Results by line and attempts; -1 for a job that is done."""
    return pl.DataFrame(rows, schema={"index": pl.Int64, "attempts": pl.Int32}, orient="row")


def test_a_segment_that_is_sealed_twice_has_its_rows_once(tmp_path: Path) -> None:
    rows = [reask(0, 1), reask(0, 2, None)]
    lines = [Ended(attempt=attempt(attempt=each.attempt), reask=each) for each in rows]
    (tmp_path / "journal").mkdir()
    segment = tmp_path / "journal" / "000001.jsonl"
    for _ in range(2):
        segment.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        seal(tmp_path, SegmentName(1), segment)
        found = pl.read_parquet(tmp_path / "reasks.parquet")
        assert found.schema == schema(Reask)
        assert found.rows() == [(0, 1, "x", "why"), (0, 2, None, "why")]
    assert len(pl.read_parquet(tmp_path / "attempts" / "*.parquet")) == 2


def test_only_jobs_without_a_result_that_stands_go_on_from_them(tmp_path: Path) -> None:
    """Of job 2 what came since its result, which is to be replaced; job 3's line is another."""
    put(tmp_path, *(reask(index, number) for index in range(4) for number in (2, 1)))
    found = reasks_of(tmp_path, standing((1, -1), (2, 2)), passed_over=[3])
    assert found == {0: [reask(0, 1), reask(0, 2)], 2: [reask(2, 2)]}
    assert reasks_of(tmp_path / "none", standing(), ()) == {}


def test_answers_that_did_not_fit_are_kept_before_their_jobs_are_asked_again(
    tmp_path: Path,
) -> None:
    """Not those of jobs that failed otherwise, or of copies, whose first has the answer."""
    unfit = {"status": "failed", "error_code": "SCHEMA", "error_message": "$: no", "text": "t"}
    rows = [
        result(index=0, **unfit, attempts=3),
        result(index=1, **unfit | {"error_code": "X"}),
        result(index=2, **unfit, attempts=0, copy_of="a"),
        result(index=3),
    ]
    (tmp_path / "results").mkdir()
    row_frame(type(rows[0]), rows).write_parquet(tmp_path / "results" / "part-000001.parquet")
    keep_unfit_answers(tmp_path)
    keep_unfit_answers(tmp_path)
    assert pl.read_parquet(tmp_path / "reasks.parquet").rows() == [(0, 3, "t", "$: no")]


def test_a_table_that_is_damaged_or_no_runs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reasks.parquet"
    pl.DataFrame({"index": [-1], "attempt": [1], "text": ["x"], "why": ["y"]}).cast(
        schema(Reask)
    ).write_parquet(path)
    with pytest.raises(InputError, match="no run records, in the column index"):
        check_tables(tmp_path)
    path.write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"reasks\.parquet can't be read"):
        check_tables(tmp_path)
    with pytest.raises(StorageError, match=r"reasks\.parquet can't be read"):
        put(tmp_path, reask(0, 1))
    with pytest.raises(StorageError, match=r"reasks\.parquet can't be read"):
        reasks_of(tmp_path, standing(), ())
