"""A bell: what wakes those who wait for a change."""

import trio


class Notify:
    """Wakes whoever waits at that moment. To ring it costs next to nothing while nobody does, which
    is so for all but a few of a run's changes."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event: trio.Event | None = None

    async def wait(self) -> None:
        """Wait until it rings; what rang before is not heard."""
        if self._event is None:
            self._event = trio.Event()
        await self._event.wait()

    def notify_all(self) -> None:
        """Wake all who wait."""
        if self._event is not None:
            self._event.set()
            self._event = None
