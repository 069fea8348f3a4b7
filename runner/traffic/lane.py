"""The lane of a load run: it keeps to the limits that were asked for, and to nothing else."""

import trio

from ..limits import Grant, Lane
from ..retries import Failure


class LoadLane(Lane):
    """No cool-down after a 429, and no pause in an outage: what the service does under the traffic
    that was asked for is the result. Nor do the service's headers lower the limits."""

    def apply_service_limit(self, *, rpm: int | None, tpm: int | None) -> None:
        """The service says what it allows: that is its affair."""

    def failed(
        self,
        grant: Grant,
        failure: Failure,
        *,
        sent_at_s: float | None,
        remaining: int | None = None,
    ) -> None:
        """An attempt failed. An answer gives its tokens back; silence keeps them."""
        if failure.kind == "http":
            self._settle(grant, 0, trio.current_time())
