"""The scores that a run directory has: those whose name is one, and none that stands for more."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from headrace.jobs import InputError, Score, row_frame
from headrace.reports import compare_runs
from headrace.reports.run import open_run
from headrace.reports.scores import is_right_or_wrong, score_names, score_table, with_scores

from ..conftest import RunMaker


def scores(run: Path, name: str, values: Sequence[float | None]) -> None:
    folder = run / "scores" / name
    folder.mkdir(parents=True)
    rows = [Score(index=n, custom_id=f"job-{n}", score=each) for n, each in enumerate(values)]
    row_frame(Score, rows).write_parquet(folder / "part.parquet")


def test_a_name_that_means_something_else_is_no_score(made: RunMaker) -> None:
    """Somebody's directory may have any: as_expected was compared twice, and a table joined with
    two columns of one name."""
    for index in range(6):
        made.job(index, text="A", expected='"A"')
    made.write()
    for name in ("exact", "as_expected", "answer", "cost", "sample", "wait_s", "Odd", "with-dash"):
        scores(made.directory, name, [0.0] * 6)
    (made.directory / "scores" / "empty").mkdir()
    assert score_names(made.directory) == ["exact"]
    run = open_run(made.directory)
    assert [each.name for each in compare_runs(run, run).scores] == ["as_expected", "exact"]
    beside = with_scores(run, run.results, ["exact", "as_expected"])
    assert beside.collect().select("exact", "as_expected").unique().rows() == [(0.0, 1.0)]


def test_a_score_is_right_or_wrong_where_it_has_any_and_all_are(made: RunMaker) -> None:
    made.job(0)
    run = open_run(made.write())
    for name, values in (("whole", [0, 1, None]), ("part", [0, 0.5]), ("none", [None])):
        scores(made.directory, name, values)
    found = [is_right_or_wrong(run, name) for name in ("whole", "part", "none")]
    assert found == [True, False, False]


def test_what_is_no_score_is_said(made: RunMaker) -> None:
    made.job(0)
    run = open_run(made.write())
    folder = made.directory / "scores" / "exact"
    folder.mkdir(parents=True)
    with pytest.raises(InputError, match="has no score exact; make it with headrace score"):
        score_table(run, "exact")
    pl.DataFrame({"x": [1]}).write_parquet(folder / "part.parquet")
    with pytest.raises(InputError, match="holds a value that no run records"):
        score_table(run, "exact")
