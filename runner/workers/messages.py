"""What a coordinator and its workers tell each other, as msgpack.

    coordinator                                worker
    Begin      who you are, and the run   ->
                                          <-   Ready      all that can be made beforehand is made
    Go         the moment to start        ->
    Give       jobs of a file             ->
                                          <-   Room       for so many more jobs
    NoMore     no further jobs will come  ->
                                          <-   Tell       what was done since the last time
                                          <-   Note       segments that hold what is in no table
    Noted      run.json says so           ->
                                          <-   Use        of limits and money
    Deal       what it may send and spend ->
                                          <-   Halt       what would stop the run
    Halt       the run stops, and why     ->
    Kill       at once                    ->
                                          <-   Done       nothing is in flight, all is sealed

Whatever carries them keeps their order. Moments are seconds on the clock that both ends share
(`Link.shared_s`). No message holds a key.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from headrace.jobs import (
    BalanceReading,
    DownloadTotals,
    EstimateTotals,
    HeadraceError,
    Job,
    Reask,
    Status,
)

from .. import errors
from .terms import WorkerTerms, WorkerUse

# The most jobs in one message.
BLOCK_JOBS = 256


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Anything that is sent. Fields are told apart by their place: both ends are one version."""


class Reason(Message, frozen=True, kw_only=True):
    """An error of the run's own, on its way to another process."""

    kind: str
    message: str
    resets_at: datetime | None = None

    @classmethod
    def of(cls, error: HeadraceError) -> "Reason":
        """Of an error that was raised here."""
        resets_at = error.resets_at if isinstance(error, errors.OutOfMoneyError) else None
        return cls(kind=type(error).__name__, message=error.message, resets_at=resets_at)

    def error(self) -> HeadraceError:
        """The same error, with its exit code, to be raised here."""
        kind = KINDS.get(self.kind, HeadraceError)
        if kind is errors.OutOfMoneyError:
            return errors.OutOfMoneyError(self.message, resets_at=self.resets_at)
        return kind(self.message)


KINDS: dict[str, type[HeadraceError]] = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, HeadraceError)
}


class Anchor(Message, frozen=True, kw_only=True):
    """A moment on the wall clock and on the shared one: all processes date their records by it."""

    utc: datetime
    shared_s: float

    def moved(self, shared_s: float) -> datetime:
        """What the wall clock says at a moment of the shared one."""
        return self.utc + timedelta(seconds=shared_s - self.shared_s)


# -- from the coordinator


class Begin(Message, frozen=True, kw_only=True, tag="begin"):
    """Who the worker is, and what it works on. `worker` counts from 1 to `of`.

    `manifest` is run.json as it stands, `segment` the number of the first segment that the worker
    writes, `task` what its kind of run is told (`headrace.runner.traffic`, `headrace.runner.bulk`).
    On another machine than the coordinator's, `ahead_s` is its clock minus the coordinator's;
    `mirrored` has it leave its segments as they are, for the coordinator to seal; and `files` are
    those that its task reads, by the paths that the task names them by.
    """

    kind: Literal["load", "bulk"]
    worker: int
    of: int
    directory: str
    manifest: bytes
    segment: int
    anchor: Anchor
    task: bytes
    ahead_s: float = 0.0
    mirrored: bool = False
    files: dict[str, bytes] = {}


class Go(Message, frozen=True, kw_only=True, tag="go"):
    """Start at this moment."""

    start_s: float


class GivenJob(Message, frozen=True, kw_only=True):
    """A job to be sent. `made` are the attempts that it has had, `replaces` the status of the
    result that its next one replaces, `reasks` the answers that did not fit, oldest first."""

    job: Job
    made: int = 0
    replaces: Status | None = None
    reasks: list[Reask] = []


class Give(Message, frozen=True, kw_only=True, tag="give"):
    """Jobs for the lane of this number."""

    lane: int
    jobs: list[GivenJob]


class NoMore(Message, frozen=True, kw_only=True, tag="no-more"):
    """Nothing more will be given: the worker ends once all that it has is done."""


class Noted(Message, frozen=True, kw_only=True, tag="noted"):
    """run.json names the worker's segments as it asked."""


class Halt(Message, frozen=True, kw_only=True, tag="halt"):
    """Send nothing more; from a worker: what it met with that stops the run."""

    reason: Reason


class Kill(Message, frozen=True, kw_only=True, tag="kill"):
    """Wait no longer for what is in flight."""


class Deal(Message, frozen=True, kw_only=True, tag="deal"):
    """What the worker may send and spend from now on."""

    terms: WorkerTerms


# -- from a worker


class Ready(Message, frozen=True, kw_only=True, tag="ready"):
    """The worker has made all that can be made beforehand."""


class Room(Message, frozen=True, kw_only=True, tag="room"):
    """The lane of this number takes so many jobs more."""

    lane: int
    jobs: int


class Note(Message, frozen=True, kw_only=True, tag="note"):
    """These segments hold attempts that no table has; as run.json names them."""

    segments: list[int | str]


class Use(Message, frozen=True, kw_only=True, tag="use"):
    """What the worker holds, uses and waits for."""

    use: WorkerUse


class LaneCount(Message, frozen=True, kw_only=True):
    """What left by a lane so far, the tokens that came back, and the cool-downs; when the last of
    these ends, None where there was none; and for how long the service has failed by now, None
    where it doesn't."""

    sent: int
    used_tokens: int
    cool_downs: int
    held_until_s: float | None = None
    failing_s: float | None = None


class Tell(Message, frozen=True, kw_only=True, tag="tell"):
    """What a worker has done since it last told, and how it stands. `done` are the jobs that will
    not come back, by their lines, `readings` those of the balance that a refusal called for;
    `lanes` and `look` are as they stand, the latter what its kind of run shows; `peak` is what was
    in flight at the most since."""

    succeeded: int = 0
    failed: int = 0
    spent: Decimal = Decimal(0)
    kept: Decimal = Decimal(0)
    unaccounted: int = 0
    unbilled: bool = False
    done: list[int] = []
    readings: list[BalanceReading] = []
    in_flight: int = 0
    peak: int = 0
    slots: int = 0
    lanes: list[LaneCount] = []
    look: bytes = b""


class Done(Message, frozen=True, kw_only=True, tag="done"):
    """The worker's last word: what it recorded is in the tables. `facts` are what its kind of run
    ends with, `downloads` the linked images that it fetched."""

    estimates: dict[str, EstimateTotals] = {}
    downloads: DownloadTotals | None = None
    facts: bytes = b""


ToWorker = Begin | Go | Give | NoMore | Noted | Halt | Kill | Deal
ToCoordinator = Ready | Room | Tell | Note | Halt | Use | Done
