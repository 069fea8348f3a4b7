"""The commands `headrace jobs ...`: what a job file holds, before it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, Unpack

import click

from headrace.service_flag import SERVICE
from headrace.settings_file import has_table
from headrace.table_flags import selection_flags

from .wording import counted, printable, printable_json, show_amount

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .costs import Forecast, Forecaster, ForecastRow, PriceTable
    from .files import JobReader, Source
    from .services import ServicesForecaster

BAD_LINE_EXIT_CODE = 1


def _tpm(_ctx: click.Context, _param: click.Parameter, value: str) -> int | None:
    text = value.strip().lower().replace("_", "").replace(",", "")
    if text == "none":
        return None
    # int() refuses numbers of thousands of digits.
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) < 1:
        raise click.BadParameter(f"{value!r} is neither a whole number of at least 1 nor 'none'")
    return int(text)


FILE = click.argument("file", metavar="FILE")
PRICES = click.option("--prices", metavar="FILE", help="TOML price file.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
TPM = click.option(
    "--tpm",
    metavar="N|none",
    default="100000",
    show_default=True,
    callback=_tpm,
    help="Tokens per minute; a larger job is a bad line.",
)
ANY_ENDPOINT = click.option("--any-endpoint", is_flag=True, help="Take jobs of any path.")


@click.group()
def jobs() -> None:
    """Make a job file of a table, or inspect one before it runs. Sends nothing and needs no key."""


@jobs.command()
@click.argument("data", metavar="DATA")
@click.option("--recipe", metavar="R.toml", help="How a row becomes a job.")
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    help="The job file to write; an earlier one is replaced.",
)
@click.option("--template", metavar="FILE", help="The message, with {{ column }} in it.")
@click.option("--system", metavar="FILE", help="The system message, likewise.")
@click.option("--model", metavar="MODEL", help="The model to ask.")
@click.option("--id", "id_", metavar="COLUMN", help="The ids.  [default: digests of the bodies]")
@selection_flags
def make(data: str, recipe: str | None, out: str, images_from: str | None, **options: Any) -> None:
    """Make a job for each row of DATA, as a recipe or flags say.

    DATA is Parquet, CSV, JSONL or Arrow: a file, a glob in quotes, a URL that polars reads, or -
    for standard input. Where a row lacks what its message needs, nothing is written. Flags go
    before the recipe. docs/reference/recipes.md has its keys.
    """
    import tempfile

    from .datasets import check_out, made_jobs, open_table, read_recipe, spool, write_job_file
    from .errors import InputError
    from .records import Selection

    asked = {name: options.pop(name) for name in ("template", "system", "model")}
    found = read_recipe(None if recipe is None else Path(recipe), id=options.pop("id_"), **asked)
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "standard input"
        if data == "-":
            spool(kept)
        table = open_table(str(kept) if data == "-" else data)
        if any(Path(out).exists() and Path(out).samefile(file) for file in table.files):
            raise InputError(f"{out} is the table itself; name another file")
        check_out(Path(out))
        count = write_job_file(
            Path(out), made_jobs(table, found, Selection(**options), images_from=images_from)
        )
    click.echo(f"{printable(out)}: {count:,} {'job' if count == 1 else 'jobs'}")
    if found.schema is not None:
        click.echo(
            "Each request has the schema, but `headrace run JOBS` holds no answer against it: "
            "`headrace run DATA --recipe R.toml` does.",
            err=True,
        )


@jobs.command()
@FILE
@TPM
@ANY_ENDPOINT
@SERVICE
@click.option("--prices", metavar="FILE", help="Also list jobs that --max-cost would refuse.")
@JSON
def check(file: str, *, as_json: bool, **reading: "Unpack[_ReadingFlags]") -> None:
    """List every bad line of FILE with its reason; exit code 1 if there are any.

    FILE is a job file as for `headrace run`, or - for standard input.
    """
    from headrace.standard_streams import stdout_is_gone

    from .files import open_source
    from .job import Job
    from .reject_reasons import SHOWN, RejectReasons, reasons_in_words

    good, bad, unread = 0, [], False
    reasons = RejectReasons()
    reads = _reading(bounded=True, **reading)
    with open_source(file) as source:
        for item in reads.reader_of(source):
            if isinstance(item, Job):
                good += 1
                continue
            reasons.add(item.line, item.reason)
            bad.append({"line": item.line, "custom_id": item.custom_id, "reason": item.reason})
            if not as_json:
                click.echo(f"line {item.line}: {printable(item.reason)}")
                unread = stdout_is_gone()
            if unread:  # the exit code is known: `| head` has enough
                break
    if as_json:
        _print_json({"file": file, "jobs": good, "bad_lines": bad})
    elif not unread:
        lines = f"{counted(good, 'job')}, {counted(len(bad), 'bad line')}"
        click.echo(f"{printable(file)}: {lines}", err=True)
        if len(bad) > SHOWN:
            for words in reasons_in_words(reasons.commonest()):
                click.echo(f"  {printable(words)}", err=True)
    click.get_current_context().exit(BAD_LINE_EXIT_CODE if bad else 0)


@jobs.command()
@FILE
@TPM
@ANY_ENDPOINT
@SERVICE
@PRICES
@JSON
def estimate(file: str, *, as_json: bool, **reading: "Unpack[_ReadingFlags]") -> None:
    """Estimate the tokens of FILE and, with prices, the range of its cost.

    FILE is a job file as for `headrace run`, or - for standard input. Bad lines are left out;
    `headrace jobs check` lists them.
    """
    from .files import open_source

    reads = _reading(bounded=False, **reading)
    with open_source(file) as source:
        reads.forecaster.add(reads.reader_of(source))
    forecast = reads.forecaster.forecast()
    if as_json:
        import msgspec

        _print_json(msgspec.to_builtins(forecast))
    else:
        _print_table(forecast)


class _ReadingFlags(TypedDict):
    """The flags of commands that read a job file."""

    tpm: int | None
    prices: str | None
    any_endpoint: bool
    service_names: "Sequence[str]"


class _Reading(NamedTuple):
    """How a job file is read and added up: as `headrace run` would here."""

    reader_of: "Callable[[Source], JobReader]"
    forecaster: "Forecaster | ServicesForecaster"


def _reading(*, bounded: bool, **flags: "Unpack[_ReadingFlags]") -> _Reading:
    """With `bounded`, jobs that the prices don't bound are bad lines where there are prices."""
    from functools import partial

    from headrace.settings_file import SETTINGS_FILE

    from .costs import Forecaster
    from .files import JobReader
    from .model_limits import model_limits_from
    from .other_endpoints import other_endpoints_from

    path, table = Path(SETTINGS_FILE), _load(flags["prices"])
    tpm, names = flags["tpm"], flags["service_names"]
    others = other_endpoints_from(path, any_endpoint=flags["any_endpoint"])
    own = model_limits_from(path, rpm=None, tpm=tpm)
    if has_table(path, "services"):
        from .services import ServicesForecaster, services_as_read

        found = services_as_read(
            path, names=names, tpm=tpm, prices=table, bounded=bounded and table is not None
        )
        reader_of = partial(JobReader, others=others, services=found.services)
        return _Reading(reader_of, ServicesForecaster(found.services, found.prices))
    if names:
        from .services import no_services

        raise no_services(names[0], path)
    reader_of = partial(
        JobReader,
        tpm=tpm,
        model_limits=own,
        bounded_by=table if bounded else None,
        others=others,
    )
    return _Reading(reader_of, Forecaster(table))


