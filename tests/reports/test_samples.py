"""Which sample of which question each job is: by the recipe, or by the ids of `jobs make`."""

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import Binary, Recipe, Score, parse_condition, row_frame
from headrace.reports import compare_runs
from headrace.reports.figures.summary import summary_of
from headrace.reports.objectives.estimates import RunEstimates
from headrace.reports.run import Run, open_run
from headrace.reports.samples import _by_ids, samples_of
from headrace.reports.scores import score_figures
from headrace.reports.uncertainty import Estimate
from tests.reports.conftest import RunMaker

IDS = st.lists(st.text("ab-s12", min_size=1, max_size=6), min_size=1, max_size=8)


def asked(made: RunMaker, rows: list[int], samples: int, *, recipe: bool) -> Run:
    """Rows of a table, asked so often each; the last is answered by a copy of the first."""
    made.recipe = Recipe(model="m", samples=samples) if recipe else None
    for place, row in enumerate(rows):
        for sample in range(samples):
            index = (row if recipe else place) * samples + sample
            copied = f"r{rows[0]}-s{sample + 1}" if row == rows[-1] else None
            made.job(
                index,
                custom_id=f"r{row}-s{sample + 1}",
                text="yes" if row % 2 == 0 else "no",
                expected='"yes"',
                copy_of=copied,
            )
    made.write()
    return open_run(made.directory)


@pytest.fixture
def other(made: RunMaker) -> RunMaker:
    return RunMaker(made.directory.with_name("other.run"))


def test_rows_that_are_left_out_leave_the_others_their_samples(made: RunMaker) -> None:
    """`--where` keeps rows 1, 4 and 7, and the last is answered by a copy of the first."""
    found = samples_of(asked(made, [1, 4, 7], 3, recipe=True))
    run = open_run(made.directory)
    rows = run.results.sort("index").select(
        pl.col("index"),
        found.question.alias("question"),
        found.name.alias("name"),
        (pl.lit(0) if found.number is None else found.number).alias("number"),
    )
    lines = [(row, sample) for row in (1, 4, 7) for sample in range(3)]
    wanted = [(row * 3 + sample, row * 3, f"r{row}", sample + 1) for row, sample in lines]
    assert rows.collect().rows() == wanted


def test_a_file_of_jobs_make_has_the_questions_of_its_recipe(
    made: RunMaker, other: RunMaker
) -> None:
    rows = list(range(0, 60, 3))
    by_recipe, by_ids = asked(made, rows, 4, recipe=True), asked(other, rows, 4, recipe=False)
    one, two = (estimated(each, "mean(text == 'yes') > 0") for each in (by_recipe, by_ids))
    assert (one.clusters, two.clusters) == (20, 20)
    assert one.ends(0.95, 1) == two.ends(0.95, 1)
    assert samples_of(by_ids).several


def estimated(run: Run, text: str) -> Estimate:
    expression = parse_condition(text)
    assert isinstance(expression.root, Binary)
    found = RunEstimates(run, summary_of(run)).of(expression, expression.root.left)
    assert found is not None
    return found


@pytest.mark.slow
def test_gates_scores_and_comparisons_have_the_same_questions(made: RunMaker) -> None:
    """Whatever `sample` a score was written with: samples that came later have none."""
    run = asked(made, [0, 1, 2, 5, 6, 9], 2, recipe=False)
    folder = run.directory / "scores" / "exact"
    folder.mkdir(parents=True)
    rows = [
        Score(index=n, custom_id=each, score=1.0, sample=None)
        for n, each in enumerate(run.results.sort("index").collect()["custom_id"])
    ]
    row_frame(Score, rows).write_parquet(folder / "part.parquet")
    (figures,) = score_figures(run)
    (score,) = [each for each in compare_runs(run, run).scores if each.name == "exact"]
    gate = estimated(run, "mean(exact) > 0")
    assert (figures.questions, figures.samples) == (6, 2)
    assert (score.questions_a, gate.clusters) == (6, 6)
    assert estimated(run, "majority(exact) > 0").clusters == 6


@pytest.mark.parametrize(
    "ids",
    [
        ["a", "b", "c"],
        ["a-s1", "b-s1", "c-s1"],  # once each
        ["a-s1", "a-s2", "b"],
        ["a-s1", "b-s2", "a-s2", "b-s1"],  # not as their lines have it
        ["a-s2", "a-s3"],  # before the file began
        ["a-s1", "a-s2", "a-s1", "a-s2"],
        ["page-s1", "line-s2"],
        ["a-s1", "a-s2222222222"],
        [],
    ],
)
def test_ids_that_end_so_for_other_reasons_are_no_samples(ids: list[str]) -> None:
    assert not _by_ids(rows_of(ids)).several


def test_a_run_that_has_answered_some_samples_knows_their_questions() -> None:
    """Of 3 samples each: of the second question the last one is there."""
    rows = pl.LazyFrame({"index": [0, 1, 5, 6], "custom_id": ["a-s1", "a-s2", "b-s3", "c-s1"]})
    found = _by_ids(rows)
    assert found.several
    assert rows.select(found.question).collect().to_series().to_list() == [0, 0, 3, 6]


def rows_of(ids: list[str]) -> pl.LazyFrame:
    return pl.LazyFrame(
        {"index": range(len(ids)), "custom_id": ids},
        schema={"index": pl.Int64, "custom_id": pl.String},
    )


@given(IDS)
def test_no_two_names_are_one_question(ids: list[str]) -> None:
    rows = rows_of(ids)
    found = _by_ids(rows)
    pairs = set(rows.select(found.question.alias("q"), found.name.alias("n")).collect().rows())
    questions = {question for question, _ in pairs}
    assert len(questions) == len(pairs)
    assert len(pairs) < len(ids) or not found.several


def test_requests_of_a_load_run_are_questions(made: RunMaker) -> None:
    run = asked(made, [0, 1], 2, recipe=True)
    load = run._replace(manifest=msgspec.structs.replace(run.manifest, kind="load"))
    assert not samples_of(load).several
    assert samples_of(run).several
