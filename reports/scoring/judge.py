"""A judge: a model that says what each answer is worth, in a run of its own inside the run.

RUN/scores/NAME/answers.jsonl   what the templates may name of each answer
RUN/scores/NAME/jobs.jsonl      a job for each vote, at line (line of the answer) x votes + vote
RUN/scores/NAME/votes.run       the run that asks them: limits, budget, resume and all

The score of an answer is the mean of its votes, each the last number that the judge wrote (L. Zheng
et al., "Judging LLM-as-a-Judge", NeurIPS 2023, single answer grading).
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from headrace.jobs import SCORES, InputError, Selection, made_jobs, open_table

from ..expected_values import expected_texts
from ..output import whole_file
from ..run import Run, open_run, reading_tables
from ..scores import VOTES_RUN, last_number
from .judge_file import Judge
from .judge_process import JOBS, ask_judge
from .questions import questions
from .score_run import ROWS, SCORED, ScoreReport, report_of, unscored, write_scores
from .unanswered import unanswered

# How a run ends that asked all there was to ask, whatever failed.
ASKED = (0, 1)
REFUSED = 2
VOTES = {"index": pl.Int64, "vote": pl.Float64}
COLUMNS = ("index", "custom_id", "model", "url", "text", "expected", "metadata")


class Judged(NamedTuple):
    """What came of it, None where the judge's run was refused, and the exit code of that run."""

    report: ScoreReport | None
    exit_code: int


def judge_run_answers(
    directory: Path, judge: Judge, name: str, ask: Callable[[Path, Judge], int] = ask_judge
) -> Judged:
    """Have a judge score the answers of a run, and write the scores into it.

    Votes that were cast are not asked for again: the same call resumes where it stopped.

    Args:
        directory: the run.
        judge: who judges.
        name: of the score.
        ask: runs the jobs that stand in a folder.

    Returns:
        The figures, and how the judge's run ended.

    Raises:
        InputError: it is not a run of jobs, or a template can't be filled.
    """
    run = open_run(directory)
    if run.manifest.kind == "load":
        raise InputError(f"{directory} is a load run; a judge is for runs of a job file")
    folder = directory / SCORES / name
    with reading_tables(directory):
        asked, told = _asked(run, folder, judge)
    code = ask(folder, judge)
    if code == REFUSED:
        return Judged(None, code)  # it said why itself, and the scores there are stay
    with reading_tables(directory):
        votes = _votes(folder / VOTES_RUN, judge)
        scores = _scores(asked, votes, judge)
        rest = pl.concat([unscored(unanswered(run)), unscored(told)])
        write_scores(run, name, f"judge:{judge.model}", pl.concat([scores, rest]))
        return Judged(report_of(run, [name]), code)


def _asked(run: Run, folder: Path, judge: Judge) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Write the judge's jobs. Returns the answers that it is asked about (`index`, `custom_id`) and
    those that it isn't (`reason`, too): their texts are not held while it is asked."""
    answers = _answers(run, judge)
    told = _why_not(answers, judge)
    asked = answers.join(told, on="index", how="anti")
    _make_folder(run, folder)
    _write_jobs(folder, asked, judge)
    return asked.select("index", "custom_id"), told


def _answers(run: Run, judge: Judge) -> pl.DataFrame:
    """What a template may name of each answer, in the order of the lines."""
    good = run.results.filter(pl.col("status") == "succeeded").select(*COLUMNS)
    found = good.collect(engine="streaming").sort("index")
    expected = expected_texts(pl.col("expected")).list.join(" | ")
    found = found.with_columns(pl.col("text").fill_null(""), expected.alias("expected"))
    if judge.names("question"):
        found = found.join(questions(run), on="index", how="left", maintain_order="left")
    return found


def _why_not(answers: pl.DataFrame, judge: Judge) -> pl.DataFrame:
    """The answers that lack what a template names, with the reason."""
    reasons = {
        "expected": "nothing is expected",
        "question": "what was asked is not known: the job file is gone, or another now",
        "metadata": "it has no metadata",
    }
    reason = pl.lit(None, pl.String)
    for column, said in reasons.items():
        if judge.names(column):
            reason = pl.coalesce(reason, pl.when(pl.col(column).is_null()).then(pl.lit(said)))
    found = answers.select("index", "custom_id", reason.alias("reason"))
    return found.drop_nulls("reason")


def _make_folder(run: Run, folder: Path) -> None:
    mode = os.stat(run.directory).st_mode & 0o777
    try:
        for each in (folder.parent, folder):
            if each.is_symlink():
                raise InputError(f"{each} is a symbolic link; put the directory itself there")
            each.mkdir(mode=mode, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error


def _write_jobs(folder: Path, asked: pl.DataFrame, judge: Judge) -> None:
    """The judge's job file. An answer's votes have the same lines whatever else was answered: the
    lines between are blank."""
    table = folder / "answers.jsonl"
    with whole_file(table) as file:
        asked.write_ndjson(file)
    lines = asked["index"].to_list()
    with whole_file(folder / JOBS) as file:
        written = 0
        for job in made_jobs(open_table(str(table)), judge.recipe, Selection()):
            row, vote = divmod(job.job_index, judge.votes)
            line = lines[row] * judge.votes + vote
            file.write(b"\n" * (line - written) + job.line)
            written = line + 1


def _votes(directory: Path, judge: Judge) -> pl.DataFrame:
    """Each vote: the `index` of its answer, the `vote` (null: no number on the scale)."""
    if not (directory / "run.json").exists():
        return pl.DataFrame(schema=VOTES)
    good = open_run(directory).results.filter(pl.col("status") == "succeeded")
    rows = good.select(pl.col("index") // judge.votes, "text")
    found = [pl.DataFrame(schema=VOTES)]
    for piece in rows.collect_batches(chunk_size=ROWS, maintain_order=False):
        votes = pl.Series("vote", list(_read(piece["text"], judge.scale)), pl.Float64)
        found.append(piece.select("index", votes))
    return pl.concat(found)


def _read(texts: pl.Series, scale: tuple[float, float]) -> Iterator[float | None]:
    for text in texts:
        number = last_number(text or "")
        vote = None if number is None else float(number)
        yield vote if vote is not None and scale[0] <= vote <= scale[1] else None


def _scores(asked: pl.DataFrame, votes: pl.DataFrame, judge: Judge) -> pl.DataFrame:
    """The mean of each answer's votes, with how many there are where some are missing."""
    cast = votes.group_by("index").agg(
        pl.col("vote").mean().alias("score"),
        pl.col("vote").count().alias("known"),
        pl.len().alias("cast"),
    )
    low, high = judge.scale
    none = f"the judge gave no number from {low:g} to {high:g}"
    known = pl.concat_str(pl.col("known"), pl.lit(f" of {judge.votes} votes"))
    reason = (
        pl.when(pl.col("cast").is_null())
        .then(pl.lit("the judge has not answered"))
        .when(pl.col("known") == 0)
        .then(pl.lit(none))
        .when(pl.col("known") < judge.votes)
        .then(known)
    )
    joined = asked.join(cast, on="index", how="left")
    return joined.select("index", "custom_id", "score", reason.alias("reason")).cast(
        pl.Schema(SCORED)
    )