def _load(prices: str | None) -> "PriceTable | None":
    from .costs import load_prices

    return None if prices is None else load_prices(Path(prices))


def _print_json(value: Any) -> None:
    import msgspec

    click.echo(printable_json(msgspec.json.format(msgspec.json.encode(value), indent=2)))


def _print_table(forecast: "Forecast") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from .endpoints import ENDPOINTS
    from .fitted_table import fitted

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    services = ["service"] if any(row.service for row in forecast.rows) else []
    for name in (*services, "model", "endpoint"):
        table.add_column(name, overflow="fold")
    images = ["images"] if forecast.total.images else []
    cost = [] if forecast.currency is None else [f"cost, {forecast.currency}"]
    for name in ("jobs", "input", "output", *images, *cost):
        table.add_column(name, justify="right", no_wrap=True)
    for row in (*forecast.rows, forecast.total):
        each = [f"{row.jobs:,}", f"{row.input_tokens:,}"]
        each.append(_range(f"{row.output_tokens_least:,}", f"{row.output_tokens_most:,}"))
        each += [f"{row.images:,}"] if images else []
        each += [_cost(row)] if cost else []
        if row.url is None:  # the total
            table.add_row("all", "", *("" for _ in services), *each, style="bold")
        else:
            kind = ENDPOINTS[row.url].kind
            called = Text(printable(row.url) if kind == "other" else kind)
            of = [str(row.service)] if services else []
            table.add_row(*of, Text(printable(row.model)), called, *each)
    console = Console()
    console.print(fitted(table, console.width, console))
    if forecast.bad_lines:
        are = "is" if forecast.bad_lines == 1 else "are"
        lines = counted(forecast.bad_lines, "bad line")
        click.echo(f"{lines} {are} left out; see `headrace jobs check`")
    if forecast.currency is None:
        click.echo("Add --prices FILE to see the cost.")
        return
    if forecast.unpriced_models:
        names = ", ".join(map(printable, forecast.unpriced_models))
        click.echo(f"No price for {names}: not included in the total.")
    if forecast.unknown_urls:
        names = ", ".join(map(printable, forecast.unknown_urls))
        click.echo(f"What {names} bills is not known: not included in the total.")


def _cost(row: "ForecastRow") -> str:
    if row.cost_least is None or row.cost_most is None:
        return "-"
    return _range(show_amount(row.cost_least), show_amount(row.cost_most))


def _range(least: str, most: str) -> str:
    return least if least == most else f"{least}–{most}"
