"""A run scored: what is written, who has no score and why, and what conditions make of it."""

from pathlib import Path

import msgspec
import polars as pl
import pytest

from headrace.jobs import (
    InputError,
    JobFile,
    Recipe,
    Score,
    Session,
    open_source,
    parse_condition,
    schema,
)
from headrace.reports import judge, open_figures, scan_results, summarise
from headrace.reports.objectives import judge_run
from headrace.reports.scores import scorer_of
from headrace.reports.scoring import Named, score_run
from tests.reports.conftest import CHAT, START, RunMaker


def scored(directory: Path, *specs: str) -> None:
    found = [scorer_of(spec) for spec in specs]
    score_run(directory, [Named(each.name, each) for each in found])


def rows_of(directory: Path, name: str) -> list[tuple[object, ...]]:
    table = pl.read_parquet(directory / "scores" / name / "*.parquet")
    assert dict(table.schema) == dict(schema(Score))
    return table.rows()


@pytest.fixture
def four(made: RunMaker) -> RunMaker:
    """Right, wrong, right, and one that failed."""
    for index, (text, expected) in enumerate([("A", '"A"'), ("B", '"A"'), ("C", '["C", "D"]')]):
        made.job(index, text=text, expected=expected)
    made.result(3, status="failed", text="A", expected='"A"')
    made.write()
    return made


def test_each_job_has_a_row_and_a_reason_where_it_has_no_score(four: RunMaker) -> None:
    scored(four.directory, "exact")
    assert rows_of(four.directory, "exact") == [
        (0, "job-0", 1.0, None, None),
        (1, "job-1", 0.0, None, None),
        (2, "job-2", 1.0, None, None),
        (3, "job-3", None, "failed", None),
    ]


def test_an_answer_that_has_no_text_by_its_nature_has_no_score(made: RunMaker) -> None:
    made.job(0, url="/v1/embeddings", expected='"A"')
    made.job(1, expected='"A"')
    made.write()
    scored(made.directory, "exact")
    assert rows_of(made.directory, "exact") == [
        (0, "job-0", None, "an answer of /v1/embeddings has no text", None),
        (1, "job-1", 0.0, None, None),
    ]


def test_lines_that_were_not_jobs_and_jobs_not_finished_have_no_score(
    made: RunMaker, tmp_path: Path
) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    lines = [{"custom_id": f"job-{n}", "url": CHAT, "body": body} for n in range(4)]
    file = tmp_path / "jobs.jsonl"
    file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    made.job(0, text="A", expected='"A"')
    made.attempt(2, error_kind="lost")
    made.write()
    session = Session(started_at=START, ended_at=START, state="interrupted", limits=made.limits)
    made.manifest(session)
    manifest = msgspec.json.decode((made.directory / "run.json").read_bytes())
    with open_source(str(file)) as source:
        assert isinstance(source.identity, JobFile)
        manifest["job_file"] = source.identity
    (made.directory / "run.json").write_bytes(msgspec.json.encode(manifest))
    (made.directory / "rejects.jsonl").write_text('{"line": 2, "reason": "bad"}\n')
    scored(made.directory, "exact")
    assert rows_of(made.directory, "exact") == [
        (0, "job-0", 1.0, None, None),
        (1, "line-2", None, "rejected", None),
        (2, "job-2", None, "unfinished", None),
        (3, "job-3", None, "unfinished", None),
    ]
    (figures,) = summarise(made.directory).scores
    assert (figures.jobs, figures.scored, figures.scored_share) == (4, 1, 0.25)
    assert figures.reasons == {"unfinished": 2, "rejected": 1}


def test_a_score_takes_the_place_of_the_one_before(four: RunMaker) -> None:
    scored(four.directory, "regex:A")
    scored(four.directory, "regex:B")
    (figures,) = summarise(four.directory).scores
    assert (figures.name, figures.scorer, figures.mean) == ("regex", "regex:B", 1 / 3)
    assert len(list((four.directory / "scores" / "regex").iterdir())) == 1


def test_a_score_is_a_column_in_conditions(four: RunMaker) -> None:
    scored(four.directory, "exact", "f1")
    figures = open_figures(four.directory)
    texts = [
        "mean(exact) >= 66%",
        "count(exact == 0) == 1",
        "mean(latency_s, exact == 1) == 0",
        "scored_share == 75%",
        "mean(exact) == mean(f1)",
        "mean(exact) >= base - 0.02",
    ]
    found = judge(list(map(parse_condition, texts)), figures, figures)
    assert [each.met for each in found] == [True, True, False, True, False, True]
    assert found[2].why == "mean(latency_s, exact == 1) is not known: of 2 jobs none has it"


def test_a_base_without_the_score_is_named(four: RunMaker) -> None:
    before = RunMaker(four.directory.with_name("before.run"))
    before.job(0, text="A")
    before.write()
    scored(four.directory, "exact")
    wanted = [parse_condition("mean(exact) >= base")]
    report = judge_run(four.directory, wanted, base=before.directory)
    assert not report.met
    assert report.objectives[0].why == (
        "in the base run mean(exact) is not known: the run has no score exact; make it with "
        "headrace score"
    )


def test_what_no_score_can_be_is_refused(four: RunMaker) -> None:
    scored(four.directory, "exact")
    with pytest.raises(InputError) as raised:
        judge_run(four.directory, [parse_condition("mean(exact) >= 70")])
    assert "mean(exact) is from 0 to 1; write 70%" in raised.value.message


def test_answers_that_came_later_are_told(four: RunMaker) -> None:
    scored(four.directory, "exact")
    four.job(4, text="A", expected='"A"')
    four.seal()
    (figures,) = summarise(four.directory).scores
    assert (figures.jobs, figures.scored, figures.stale) == (5, 3, 1)


