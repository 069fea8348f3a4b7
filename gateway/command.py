"""What `headrace gateway` does once its flags are read."""

import os
import signal
import sys
from contextlib import ExitStack
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn

import click
import trio

from .config import Config, default_key
from .errors import GatewayError
from .faults import parse_faults
from .latency import parse_time
from .log import LogFile
from .prices import DEFAULT_PRICES, load_prices
from .server import Gateway

KEY_VARIABLE = "HEADRACE_GATEWAY_KEY"


def run(options: dict[str, Any]) -> NoReturn:
    """Serve until a signal ends it, then exit with 128 + the signal's number.

    What cannot be used is one line on standard error and exit code 2.
    """
    try:
        config = build_config(options)
        application = Gateway(config, log=_discard, remember_charges=False)
        with ExitStack() as stack:
            if options["log"]:
                log = stack.enter_context(LogFile(Path(options["log"]), application.clock))
                application.log_to(log.write)
            caught = trio.run(_serve, application, options["host"], options["port"])
    except GatewayError as error:
        raise _Unusable(str(error)) from error
    sys.exit(128 + caught)


def build_config(options: dict[str, Any]) -> Config:
    """The flags as a Config. Raises GatewayError, naming the flag at fault."""
    secret = os.environ.get(KEY_VARIABLE)
    return Config(
        keys=(default_key(options["seed"], secret),),
        seed=options["seed"],
        rpm=_limit("--rpm", options["rpm"]),
        tpm=_limit("--tpm", options["tpm"]),
        window=options["window"],
        ttft_s=parse_time("--ttft", options["ttft"]),
        itl_s=parse_time("--itl", options["itl"]),
        faults=parse_faults(options["faults"]),
        prices=load_prices(Path(options["prices"])) if options["prices"] else DEFAULT_PRICES,
        balance=_amount("--balance", options["balance"]),
    )


def _limit(name: str, text: str) -> int | None:
    if text.lower() == "none":
        return None
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise GatewayError(f"{name} is {text!r}; write a whole number above 0, or none")
    return int(text)


def _amount(name: str, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise GatewayError(f"{name} is {text!r}; write an amount such as 100 or 0.5")
    return amount


async def _serve(application: Gateway, host: str, port: int) -> int:
    """Serve until SIGINT or SIGTERM, and return which."""
    failure: GatewayError | None = None
    caught = signal.SIGTERM
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:

            async def listen(task_status: trio.TaskStatus[str]) -> None:
                await application.serve(host=host, port=port, task_status=task_status)

            try:
                base_url = await nursery.start(listen)
            except GatewayError as error:
                # Kept for outside of the nursery, which would wrap it in a group.
                failure = error
            else:
                # One write, so that a reader of the pipe never sees half of it.
                secret = application.keys[0].secret
                click.echo(f"HEADRACE_BASE_URL={base_url}\nHEADRACE_API_KEY={secret}")
                click.echo("Listening. Export these two lines to use it; Ctrl-C ends it.", err=True)
                caught = signal.Signals(await anext(signals))
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return caught


class _Unusable(click.ClickException):
    exit_code = 2


def _discard(_row: object) -> None:
    """The log of a server that keeps none: rows must not gather in memory."""
