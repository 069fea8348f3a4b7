"""A link to a worker on another machine: what it is told of its place is that of its machine."""

from collections.abc import Mapping

import msgspec

from ..workers import Begin, ToCoordinator, ToWorker, WorkerLink


class RemoteLink:
    """As the links of this machine's workers.

    Args:
        link: to the worker and from it.
        directory: where it writes, on its machine.
        ahead_s: its machine's clock minus this one's.
        files: what its task reads, by the paths that the task names them by.
    """

    def __init__(
        self, link: WorkerLink, *, directory: str, ahead_s: float, files: Mapping[str, bytes]
    ) -> None:
        self._link = link
        self._directory = directory
        self._ahead_s = ahead_s
        self._files = files

    async def send(self, message: ToWorker) -> None:
        """Raises LinkLostError."""
        if isinstance(message, Begin):
            message = msgspec.structs.replace(
                message,
                directory=self._directory,
                ahead_s=self._ahead_s,
                mirrored=True,
                files=dict(self._files),
            )
        await self._link.send(message)

    async def receive(self) -> ToCoordinator:
        """Raises LinkLostError."""
        return await self._link.receive()

    def shared_s(self) -> float:
        """This machine's own clock: the worker takes its own to it."""
        return self._link.shared_s()

    def follow(self, ahead_s: float) -> None:
        """What this machine's own clock is ahead of."""
        self._link.follow(ahead_s)

    async def aclose(self) -> None:
        await self._link.aclose()
