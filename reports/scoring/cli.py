"""The command `headrace score`."""

import click


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
@click.option("--name", metavar="NAME", help="What the score is called.  [default: as its scorer]")
@click.option("--json", "as_json", is_flag=True, help="Print the same as data.")
def score(run: str, *, specs: tuple[str, ...], name: str | None, as_json: bool) -> None:
    """Score the answers of RUN beside what was expected, into RUN/scores. Sends nothing.

    A score is a column by its name in conditions, such as "mean(exact) >= 0.7", in reports and in
    joined tables. It may be made again: it takes the place of the earlier one.
    docs/guides/score-answers.md shows how, docs/reference/scores.md defines each scorer.
    """
    from pathlib import Path

    from headrace.jobs import InputError

    from ..figures import data_json
    from ..scores import scorer_of
    from ..terminal import print_scores, report_console
    from . import Named, checked_name, score_run

    if not specs:
        raise InputError("no scorer: give --with, such as --with exact")
    if name is not None and len(specs) > 1:
        raise InputError("--name is of one score: give it with one --with")
    scorers = [scorer_of(spec) for spec in specs]
    named = [Named(checked_name(name or each.name), each) for each in scorers]
    report = score_run(Path(run), named)
    if as_json:
        click.echo(data_json(report), nl=False)
    else:
        print_scores(report.scores, report_console())
