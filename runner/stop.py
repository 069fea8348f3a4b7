"""Stopping a run: first no more is sent and what is in flight may finish, then at once."""

from collections.abc import Awaitable, Callable

import trio

from headrace.jobs import HeadraceError

from .errors import StorageError


class Stop:
    """The one place that knows whether and why a run stops before its end.

    Six scopes, in the order in which a run enters them: `opening` reads the balance, `forecasting`
    estimates the file before anything is sent, `fetching` fetches what earlier sessions left as
    links, `sending` sends jobs, `in_flight` is around their attempts, `closing` reads the balance
    again.
    """

    def __init__(self, grace_s: float) -> None:
        self.reason: HeadraceError | None = None
        self.requested_s: float | None = None
        self.opening = trio.CancelScope()
        self.forecasting = trio.CancelScope()
        self.fetching = trio.CancelScope()
        self.sending = trio.CancelScope()
        self.in_flight = trio.CancelScope()
        self.closing = trio.CancelScope()
        self._grace_s = grace_s
        self._at_once = False

    def request(self, reason: HeadraceError) -> None:
        """Stop sending; attempts in flight have the grace time. The first reason stands, unless the
        disk refuses after it: then the books can't be closed."""
        first = self.reason is None
        if first or isinstance(reason, StorageError):
            self.reason = reason
        if first:
            self.requested_s = trio.current_time()
            self.opening.cancel()
            self.forecasting.cancel()
            self.fetching.cancel()
            self.sending.cancel()
            self.in_flight.deadline = trio.current_time() + self._grace_s

    async def on_error(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work`; an error of ours in it stops the run."""
        try:
            await work()
        except HeadraceError as error:
            self.request(error)

    def check(self) -> None:
        """Raise the reason where the run stops at once; any thread may ask."""
        if self.reason is not None and self._at_once:
            raise self.reason

    def now(self) -> None:
        """Cancel what is still in flight, and don't wait for the balance."""
        self._at_once = True
        self.in_flight.cancel()
        self.closing.cancel()
