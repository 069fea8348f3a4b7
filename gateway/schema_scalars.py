"""Strings and numbers that fit a JSON schema."""

import datetime as dt
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any
from uuid import UUID

from .draws import SeededDraws
from .errors import ApiError

# How long a string or an array may have to be, and how far a bound may lie from the other.
LONGEST = 10_000
SPAN = 1000
_TRIES = 64
_SINCE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def unfit(place: str, why: str) -> ApiError:
    """The 400 for a schema that nothing can be made of, which names the place within it."""
    return ApiError(400, f"Invalid parameter {place}: {why}.")


def count_of(rules: dict[str, Any], name: str, default: int, place: str) -> int:
    """A length or a number of items, such as `minItems`."""
    value = rules.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise unfit(place, f"{name} is {value!r}")
    if not 0 <= value <= LONGEST and not (name.startswith("max") and value > LONGEST):
        raise unfit(place, f"{name} is {value}; at most {LONGEST} is made here")
    return min(int(value), LONGEST)


def string_of(
    rules: dict[str, Any], draws: SeededDraws, words: Callable[[], str], place: str
) -> str:
    """A string of the format and the length that `rules` ask for."""
    least = count_of(rules, "minLength", 0, place)
    most = count_of(rules, "maxLength", LONGEST, place)
    if most < least:
        raise unfit(place, f"minLength is {least} and maxLength {most}")
    made = _FORMATS.get(rules.get("format", "")) if "format" in rules else None
    if made is not None:
        text = made(draws)
        if not least <= len(text) <= most:
            raise unfit(place, f"{rules['format']} does not have {least} to {most} characters")
        return text
    text = words()
    while len(text) < least:
        text += f" {words()}"
    # Cut at most where it has to be: a length between the bounds is drawn by `words` itself.
    return text[:most] if len(text) > most else text


def number_of(rules: dict[str, Any], draws: SeededDraws, *, whole: bool, place: str) -> int | float:
    """A number within its bounds, and a multiple where `rules` ask for one."""
    low, high, within = _bounds(rules, place)
    step = rules.get("multipleOf", 1 if whole else None)
    if step is not None:
        return _multiple(low, high, step, draws, within=within, whole=whole, place=place)
    for _ in range(_TRIES):
        value = float(low + (high - low) * Fraction(1 + draws.integer(99), 100))
        for each in (round(value, 2), value):
            if within(each):
                return each
    edge = next((float(each) for each in (low, high) if within(float(each))), None)
    if edge is None:
        raise unfit(place, "no number lies within its bounds")
    return edge


def _multiple(
    low: Fraction,
    high: Fraction,
    step: Any,
    draws: SeededDraws,
    *,
    within: Callable[[float], bool],
    whole: bool,
    place: str,
) -> int | float:
    if not _is_number(step) or step <= 0 or (whole and step != int(step)):
        raise unfit(place, f"multipleOf is {step!r}")
    exact = Fraction(step)
    # One further on each side: as floats, 0.3 / 0.01 is 30, and exactly it is a little less.
    first, last = math.ceil(low / exact) - 1, math.floor(high / exact) + 1
    count = max(1, last - first + 1)
    offset = draws.integer(count)
    for attempt in range(_TRIES):
        number = first + (offset + attempt) % count
        value = int(exact * number) if float(step).is_integer() else number * step
        # The way in which validators look at it: 0.29 / 0.01 is not a whole number.
        if within(value) and (isinstance(value, int) or (value / step).is_integer()):
            return value
    raise unfit(place, f"no multiple of {step} lies within its bounds")


def _bounds(
    rules: dict[str, Any], place: str
) -> tuple[Fraction, Fraction, Callable[[float], bool]]:
    """The lowest and the highest number, and whether a number lies within the bounds."""
    limits: dict[str, Fraction] = {}
    for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        if name in rules:
            if not _is_number(rules[name]):
                raise unfit(place, f"{name} is {rules[name]!r}")
            limits[name] = Fraction(rules[name])
    lows = [limits[name] for name in ("minimum", "exclusiveMinimum") if name in limits]
    highs = [limits[name] for name in ("maximum", "exclusiveMaximum") if name in limits]
    low = max(lows) if lows else min(Fraction(0), min(highs) - SPAN if highs else Fraction(0))
    high = min(highs) if highs else max(Fraction(SPAN), low + SPAN)

    def within(value: float) -> bool:
        exact = Fraction(value)
        return (
            low <= exact <= high
            and limits.get("exclusiveMinimum") != exact
            and limits.get("exclusiveMaximum") != exact
        )

    return low, high, within


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _date_time(draws: SeededDraws) -> dt.datetime:
    return _SINCE + dt.timedelta(seconds=draws.integer(365 * 86_400))


def _name(draws: SeededDraws) -> str:
    return ("mill", "weir", "pond", "sluice", "basin", "lock")[draws.integer(6)]


_FORMATS: dict[str, Callable[[SeededDraws], str]] = {
    "date-time": lambda draws: _date_time(draws).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "date": lambda draws: _date_time(draws).strftime("%Y-%m-%d"),
    "time": lambda draws: _date_time(draws).strftime("%H:%M:%SZ"),
    "duration": lambda draws: f"PT{1 + draws.integer(90)}M",
    "email": lambda draws: f"{_name(draws)}@river.example",
    "hostname": lambda draws: f"{_name(draws)}.river.example",
    "ipv4": lambda draws: f"192.0.2.{draws.integer(256)}",
    "ipv6": lambda draws: f"2001:db8::{draws.integer(65_536):x}",
    "uri": lambda draws: f"https://river.example/{_name(draws)}/{draws.integer(1000)}",
    "uuid": lambda draws: str(UUID(int=draws.integer(1 << 63) << 64 | draws.integer(1 << 63))),
}
