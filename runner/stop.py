"""Stopping a run: first no more is sent and what is in flight may finish, then at once."""

from collections.abc import Awaitable, Callable

import trio

from headrace.jobs import HeadraceError

from .errors import StorageError, is_of_service

# What a run's last segment takes, unless its answers are huge; from the second request to stop on.
SEALED_WITHIN_S = 1.0


class Stop:
    """The one place that knows whether and why a run stops before its end.

    Seven scopes, in the order in which a run enters them: `opening` reads the balance,
    `forecasting` estimates the file before anything is sent, `fetching` fetches what earlier
    sessions left as links, `sending` sends jobs, `in_flight` is around their attempts, `closing`
    reads the balance again, `sealing` turns what is left of the journal into tables.
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
        self.sealing = trio.CancelScope()
        self.requested = trio.Event()  # for those who tell others of it
        self.requested_now = trio.Event()
        self.grace_s = grace_s
        self.parts: list[Stop] = []  # which stop with this one
        self._at_once = False
        self._begun_sealing = False

    def request(self, reason: HeadraceError) -> None:
        """Stop sending; attempts in flight have the grace time. The first reason stands, unless the
        disk refuses after it: then the books can't be closed."""
        first = self.reason is None
        if first or isinstance(reason, StorageError):
            self.reason = reason
        if first:
            self.requested.set()
            self.requested_s = trio.current_time()
            self.opening.cancel()
            self.forecasting.cancel()
            self.fetching.cancel()
            self.sending.cancel()
            self.in_flight.deadline = trio.current_time() + self.grace_s
        for part in self.parts:
            part.follow(reason)

    def follow(self, reason: HeadraceError) -> None:
        """Stop for the reason of the whole that this is a part of."""
        Stop.request(self, reason)

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
        """Cancel what is still in flight, don't wait for the balance, and leave the journal to the
        next session where it isn't sealed soon."""
        self._at_once = True
        self.requested_now.set()
        for part in self.parts:
            part.now()
        self.in_flight.cancel()
        self.closing.cancel()
        if self._begun_sealing:
            self._seal_soon()

    def begin_sealing(self) -> trio.CancelScope:
        """The scope to seal in; where the run stops at once, what takes long is not waited for."""
        self._begun_sealing = True
        if self._at_once:
            self._seal_soon()
        return self.sealing

    def _seal_soon(self) -> None:
        soon_s = trio.current_time() + SEALED_WITHIN_S
        self.sealing.deadline = min(self.sealing.deadline, soon_s)


class ServiceStop(Stop):
    """The stop of one of several services: what is wrong with it alone stops it, and `alone` is
    why; anything else stops the run, which stops it too. `service` is its name."""

    def __init__(self, run: Stop, service: str) -> None:
        super().__init__(run.grace_s)
        self.service = service
        self.alone: HeadraceError | None = None
        self._run = run
        run.parts.append(self)

    def request(self, reason: HeadraceError) -> None:
        """As of any; the others carry on where the reason concerns this service alone."""
        if not is_of_service(reason):
            self._run.request(reason)
            return
        if self.reason is None:
            self.alone = reason
        super().request(reason)