@pytest.mark.parametrize("by_recipe", [True, False])
def test_samples_are_numbered(made: RunMaker, by_recipe: bool) -> None:
    made.recipe = Recipe(model="m", samples=2) if by_recipe else None
    for index in range(4):
        custom_id = f"q{index // 2}-s{index % 2 + 1}"
        made.job(index, custom_id=custom_id, text="A", expected='"A"')
    made.write()
    scored(made.directory, "exact")
    assert [row[4] for row in rows_of(made.directory, "exact")] == [1, 2, 1, 2]


def test_ids_that_only_look_like_samples_are_not(made: RunMaker) -> None:
    for index in range(4):
        made.job(index, custom_id=f"model-s{index}", text="A", expected='"A"')
    made.write()
    scored(made.directory, "exact")
    assert {row[4] for row in rows_of(made.directory, "exact")} == {None}


def test_two_scores_of_one_name_are_refused(four: RunMaker) -> None:
    with pytest.raises(InputError) as raised:
        scored(four.directory, "regex:A", "regex:B")
    assert "two scores would be called regex" in raised.value.message
    assert not (four.directory / "scores").exists()


def test_a_link_in_the_place_of_scores_is_refused(four: RunMaker, tmp_path: Path) -> None:
    (four.directory / "scores").symlink_to(tmp_path)
    with pytest.raises(InputError) as raised:
        scored(four.directory, "exact")
    assert "is a symbolic link, not a directory" in raised.value.message
    (four.directory / "scores").unlink()
    assert scan_results(four.directory).collect().height == 4


def test_scores_that_no_scorer_wrote_are_refused(four: RunMaker) -> None:
    scored(four.directory, "exact")
    part = next((four.directory / "scores" / "exact").iterdir())
    part.write_bytes(b"PAR1")
    with pytest.raises(InputError) as raised:
        summarise(four.directory)
    assert "score the run again" in raised.value.message


@pytest.fixture
def sampled(made: RunMaker) -> RunMaker:
    """Two questions of three samples each, and a failed one: 2 of 3 right, and 1 of 2."""
    texts = ["It is 4", "4.0", "5", "4", "6", None]
    made.recipe = Recipe(model="m", samples=3)
    for index, text in enumerate(texts):
        custom_id = f"q{index // 3}-s{index % 3 + 1}"
        if text is None:
            made.result(index, custom_id=custom_id, status="failed")
        else:
            made.job(index, custom_id=custom_id, text=text, expected="4")
    made.write()
    scored(made.directory, "number", "f1")
    return made


def test_samples_are_figures(sampled: RunMaker) -> None:
    _, figures = summarise(sampled.directory).scores
    assert (figures.name, figures.samples, figures.questions) == ("number", 3, 2)
    assert figures.mean == pytest.approx(3 / 5)
    assert figures.pass_at == {"1": pytest.approx(7 / 12), "2": 1.0, "3": 1.0}
    assert figures.pass_all == {"1": pytest.approx(7 / 12), "2": pytest.approx(1 / 6), "3": 0.0}
    # "It is 4" and 4.0 are the same answer; of the other question one is right and one is not.
    assert figures.majority == 0.75
    assert figures.agreement == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert (figures.low, figures.high) == (None, None)  # of two questions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("pass_at(1, number) >= 50%", 7 / 12),
        ("pass_at(2, number) == 100%", 1.0),
        ("pass_all(2, number) < 20%", 1 / 6),
        ("pass_at(1, number, text != '5') >= 50%", 3 / 4),
        ("majority(number) == 75%", 0.75),
        ("agreement(number) > 50%", 7 / 12),
    ],
)
def test_samples_are_conditions(sampled: RunMaker, text: str, value: float) -> None:
    (found,) = judge([parse_condition(text)], open_figures(sampled.directory))
    assert (found.met, found.why) == (True, None)
    assert found.measured[0].value == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("pass_at(4, number) > 0", "no question has 4 scored samples"),
        ("pass_at(1, f1) > 0", "it is of scores that are 0 or 1"),
    ],
)
def test_what_samples_can_not_say_is_not_known(sampled: RunMaker, text: str, why: str) -> None:
    (found,) = judge([parse_condition(text)], open_figures(sampled.directory))
    assert not found.met
    assert why in str(found.why)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pass_at(1, latency_s) > 0", "pass_at takes one of the run's scores: f1, number"),
        ("majority(number == 1) > 0", "majority takes one of the run's scores"),
        ("pass_at(1, number) > 2", "could never be true"),
        ("pass_at(1, numbr) > 0", "pass_at takes one of the run's scores"),
    ],
)
def test_samples_are_of_scores(sampled: RunMaker, text: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        judge_run(sampled.directory, [parse_condition(text)])
    assert said in raised.value.message


@pytest.mark.slow
def test_intervals_are_clustered_by_question(made: RunMaker) -> None:
    # Ten questions whose four samples always agree are worth ten answers, not forty.
    made.recipe = Recipe(model="m", samples=4)
    for index in range(40):
        made.job(index, text="A" if index // 4 < 7 else "B", expected='"A"')
    made.write()
    scored(made.directory, "exact")
    (together,) = summarise(made.directory).scores
    alone = RunMaker(made.directory.with_name("alone.run"))
    for index in range(10):
        alone.job(index, text="A" if index < 7 else "B", expected='"A"')
    alone.write()
    scored(alone.directory, "exact")
    (each,) = summarise(alone.directory).scores
    assert (together.mean, each.mean) == (0.7, 0.7)
    assert each.low == pytest.approx(0.3968, abs=1e-4)  # Wilson's of 7 in 10
    assert each.high == pytest.approx(0.8922, abs=1e-4)
    assert None not in (together.low, each.low)
    assert float(together.low or 1) <= float(each.low or 0)
