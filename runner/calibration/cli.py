"""`headrace calibrate`: what this machine's client can do, and how far its figures are off."""

from typing import TYPE_CHECKING, Any, Literal

import click

from ..params import WORKERS

if TYPE_CHECKING:
    from ..traffic import Calibration, Peak, Together


@click.command()
@WORKERS
@click.option("--json", "as_json", is_flag=True, help="Print what is saved, as JSON.")
def calibrate(*, workers: int | Literal["auto"], as_json: bool) -> None:
    """Find what this machine's client can do, against a gateway beside it.

    Under two minutes, offline; with --workers one more, for the peaks of so many together. The
    result is saved, and `headrace load` warns beforehand when more is asked for. A machine that is
    busy with other things has less to give: let it be idle.
    """
    from rich.console import Console

    from headrace.jobs import printable_json

    from ..machine_limits import cores_for_workers
    from ..traffic import as_json as json_of
    from ..traffic import calibration_path, save_calibration
    from .measure import busy
    from .measure import calibrate as measure

    console = Console(stderr=True, highlight=False)
    if (said := busy()) is not None:
        console.print(f"Warning: {said}", style="yellow")
    count = cores_for_workers() if workers == "auto" else workers
    found = measure(lambda words: console.print(f"  {words} ..."), count)
    path = calibration_path()
    save_calibration(found, path)
    if as_json:
        click.echo(printable_json(json_of(found)), nl=False)
    else:
        print_calibration(found, Console(highlight=False))
        click.echo(f"Saved in {path}")


def print_calibration(found: "Calibration", console: Any) -> None:
    """Show a calibration. Fits 80 columns."""
    from rich.table import Table

    console.print(f"{found.machine}, {found.cores} cores, headrace {found.headrace}")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("this client's peak")
    table.add_column("at least", justify="right")
    table.add_column("what stopped it there")
    for name, peak in _peaks(found):
        table.add_row(name, f"{peak.most:,.0f}", peak.limit)
    if (several := found.together) is not None:
        table.add_section()
        for name, peak in _peaks(several):
            words = f"{name}, {several.workers} workers"
            table.add_row(words, f"{peak.most:,.0f}", peak.limit)
    console.print(table)
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("reported minus true, ms")
    for name in ("TTFT", "ITL", "latency"):
        table.add_column(f"{name} p50", justify="right")
        table.add_column("p99", justify="right")
    for words, error in found.errors.items():
        figures = (
            error.ttft_p50_s, error.ttft_p99_s, error.itl_p50_s, error.itl_p99_s,
            error.latency_p50_s, error.latency_p99_s,
        )  # fmt: skip
        table.add_row(words, *("-" if s is None else f"{s * 1000:.2f}" for s in figures))
    console.print(table)


def _peaks(found: "Calibration | Together") -> list[tuple[str, "Peak"]]:
    """The peaks in words."""
    return [
        ("requests per second", found.requests_per_s),
        ("chunks per second", found.chunks_per_s),
        ("streams at once", found.streams),
    ]
