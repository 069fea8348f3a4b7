"""`headrace compare`: runs, or sweeps, beside each other."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from .forms import Forms


@click.command()
@click.argument("runs", metavar="A B...", nargs=-1)
@click.option("--a", "side_a", metavar="RUN", multiple=True, help="One of several runs that are A.")
@click.option("--b", "side_b", metavar="RUN", multiple=True, help="One of several runs that are B.")
@click.option("--json", "as_json", is_flag=True, help="Print the same as data.")
@click.option(
    "--by", metavar="COLUMN", help="Compare scores for each value of it, of the metadata."
)
@click.option("--md", is_flag=True, help="Print it as Markdown, for a pull request.")
@click.option("--html", metavar="FILE", help="Write it as a page instead.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def compare(
    runs: tuple[str, ...],
    *,
    side_a: tuple[str, ...],
    side_b: tuple[str, ...],
    as_json: bool,
    by: str | None,
    md: bool,
    html: str | None,
    force: bool,
) -> None:
    """Compare two runs, or several a side, with the uncertainty of each difference.

    Jobs that are the same in both (custom_id and body) are compared in pairs; where there are few
    of them, the runs are compared as two samples. What lies between runs is known where each side
    has several (--a A1 --a A2 --b B1 --b B2); each run then counts once.
    Two sweeps, or more, are compared by their curves of throughput against latency.
    docs/reference/comparison.md says how.
    """
    from pathlib import Path

    from headrace.jobs import printable

    from .output import refuse_existing

    if html is not None:
        refuse_existing(Path(html), force=force)
    shown = _compared_sweeps(runs) if len(runs) > 1 else None
    if shown is None:
        shown = _compared(*_sides(runs, side_a, side_b), by)
    if html is not None:
        shown.write_page(Path(html))
        click.echo(f"written to {printable(html)}", err=True)
    shown.show(as_json=as_json, md=md, has_page=html is not None)


def _compared(a: "list[Path]", b: "list[Path]", by: str | None) -> "Forms":
    from .comparison import compare_sides
    from .figures import data_json
    from .forms import Forms

    found = compare_sides(a, b, by=by)

    def markdown() -> str:
        from .markdown_repeats import comparison_markdown

        return comparison_markdown(found)

    def write_page(path: "Path") -> None:
        from .html import comparison_page
        from .output import write_whole

        write_whole(path, comparison_page(found))

    def show() -> None:
        from .terminal import print_comparison, report_console

        print_comparison(found, report_console())

    return Forms(lambda: data_json(found), markdown, write_page, show)


def _compared_sweeps(runs: tuple[str, ...]) -> "Forms | None":
    """Sweeps beside each other; None where none of these is one."""
    from pathlib import Path

    from .run_series import is_steps

    directories = [Path(run) for run in runs]
    if not any(is_steps(each) for each in directories):
        return None
    from .comparison import compare_sweeps
    from .figures import data_json
    from .forms import Forms

    found = compare_sweeps(directories)

    def markdown() -> str:
        from .markdown_series import sweeps_markdown

        return sweeps_markdown(found)

    def write_page(path: "Path") -> None:
        from .html import write_sweeps_page

        write_sweeps_page(found, path)

    def show() -> None:
        from .terminal import print_sweeps, report_console

        print_sweeps(found, report_console())

    return Forms(lambda: data_json(found), markdown, write_page, show)


def _sides(
    runs: tuple[str, ...], side_a: tuple[str, ...], side_b: tuple[str, ...]
) -> "tuple[list[Path], list[Path]]":
    """The runs of both sides, of `A B` or of the flags."""
    from pathlib import Path

    if runs and (side_a or side_b):
        raise click.UsageError("give A and B, or --a and --b, each as often as there are runs")
    if not runs and not (side_a and side_b):
        raise click.UsageError("name two runs, or give --a RUN and --b RUN for several a side")
    if runs and len(runs) != 2:
        raise click.UsageError(
            f"name two runs, not {len(runs)}; of several a side say which is which: "
            "--a A1 --a A2 --b B1 --b B2"
        )
    if runs:
        side_a, side_b = runs[:1], runs[1:]
    return [Path(each) for each in side_a], [Path(each) for each in side_b]
