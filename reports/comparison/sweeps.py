"""Several sweeps beside each other: what each carries, at which latency, by the same loads."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from headrace.jobs import InputError

from ..run_series import is_steps
from .steps import Step, Steps, read_steps

SWEEPS_SCHEMA_VERSION = 1


class Sweeps(msgspec.Struct, frozen=True, kw_only=True):
    """Sweeps or searches, each called by a letter in the order in which they were named."""

    schema_version: int
    sweeps: list[Steps]

    @property
    def lettered(self) -> list[tuple[str, Steps]]:
        """Each with its letter."""
        return [(letter(n), each) for n, each in enumerate(self.sweeps)]


def letter(number: int) -> str:
    """A, B, C and so on; AA after Z."""
    first, second = divmod(number, 26)
    return (letter(first - 1) if first else "") + chr(ord("A") + second)


def compare_sweeps(directories: Sequence[Path]) -> Sweeps:
    """Sweeps or searches beside each other.

    Args:
        directories: at least two, of sweeps or searches.

    Raises:
        InputError: one is something else, or its steps.json can't be read.
    """
    if others := [each for each in directories if not is_steps(each)]:
        raise InputError(
            f"{others[0]} is not a sweep or a search; compare sweeps with sweeps and runs with runs"
        )
    return Sweeps(
        schema_version=SWEEPS_SCHEMA_VERSION, sweeps=[read_steps(each) for each in directories]
    )


def last_of_each(steps: Steps) -> list[Step]:
    """The steps in order of load, of several of one load the last that was made."""
    by_load = sorted(steps.steps, key=lambda step: step.load)
    return list({step.load: step for step in by_load}.values())


def per_user(step: Step) -> float | None:
    """Output tokens per second that one user gets: all of them over the answers under way, so the
    wait for the first token counts. None where that is not known."""
    tokens, in_flight = step.output_tokens_per_s, step.in_flight
    return tokens / in_flight if tokens and in_flight else None
