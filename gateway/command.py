"""The work of `headrace gateway`, once its flags are parsed."""

import gc
import logging
import os
import resource
import select
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec
import trio

from headrace.loopback import is_loopback
from headrace.metrics_server import listening_at, serve_at

from .answers import load_answers
from .config import Config, default_key
from .errors import GatewayError
from .faults import parse_faults
from .latency import parse_time
from .limits import MAX_PER_MINUTE
from .log import LogFile
from .prices import check_amount, load_prices
from .server import Gateway
from .settings import load_config
from .state import StateFile

KEY_VARIABLE = "HEADRACE_GATEWAY_KEY"
# Above this p99 of its own lateness, the gateway warns that it was the bottleneck.
LATE_S = 0.002
# Allocations between two collections of generation 0, then collections of one generation between
# two of the next.
GC_THRESHOLDS = (700, 10, 10)


def run(options: dict[str, Any]) -> NoReturn:
    """Serve until a signal ends it, then exit with 128 + the signal's number; 0 at the end of
    standard input where that was asked for.

    Unusable options are one line on standard error and exit code 2. A log or a state file that
    can no longer be written ends the server with exit code 1, since it would no longer be true.
    """
    try:
        config = build_config(options)
        _check_host(options["host"], config)
        tls = _tls(options["tls_cert"], options["tls_key"])
        with ExitStack() as stack:
            state = options["state"]
            store = stack.enter_context(StateFile(Path(state))) if state else None
            application = Gateway(config, log=_discard, store=store, remember_charges=False)
            if options["log"]:
                log = stack.enter_context(LogFile(Path(options["log"]), application.clock))
                application.log_to(log.write)
            metrics = _metrics(options["metrics"], stack)
            _allow_many_connections()
            code = trio.run(
                partial(_serve, until_eof=options["until_eof"], metrics=metrics),
                *(application, options["host"], options["port"], tls),
            )
    except GatewayError as error:
        raise _UsageError(str(error)) from error
    except BaseExceptionGroup as group:
        lost, others = group.split(GatewayError)
        if lost is None or others is not None:
            raise
        raise click.ClickException(_first_message(lost)) from group
    _warn_if_late(application)
    sys.exit(code)


class _TooManyConnections(logging.Handler):
    """Warns once, in one line, of what trio logs with a traceback ten times per second."""

    _said = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._said:
            self._said = True
            click.echo(
                "Warning: too many connections are open to accept more; "
                "raise the limit of open files (ulimit -n).",
                err=True,
            )


