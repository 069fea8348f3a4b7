"""The command `headrace score`."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from decimal import Decimal


def _amount(_ctx: click.Context, _param: click.Parameter, value: Any) -> "Decimal | None":
    from decimal import Decimal, InvalidOperation

    if value is None:
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise click.BadParameter(f"{value!r} is not an amount above zero; write it like 2.50")
    return amount


@click.command()
@click.argument("run", metavar="RUN")
@click.option(
    "--with",
    "specs",
    metavar="SCORER",
    multiple=True,
    help="exact, contains, regex[:PATTERN], number[:TOL], choice[:ABCD], json, f1 or "
    "module:function; may be repeated.",
)
@click.option(
    "--judge", metavar="judge.toml", help="Have a model score them: the one thing that is sent."
)
@click.option(
    "--max-cost",
    metavar="AMOUNT",
    callback=_amount,
    help="The most that the judge's votes may come to, below what judge.toml says.",
)
@click.option("--name", metavar="NAME", help="What the score is called.  [default: as its scorer]")
@click.option("--json", "as_json", is_flag=True, help="Print the same as data.")
def score(
    run: str,
    *,
    specs: tuple[str, ...],
    judge: str | None,
    max_cost: "Decimal | None",
    name: str | None,
    as_json: bool,
) -> None:
    """Score the answers of RUN beside what was expected, into RUN/scores.

    Nothing is sent but what a judge is asked, in a run of its own.

    A score is a column by its name in conditions, such as "mean(exact) >= 0.7", in reports and in
    joined tables. It may be made again: it takes the place of the earlier one.
    docs/guides/score-answers.md shows how, docs/reference/scores.md defines each scorer.
    """
    from pathlib import Path

    import msgspec

    from headrace.jobs import InputError

    from ..figures import data_json
    from ..scores import scorer_of
    from ..terminal import print_scores, report_console
    from . import ASKED, REFUSED, Named, checked_name, judge_run_answers, read_judge, score_run

    if not specs and judge is None:
        raise InputError("no scorer: give --with, such as --with exact, or --judge judge.toml")
    if name is not None and len(specs) + (judge is not None) > 1:
        raise InputError("--name is of one score: give it with one --with")
    scorers = [scorer_of(spec) for spec in specs]
    named = [Named(checked_name(name or each.name), each) for each in scorers]
    if max_cost is not None and judge is None:
        raise InputError("--max-cost is of a judge's votes: nothing else is sent")
    judges = None if judge is None else read_judge(Path(judge)).costing_at_most(max_cost)
    judged = None if judges is None else checked_name(name or judges.name)
    if judged in [each.name for each in named]:
        raise InputError(f"two scores would be called {judged}; give the judge a name of its own")
    report = score_run(Path(run), named)
    code = 0
    if judges is not None and judged is not None:
        found, code = judge_run_answers(Path(run), judges, judged)
        judgements = [] if found is None else found.scores
        scores = sorted([*report.scores, *judgements], key=lambda each: each.name)
        report = msgspec.structs.replace(report, scores=scores)
    if as_json:
        click.echo(data_json(report), nl=False)
    else:
        print_scores(report.scores, report_console())
    if code not in ASKED:
        if code != REFUSED:
            click.echo("the judge's run stopped; the same command resumes it", err=True)
        click.get_current_context().exit(code if code > 0 else 128 - code)
