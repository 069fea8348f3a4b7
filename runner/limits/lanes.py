"""The lanes of a run: models with limits of their own have one each, the others share one."""

import random
from collections.abc import Iterator, Mapping
from typing import Protocol

from headrace.jobs import Job, Limits

from .lane import Lane


class JobLanes(Protocol):
    """All lanes of a run, and which of them a job takes."""

    def of_job(self, job: Job) -> Lane | None:
        """The lane that a job takes; None where none takes it in this session."""
        ...

    def __iter__(self) -> Iterator[Lane]: ...


class Lanes:
    """`shared`, and `own` by model: each has its limits, its cool-down and its outages."""

    def __init__(self, shared: Lane, own: Mapping[str, Lane]) -> None:
        self.shared = shared
        self.own = own

    def of(self, model: str) -> Lane:
        """The lane that a job for this model takes."""
        return self.own.get(model, self.shared)

    def of_job(self, job: Job) -> Lane | None:
        """The lane that a job takes; None where none takes it in this session."""
        return self.own.get(job.model, self.shared)

    def __iter__(self) -> Iterator[Lane]:
        yield self.shared
        yield from self.own.values()


def lanes_for(
    limits: Limits,
    *,
    deadline_s: float,
    outage_limit_s: float,
    rng: random.Random,
    now_s: float,
    kind: type[Lane] = Lane,
    service: str | None = None,
) -> Lanes:
    """The lanes that these limits make; times as `Lane` and `Limiter` take them."""

    def lane(rpm: int | None, tpm: int | None, model: str | None = None) -> Lane:
        return kind(
            kind.limiter_kind(rpm=rpm, tpm=tpm, now_s=now_s),
            deadline_s=deadline_s,
            outage_limit_s=outage_limit_s,
            rng=rng,
            model=model,
            service=service,
        )

    own = {model: lane(each.rpm, each.tpm, model) for model, each in limits.models.items()}
    return Lanes(lane(limits.rpm, limits.tpm), own)
