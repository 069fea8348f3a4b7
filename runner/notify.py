"""Waking those who wait for a change."""

import trio


class Notifier:
    """Wakes whoever waits at that moment. To notify costs next to nothing while nobody waits, which
    is so for all but a few of a run's changes."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event: trio.Event | None = None

    async def wait(self) -> None:
        """Wait for the next change; earlier ones don't count."""
        if self._event is None:
            self._event = trio.Event()
        await self._event.wait()

    def notify_all(self) -> None:
        """Wake all who wait."""
        if self._event is not None:
            self._event.set()
            self._event = None


class Latch:
    """Remembers that something is new until its one reader has waited for it: what comes while the
    reader does something else is not missed."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        """There is something new."""
        self._event.set()

    async def wait(self) -> None:
        """Return once there is something new since this returned last."""
        await self._event.wait()
        self._event = trio.Event()


async def first_of(*events: trio.Event) -> None:
    """Wait until one of these is set."""
    async with trio.open_nursery() as nursery:
        for event in events:
            nursery.start_soon(_end_with, event, nursery.cancel_scope)


async def _end_with(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
