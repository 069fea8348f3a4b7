"""The commands of this room."""

from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from pathlib import Path

    from .forms import Forms


def _amount(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Any:
    from decimal import Decimal, InvalidOperation

    if value is None:
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise click.BadParameter(f"{value!r} is not an amount of zero or more, such as 0.01")
    return amount


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    from headrace.jobs import parse_duration

    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--trend", is_flag=True, help="Cost, times, errors and scores of runs over time.")
@click.option("--json", "as_json", is_flag=True, help="Print the same as data.")
@click.option("--md", is_flag=True, help="Print it as Markdown, for a pull request.")
@click.option(
    "--html",
    is_flag=True,
    help="Write it as one offline page, RUN/report.html; of --trend, trend.html.",
)
@click.option("--out", metavar="FILE", help="Where --html writes instead.")
@click.option("--charts", metavar="DIR", help="Write the page's charts there, as SVG and PNG.")
@click.option(
    "--tolerance",
    metavar="AMOUNT",
    callback=_amount,
    help="What the balance may differ by.  [default: one unit in its last decimal, at most 0.01]",
)
@click.option(
    "--client-error",
    "client_error_s",
    metavar="TIME",
    callback=_seconds,
    help="What a load run's client may have been late by.  [default: what it began with]",
)
def report(
    runs: tuple[str, ...],
    *,
    trend: bool,
    as_json: bool,
    md: bool,
    html: bool,
    out: str | None,
    charts: str | None,
    tolerance: Any,
    client_error_s: float | None,
) -> None:
    """Show what a run did, cost and took; or several, one after the other.

    RUN is a run directory, of a run that ended, was killed, or is still running; or the directory
    of a sweep, a search or repeats. With --trend, what is not a run among them is skipped,
    and said.
    """
    from pathlib import Path

    from .run_series import is_repeats, is_steps

    if out is not None and not html:
        raise click.UsageError("--out says where --html writes: give --html too")
    shown = _Shown(as_json=as_json, md=md, html=html, out=out)
    directory = Path(runs[0])
    several = len(runs) > 1 or is_steps(directory) or is_repeats(directory)
    if client_error_s is not None and (trend or several):
        raise click.UsageError("--client-error is of one load run, such as a step of a sweep")
    if trend:
        _refuse_charts(charts)
        _show(_trend([Path(run) for run in runs]), Path("trend.html"), shown)
        return
    if len(runs) > 1:
        if md or html or charts:
            raise click.UsageError("--md, --html and --charts are of one run, or of --trend")
        _report_several(runs, as_json=as_json, tolerance=tolerance)
        return
    if several:
        _refuse_charts(charts)
        forms = _repeats(directory) if is_repeats(directory) else _steps(directory)
        _show(forms, directory / "report.html", shown)
        return
    from headrace.jobs import printable

    from .figures import summarise, summary_json
    from .markdown import markdown
    from .terminal import print_summary, report_console

    if html or charts is not None:
        from .html import write_charts, write_html

        written = []
        if html:
            page = directory / "report.html" if out is None else Path(out)
            write_html(directory, page, tolerance=tolerance, client_error_s=client_error_s)
            written.append(page)
        if charts is not None:
            written += write_charts(directory, Path(charts), tolerance=tolerance)
        for path in written:
            click.echo(f"Wrote {printable(path)}", err=as_json or md)
        if not (as_json or md):
            return
    summary = summarise(directory, tolerance=tolerance, client_error_s=client_error_s)
    if as_json:
        click.echo(summary_json(summary), nl=False)
    elif md:
        click.echo(markdown(summary), nl=False)
    else:
        print_summary(summary, report_console())


class _Shown(NamedTuple):
    """How a report of several runs is to be shown; one of these, or on the terminal."""

    as_json: bool
    md: bool
    html: bool
    out: str | None


def _refuse_charts(charts: str | None) -> None:
    if charts is not None:
        raise click.UsageError("--charts are of one run")


def _show(forms: "Forms", page: "Path", shown: _Shown) -> None:
    """In the form that was asked for; `page` is where one goes if that isn't said."""
    from pathlib import Path

    from headrace.jobs import printable

    if shown.html:
        page = page if shown.out is None else Path(shown.out)
        forms.write_page(page)
        click.echo(f"Wrote {printable(page)}", err=shown.as_json or shown.md)
    forms.show(as_json=shown.as_json, md=shown.md, has_page=shown.html)


def _steps(directory: "Path") -> "Forms":
    from .comparison import read_steps, steps_json
    from .forms import Forms

    steps = read_steps(directory)

    def markdown() -> str:
        from .markdown_series import steps_markdown

        return steps_markdown(steps)

    def write_page(path: "Path") -> None:
        from .html import write_steps_page

        write_steps_page(steps, path)

    def show() -> None:
        from .terminal import print_steps, report_console

        print_steps(steps, report_console())

    return Forms(lambda: steps_json(steps), markdown, write_page, show)


def _repeats(directory: "Path") -> "Forms":
    from .comparison import read_repeats, repeats_json
    from .forms import Forms

    repeats = read_repeats(directory)

    def markdown() -> str:
        from .markdown_repeats import repeats_markdown

        return repeats_markdown(repeats)

    def write_page(path: "Path") -> None:
        from .html import write_repeats_page

        write_repeats_page(repeats, path)

    def show() -> None:
        from .terminal import print_repeats, report_console

        print_repeats(repeats, report_console())

    return Forms(lambda: repeats_json(repeats), markdown, write_page, show)


def _trend(directories: "list[Path]") -> "Forms":
    """The trend of those that are runs; which are not is said."""
    from headrace.jobs import printable

    from .comparison import trend_of
    from .figures import data_json
    from .forms import Forms

    found = trend_of(directories)
    for reason in found.skipped.values():
        click.echo(f"skipped: {printable(reason)}", err=True)

    def markdown() -> str:
        from .markdown_series import trend_markdown

        return trend_markdown(found)

    def write_page(path: "Path") -> None:
        from .html import write_trend_page

        write_trend_page(found, path)

    def show() -> None:
        from .terminal import print_trend, report_console

        print_trend(found, report_console())

    return Forms(lambda: data_json(found), markdown, write_page, show)


def _report_several(runs: tuple[str, ...], *, as_json: bool, tolerance: Any) -> None:
    from pathlib import Path

    from .figures import summarise, summary_json
    from .terminal import print_summary, report_console

    summaries = [summarise(Path(run), tolerance=tolerance) for run in runs]
    if as_json:
        texts = ",".join(summary_json(summary).decode() for summary in summaries)
        click.echo(f"[\n{texts}]\n", nl=False)
        return
    for number, summary in enumerate(summaries):
        click.echo("\n" if number else "", nl=False)
        print_summary(summary, report_console())


@click.command()
@click.argument("run", metavar="RUN")
@click.option(
    "--require", metavar="EXPR", multiple=True, help='An objective, such as "p95(latency_s) < 3".'
)
@click.option(
    "--objectives", metavar="FILE", multiple=True, help="A file of objectives, one per line."
)
@click.option("--base", metavar="RUN", help="The run that `base` in an objective stands for.")
@click.option(
    "--unclear",
    type=click.Choice(["met", "missed", "point"]),
    default="point",
    show_default=True,
    help="What an objective counts as whose interval holds its limit; point: as it came out.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as data.")
@click.option("--junit", metavar="FILE", help="Also write it as JUnit XML, for CI.")
def gate(
    run: str,
    *,
    require: tuple[str, ...],
    objectives: tuple[str, ...],
    base: str | None,
    unclear: Any,
    as_json: bool,
    junit: str | None,
) -> None:
    """Judge a run by objectives; exit code 4 where one is not met.

    It is 6 where a load run's own client may have decided one, so that its figures can't tell.

    An objective is a condition on the run's figures: "cost < 5", "error_rate < 1%",
    "p95(ttft_s) <= 1.1 * base". docs/reference/expressions.md has the language and the names.
    Each is met, missed or unclear by the interval of its figures; beside a base, by that of the
    difference, paired where questions are the same.
    Objectives may also stand in headrace.toml, as a list named require in the table [gate].
    """
    from pathlib import Path

    from headrace.jobs import InputError, parse_condition

    from .figures import data_json
    from .junit import gate_junit
    from .objectives import judge_run, read_objectives
    from .output import write_whole
    from .terminal import print_gate, report_console

    wanted = [parse_condition(text) for text in require]
    for file in objectives:
        wanted += read_objectives(Path(file))
    if not wanted:
        raise InputError('no objective: give --require, such as --require "cost < 5"')
    before = None if base is None else Path(base)
    report = judge_run(Path(run), wanted, base=before, unclear=unclear)
    if junit is not None:
        write_whole(Path(junit), gate_junit(report))
    if as_json:
        click.echo(data_json(report), nl=False)
    else:
        print_gate(report, report_console())
    click.get_current_context().exit(report.exit_code)


@click.command()
@click.argument("run", metavar="RUN")
@click.option(
    "--to",
    required=True,
    type=click.Choice(["openai-batch", "anthropic-batch", "jsonl", "csv", "parquet"]),
    help="The format.",
)
@click.option("--out", metavar="FILE", help="Where to.  [default: beside RUN, named for it]")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
def export(run: str, *, to: Any, out: str | None, force: bool) -> None:
    """Write a run's results for other programs, in the order of the job file.

    For openai-batch failed jobs go to a second file, as the service has it: its name ends in
    .errors.jsonl. docs/guides/export.md has the formats.
    """
    from pathlib import Path

    from headrace.jobs import counted, printable

    from .export import export_run

    done = export_run(Path(run), to, None if out is None else Path(out), force=force)
    for path, count in done.files.items():
        click.echo(f"{printable(path)}: {count:,} {'result' if count == 1 else 'results'}")
    if done.left_out:
        are = "is" if done.left_out == 1 else "are"
        jobs = counted(done.left_out, "job")
        click.echo(f"left out: {jobs} that {are} not of /v1/messages", err=True)
    if done.running:
        click.echo("the run is still running: these are the results so far", err=True)


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--out", required=True, metavar="FILE", help="A .parquet, .csv or .jsonl file.")
@click.option("--data", metavar="DATA", help="The table.  [default: the one that RUN was made of]")
@click.option("--recipe", metavar="R.toml", help="What made jobs of it.  [default: RUN's own]")
@click.option("--by-id", is_flag=True, help="Find rows by their jobs' ids: DATA may have changed.")
@click.option("--prefix", default="", metavar="TEXT", help="What the new columns begin with.")
def join(
    run: str, out: str, *, data: str | None, recipe: str | None, by_id: bool, prefix: str
) -> None:
    """Write all rows of a table, in their order, with the answers of RUN beside them.

    RUN may be one that ended, was killed, or is still running. docs/reference/join.md has the
    columns.
    """
    from pathlib import Path

    from headrace.jobs import printable, read_recipe

    from .join import join_run

    made_by = None if recipe is None else read_recipe(Path(recipe))
    done = join_run(Path(run), Path(out), data=data, recipe=made_by, by_id=by_id, prefix=prefix)
    counts = ", ".join(f"{count:,} {status}" for status, count in sorted(done.statuses.items()))
    rows = f"{done.rows:,} {'row' if done.rows == 1 else 'rows'}"
    click.echo(f"{printable(out)}: {rows}" + (f" ({counts})" if counts else ""))
    if done.running:
        click.echo("the run is still running: these are the answers so far", err=True)


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--watch", is_flag=True, help="Keep it up to date until the run ends.")
@click.option("--json", "as_json", is_flag=True, help="Print the same as data.")
def status(run: str, *, watch: bool, as_json: bool) -> None:
    """Show how a run is going, from another terminal.

    Of a run that ended, or whose process is gone, it says that. Nothing in RUN is changed. With
    --watch a line comes each second where standard output is not a terminal, with --json an object.
    """
    from datetime import UTC, datetime
    from pathlib import Path

    from .figures import data_json, status_of
    from .terminal import print_status, report_console

    if watch:
        _watch(Path(run), as_json=as_json)
        return
    found = status_of(Path(run), now=datetime.now(UTC))
    if as_json:
        click.echo(data_json(found), nl=False)
    else:
        print_status(found, report_console())


def _watch(run: "Path", *, as_json: bool) -> None:
    import time
    from datetime import UTC, datetime

    from .figures import RunStatus, data_json, status_of
    from .terminal import Timing, report_console, watch_status

    before: RunStatus | None = None

    def look() -> RunStatus:
        nonlocal before
        before = status_of(run, now=datetime.now(UTC), before=before)
        return before

    def print_object(status: RunStatus) -> None:
        click.echo(data_json(status, indent=None), nl=False)

    timing = Timing(time.monotonic, time.sleep)
    watch_status(look, report_console(), timing, print_object if as_json else None)
