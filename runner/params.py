"""Flags: what they hold, read and checked, and those that several commands share."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from .defaults import Defaults

# As some write large numbers; 1,00 is not one of them.
THOUSANDS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+")
DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]{1,9}")


class Duration(click.ParamType[float]):
    """300ms, 90s, 30m, 2h, or seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        from headrace.jobs import parse_duration  # a flag is read only once its command runs

        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class CountOr(click.ParamType[int | None]):
    """A whole number of at least 1, or one word that stands for None."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.name = f"N|{word}"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        text = str(value).strip().lower().replace("_", "")
        if THOUSANDS.fullmatch(text):
            text = text.replace(",", "")
        if text == self.word:
            return None
        # A number of thousands of digits is more than int() reads.
        if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) < 1:
            self.fail(
                f"{value!r} is not a whole number of at least 1, nor {self.word!r}", param, ctx
            )
        return int(text)


class Money(click.ParamType[Decimal]):
    """A decimal amount above zero."""

    name = "amount"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(0)
        if not amount.is_finite() or amount <= 0:
            said = f"{value!r} is not an amount above zero; write it like 2.50"
            if DECIMAL_COMMA.fullmatch(text := str(value).strip()):
                said += f"; did you mean {text.replace(',', '.')}?"
            self.fail(said, param, ctx)
        return amount


Command = Callable[..., Any]
Decorator = Callable[[Command], Command]


def _base_url(
    ctx: click.Context, _param: click.Parameter, value: str | None
) -> str | dict[str, str] | None:
    """The base URL, or one for each protocol where the settings file has them: a flag or a
    variable comes before all that is in the file."""
    given = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)
    if ctx.get_parameter_source("base_url") in given:
        return value
    from headrace.jobs import BaseUrls

    from .base_url import base_urls_in_settings

    own = base_urls_in_settings()
    if not own or value is None:
        return own or value
    return {**dict.fromkeys(BaseUrls._fields, value), **own}


BASE_URL = click.option(
    "--base-url",
    callback=_base_url,
    metavar="URL",
    envvar="HEADRACE_BASE_URL",
    help="The service.  [default: HEADRACE_BASE_URL]",
)


WORKERS = click.option(
    "--workers",
    type=CountOr("auto"),
    metavar="N|auto",
    default="1",
    show_default=True,
    callback=lambda _ctx, _param, value: "auto" if value is None else value,
    help="Processes that send; auto: one per core but one.",
)

CLUSTER = click.option(
    "--cluster",
    metavar="URL|FILE",
    help="Send from the machines of a dask cluster, --workers N on each.",
)


def time_flag(flag: str, default_s: float | None = None, *, text: str) -> Decorator:
    """A flag that takes a duration; to the library it is its name with `_s`."""
    default = None if default_s is None else _written(default_s)
    name = flag.removeprefix("--").replace("-", "_") + "_s"
    return click.option(
        flag,
        name,
        type=Duration(),
        metavar="TIME",
        default=default,
        show_default=default is not None,
        help=text,
    )


def _written(seconds: float) -> str:
    """A default as one would give it: 24h, 30m, 90s."""
    for unit, unit_s in (("h", 3600), ("m", 60)):
        if seconds and not seconds % unit_s:
            return f"{seconds / unit_s:g}{unit}"
    return f"{seconds:g}s"


def send_flags(defaults: Defaults, *, concurrency: str, text: str) -> Decorator:
    """The flags that `run` and `load` share.

    Args:
        defaults: those of this kind of run.
        concurrency: the word that stands for no limit of --concurrency.
        text: what --concurrency is.
    """
    none = CountOr("none")
    flags = (
        click.option(
            "--rpm",
            type=none,
            metavar="N|none",
            default="none" if defaults.rpm is None else str(defaults.rpm),
            show_default=True,
            help="Requests per minute.",
        ),
        click.option(
            "--tpm",
            type=none,
            metavar="N|none",
            default="none" if defaults.tpm is None else str(defaults.tpm),
            show_default=True,
            help="Tokens per minute.",
        ),
        click.option(
            "--concurrency",
            type=CountOr(concurrency),
            metavar=f"N|{concurrency}",
            default=concurrency,
            show_default=True,
            help=text,
        ),
        click.option(
            "--attempts",
            type=click.IntRange(min=1),
            metavar="N",
            default=defaults.attempts,
            show_default=True,
            help="How often a job is tried.",
        ),
        click.option(
            "--prices", metavar="FILE", help="TOML price file; without it no cost is known."
        ),
        click.option(
            "--max-cost",
            type=Money(),
            metavar="N",
            help="What the cost never exceeds, in the currency of the prices.",
        ),
        click.option("--yes", is_flag=True, help="Spend more than the balance seems to have."),
        click.option(
            "--header", "headers", metavar="'K: V'", multiple=True, help="Sent with each job."
        ),
        click.option(
            "--any-endpoint",
            is_flag=True,
            help="Send jobs of any path, those of other endpoints without a cost.",
        ),
        click.option("--http2", is_flag=True, help="HTTP/2, where the service speaks it (https)."),
        WORKERS,
        CLUSTER,
        click.option("--share", is_flag=True, help="Let others read the run directory (umask)."),
        click.option(
            "--metrics",
            metavar="ADDR",
            help="Serve the run's figures for Prometheus: 127.0.0.1:9464.",
        ),
        BASE_URL,
        click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
    )

    def decorate(command: Command) -> Command:
        for flag in reversed(flags):
            command = flag(command)
        return command

    return decorate
