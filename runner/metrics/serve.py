"""Metrics beside what shows a run's progress: both look at it, and neither changes anything."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import TypeVar

import trio

from headrace.jobs import InputError
from headrace.metrics_server import listening_at, serve_at

from ..stderr import show
from .figures import Figure

P = TypeVar("P")
Shows = Callable[[P], Awaitable[None]]


@contextmanager
def metrics_beside(
    display: Shows[P] | None,
    address: str | None,
    figures_of: Callable[[P], Callable[[], Iterable[Figure]]],
    announce: Callable[[str], None] | None,
) -> Iterator[Shows[P] | None]:
    """The display with metrics served beside it, for as long as it shows a run.

    Args:
        display: shows the progress, if anything does.
        address: where the metrics are to be; None for nowhere, which costs nothing.
        figures_of: what works out the figures of a run that is shown.
        announce: told where they are.

    Returns:
        A context of the display. In it, the address is held, between two sessions too.

    Raises:
        InputError: the address can't be used, or what makes metrics is not installed.
    """
    if address is None:
        yield display
        return
    with ExitStack() as stack:
        try:
            page_of = _page_maker()
            listening = stack.enter_context(listening_at(address, announce or _say_nothing))
        except ValueError as error:
            raise InputError(str(error)) from error

        async def serve(progress: P) -> None:
            await serve_at(listening, page_of(figures_of(progress)))

        async def both(progress: P) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(show, serve, progress, "Metrics are no longer served")
                if display is not None:
                    nursery.start_soon(show, display, progress)

        yield both


def _page_maker() -> Callable[[Callable[[], Iterable[Figure]]], Callable[[], bytes]]:
    """What makes pages of figures. Raises InputError where the library for it is not there."""
    if find_spec("prometheus_client") is None:
        raise InputError(
            "--metrics needs prometheus-client, which is not installed; "
            "run: pip install 'headrace[metrics]'"
        )
    from .exposition import page_of

    return page_of


def _say_nothing(_words: str) -> None:
    """Where nobody is to be told."""
