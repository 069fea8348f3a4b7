"""What a load run is told: where, in which shape, for how long. Typed and checked."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Literal

from headrace.jobs import InputError, parse_condition

from ..defaults import LOAD, WARMUP_S
from ..settings import SendSettings
from .cancelling import Cancelling
from .demand import MeasureWindow
from .shapes import Shape


class LoadSettings(SendSettings, frozen=True, kw_only=True):
    """Settings of a load run; the defaults are those of the command.

    It ends by `duration_s` of measured time, by a number of measured `requests`, or with its shape;
    `warmup_s` comes before, and what is in flight at the end has `grace_s`. `concurrency` is the
    peak in flight: more is queued, never skipped. There are no limits of the client's own,
    and one attempt per job, unless they are set. `objectives` are conditions on one request,
    `client_error_s` is what the client may be late by (None: what the verdict allows),
    `cost_per_hour` what the hardware costs that answers.
    `require` are conditions on the run, which judge it at its end; `unclear` is what one of them
    counts as whose interval holds its limit. `scrape` is where the server's own metrics are, None
    where nobody reads them; `cancel` says which requests the client cancels.
    """

    shape: Shape
    duration_s: float | None = None
    requests: int | None = None
    warmup_s: float = WARMUP_S
    objectives: tuple[str, ...] = ()
    client_error_s: float | None = None
    cost_per_hour: Decimal | None = None
    require: tuple[str, ...] = ()
    unclear: Literal["met", "missed", "point"] = "point"
    scrape: str | None = None
    cancel: Cancelling | None = None
    rpm: int | None = LOAD.rpm
    tpm: int | None = LOAD.tpm
    attempts: int = LOAD.attempts
    grace_s: float = LOAD.grace_s

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.duration_s is not None and self.requests is not None:
            raise InputError("a run ends by --duration or by --requests; give one of them")
        if self.ends_by_itself and self.shape.length_s is None:
            raise InputError("nothing ends the run; give --duration 60s or --requests 1000")
        if self.duration_s is not None and not 0 < self.duration_s < float("inf"):
            raise InputError(f"the duration is {self.duration_s:g} s; it is more than 0 s")
        if self.requests is not None and self.requests < 1:
            raise InputError(f"{self.requests} requests are not a run; give at least 1")
        if not 0 <= self.warmup_s < float("inf"):
            raise InputError(f"the warm-up is {self.warmup_s:g} s; it is 0 s or more")
        for text in self.objectives:
            parse_condition(text)

    @property
    def ends_by_itself(self) -> bool:
        """Whether nothing but the shape ends the run."""
        return self.duration_s is None and self.requests is None

    def window(self, start_s: float) -> MeasureWindow:
        """What is measured of a run that begins at `start_s` on trio's clock."""
        duration_s = self.duration_s
        if self.ends_by_itself and self.shape.kind == "stages":
            duration_s = self.shape.length_s
        return MeasureWindow(start_s + self.warmup_s, duration_s, self.requests)


def fresh_directory(today: dt.date, parent: Path) -> Path:
    """load-2026-06-09-1.run, or the first such name that is free."""
    number = 1
    while (path := parent / f"load-{today.isoformat()}-{number}.run").exists():
        number += 1
    return path
