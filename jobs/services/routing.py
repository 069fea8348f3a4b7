"""Which service a job goes to: the one that has its model, and of several each by its weight.

The share is a pure function of the job's number in its file: multiples of the golden ratio, modulo
1, lie about evenly in every beginning of the sequence (a low-discrepancy sequence; Kuipers and
Niederreiter, Uniform Distribution of Sequences, 1974, 2.3). So each service has its share of the
first n jobs to within a few, whatever n is, also where only every k-th line has the model; and
every pass over the file, and every resume, says the same.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from ..job import NO_MODEL
from ..wording import suggested

EVERY_OTHER_MODEL = "*"
# The golden ratio's fraction, in 64 bits: whole numbers, so that nothing is ever rounded.
CIRCLE = 1 << 64
GOLDEN = 0x9E3779B97F4A7C15


class RoutedService(NamedTuple):
    """A service by its name, its models (`*` for all that no other has), and its weight."""

    name: str
    models: Sequence[str]
    weight: float | None = None


class _Shares(NamedTuple):
    """The services that have a model, and where on the circle the part of each ends."""

    names: list[str]
    ends: list[int]


class Routing:
    """Says which service a job goes to.

    Args:
        services: in any order; where a model is on several, each has a weight.
        left_out: models of services that were not chosen, with their names: no `*` takes these.
    """

    def __init__(
        self, services: Sequence[RoutedService], left_out: Mapping[str, str] | None = None
    ) -> None:
        having: dict[str, list[RoutedService]] = {}
        for service in services:
            for model in service.models:
                having.setdefault(model, []).append(service)
        self._left_out = left_out or {}
        self._only = {model: each[0].name for model, each in having.items() if len(each) == 1}
        self._shared = {model: _shares(each) for model, each in having.items() if len(each) > 1}
        self._other = self._only.pop(EVERY_OTHER_MODEL, None)

    def service_of(self, model: str, number: int) -> str | None:
        """The name of the service; None where none has the model.

        Args:
            model: that the job asks for.
            number: of the job, at least 0: its line.
        """
        if (name := self._only.get(model)) is not None:
            return name
        if (shares := self._shared.get(model)) is not None:
            return shares.names[bisect_right(shares.ends, number * GOLDEN % CIRCLE)]
        return None if model in self._left_out else self._other

    def why_none(self, model: str) -> str:
        """Why no service takes a job of this model, and what to do."""
        if (name := self._left_out.get(model)) is not None:
            return f"the model {model!r} is on {name}, left out by --service"
        known = [*self._only, *self._shared]
        named = ", as that of a line without a model is called" if model == NO_MODEL else ""
        return (
            f"no service has the model {model!r}{named}; add it to the models of one in "
            f"headrace.toml{suggested(model, known)}"
        )


def _shares(services: Sequence[RoutedService]) -> _Shares:
    # By name: the order in which they are written decides nothing.
    weights = {each.name: _weight(each) for each in sorted(services, key=lambda each: each.name)}
    whole = sum(weights.values())
    ends, reached = [], Fraction(0)
    for weight in weights.values():
        reached += weight
        ends.append(int(reached / whole * CIRCLE))
    return _Shares([*weights], ends)


def _weight(service: RoutedService) -> Fraction:
    assert service.weight is not None  # whoever read the services made sure
    return Fraction(service.weight)