def _allow_many_connections() -> None:
    """Raise the limit of open files as far as allowed, and warn when that is not enough."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    logger = logging.getLogger("trio.serve_listeners")
    logger.propagate = False
    logger.handlers = [_TooManyConnections()]


def _first_message(group: BaseExceptionGroup[GatewayError]) -> str:
    """The message of the first error in `group`."""
    error = group.exceptions[0]
    return _first_message(error) if isinstance(error, BaseExceptionGroup) else str(error)


def build_config(options: dict[str, Any]) -> Config:
    """The config file with the flags on top. Raises GatewayError, naming the flag at fault."""
    base = load_config(Path(options["config"])) if options["config"] else Config()
    changes: dict[str, Any] = {
        name: options[name] for name in ("window", "seed") if options[name] is not None
    }
    for name in ("rpm", "tpm"):
        if options[name] is not None:
            changes[name] = _limit(f"--{name}", options[name])
    for name in ("ttft", "itl"):
        if options[name] is not None:
            changes[f"{name}_s"] = parse_time(f"--{name}", options[name])
    for name in ("fault_header", "log_chunks"):
        if options[name]:
            changes[name] = True
    if options["faults"] is not None:
        changes["faults"] = parse_faults(options["faults"])
    if options["prices"] is not None:
        changes["prices"] = load_prices(Path(options["prices"]))
    if options["answers"] is not None:
        changes["answers"] = load_answers(Path(options["answers"]))
    if options["balance"] is not None:
        changes["balance"] = _amount("--balance", options["balance"])
    secret = os.environ.get(KEY_VARIABLE)
    if secret and not base.keys:
        changes["keys"] = (default_key(changes.get("seed", base.seed), secret),)
    return msgspec.structs.replace(base, **changes)


def _limit(name: str, text: str) -> int | None:
    if text.lower() == "none":
        return None
    # int() refuses numbers of thousands of digits.
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 100 else 0
    if not 0 < limit <= MAX_PER_MINUTE:
        raise GatewayError(
            f"{name} is {text!r}; write a whole number above 0 and up to {MAX_PER_MINUTE}, or none"
        )
    return limit


def _amount(name: str, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise GatewayError(f"{name} is {text!r}; write an amount such as 100 or 0.5") from None
    check_amount(name, amount)
    return amount


def _tls(certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise GatewayError("--tls-cert and --tls-key belong together: give both or neither")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or str(error)
        raise GatewayError(f"cannot use {certificate} with {key}: {reason}") from error
    return context


def _check_host(host: str, config: Config) -> None:
    """Raises GatewayError where others could reach a server whose key they can make themselves."""
    if not is_loopback(host) and any(key.from_seed for key in config.active_keys()):
        raise GatewayError(
            f"--host {host} lets others reach this server, and its key is made from the seed: "
            f"set {KEY_VARIABLE}, or the secrets in the config file"
        )


def _metrics(address: str | None, stack: ExitStack) -> socket.socket | None:
    """What listens for those who ask for metrics apart from the API; None where nobody is to."""
    if address is None:
        return None
    try:
        return stack.enter_context(listening_at(address, partial(click.echo, err=True)))
    except ValueError as error:
        raise GatewayError(str(error)) from error


async def _serve(
    application: Gateway,
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    *,
    until_eof: bool,
    metrics: socket.socket | None,
) -> int:
    """Serve until a signal ends it or, where asked, standard input; returns the exit code."""
    failure: GatewayError | None = None
    code = 0
    with trio.open_signal_receiver(*_ending_signals()) as signals:
        async with trio.open_nursery() as nursery:

            async def listen(task_status: trio.TaskStatus[str]) -> None:
                await application.serve(host=host, port=port, tls=tls, task_status=task_status)

            try:
                base_url = await nursery.start(listen)
            except GatewayError as error:
                # Raised outside of the nursery, which would wrap it in a group.
                failure = error
            else:
                _announce(application, host, base_url)
                if metrics is not None:
                    nursery.start_soon(serve_at, metrics, application.metrics_page)
                # What start-up allocated stays, so the collector need not visit it again. The rest
                # is collected often, since a long collection delays whatever is due.
                gc.freeze()
                gc.set_threshold(*GC_THRESHOLDS)
                code = await _end(signals, until_eof=until_eof)
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return code


def _ending_signals() -> list[signal.Signals]:
    """What ends it. A hang-up or a quit that was ignored when it began stays so, as under nohup."""
    kept = (signal.SIGHUP, signal.SIGQUIT)
    heeded = [each for each in kept if signal.getsignal(each) is not signal.SIG_IGN]
    return [signal.SIGINT, signal.SIGTERM, *heeded]


async def _end(signals: AsyncIterator[int], *, until_eof: bool) -> int:
    """Wait for what ends it; returns the exit code."""
    code = 0
    async with trio.open_nursery() as nursery:

        async def wait_for_eof() -> None:
            # In a thread that is left behind: whatever standard input is, it can be read there.
            await trio.to_thread.run_sync(_read_to_the_end, abandon_on_cancel=True)
            nursery.cancel_scope.cancel()

        if until_eof:
            nursery.start_soon(wait_for_eof)
        code = 128 + await anext(signals)
        nursery.cancel_scope.cancel()
    return code


def _read_to_the_end() -> None:
    """Read standard input until there is no more of it."""
    with suppress(OSError):
        while select.select((0,), (), ())[0] and os.read(0, 4096):
            pass


def _announce(application: Gateway, host: str, base_url: str) -> None:
    if not is_loopback(host):
        click.echo(
            f"Warning: listening on {host}: others on the network can reach this server.", err=True
        )
    # One write, so that a reader of the pipe never sees only half of it.
    secret = application.keys[0].secret
    click.echo(f"HEADRACE_BASE_URL={base_url}\nHEADRACE_API_KEY={secret}")
    click.echo("Listening. Export these two lines to use it; Ctrl-C ends it.", err=True)


def _warn_if_late(application: Gateway) -> None:
    """Warn when the gateway itself was late."""
    late = application.lateness
    p99_s = late.quantile_s(0.99)
    if p99_s > LATE_S:
        click.echo(
            f"Warning: 1 % of {late.count} paced writes left more than {p99_s * 1000:.1f} ms "
            f"late (worst {late.worst_s * 1000:.1f} ms): this gateway was itself the bottleneck.",
            err=True,
        )


class _UsageError(click.ClickException):
    exit_code = 2


def _discard(_row: object) -> None:
    """The log of a server without one, so that rows do not accumulate in memory."""
