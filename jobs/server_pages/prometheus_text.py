"""Prometheus' text format, read line by line: https://prometheus.io/docs/instrumenting/exposition_formats/

Tolerant: a line that can't be read is left out and counted, and the rest stands. What OpenMetrics
adds after a value, a moment or an exemplar, is passed over.
"""

import math
import re
from typing import NamedTuple

import msgspec

_NAME = re.compile(r"[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*")
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*')
_REST = re.compile(r"([^ \t]+)((?:[ \t]+-?[0-9][0-9.eE+-]*)?[ \t]*)(?:#.*)?")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "\\": "\\", '"': '"'}
# Lines known by heart: labels that change all the time must not fill the memory.
KNOWN_MAX = 100_000


class Series(NamedTuple):
    """What a value is of; `labels` is a JSON object, in the order of the line."""

    name: str
    labels: str


class Sample(NamedTuple):
    """One line: a series and its value."""

    series: Series
    value: float


class Page(NamedTuple):
    """A whole page: its samples in order, without those that are not finite numbers, and how many
    lines could not be read."""

    samples: list[Sample]
    unread: int


class PageParser:
    """Reads pages of one server. Most lines of a page are those of the page before but for their
    values, so what stands before a value is kept."""

    def __init__(self) -> None:
        self._known: dict[str, Series] = {}

    def page(self, text: str) -> Page:
        """Read a page."""
        samples, unread, known = [], 0, self._known
        for line in text.split("\n"):
            head, _, said = line.rpartition(" ")
            series = known.get(head)
            if series is None:
                if not (stripped := line.strip()) or stripped.startswith("#"):
                    continue
                found = self._sample(line.rstrip("\r"))
            else:
                value = parse_value(said)
                found = None if value is None else Sample(series, value)
            if found is None:
                unread += 1
            elif math.isfinite(found.value):
                samples.append(found)
        return Page(samples, unread)

    def _sample(self, line: str) -> Sample | None:
        parsed = parse_line(line)
        if parsed is not None:
            head, _, said = line.rpartition(" ")
            # A line may continue after its value; then what stands before the last blank is not a
            # series.
            if parse_value(said) is not None and _is_series(head):
                if len(self._known) >= KNOWN_MAX:
                    self._known.clear()
                self._known[head] = parsed.series
        return parsed


def parse_line(line: str) -> Sample | None:
    """A line's sample; None where it can't be read."""
    found = _series(line)
    if found is None:
        return None
    series, end = found
    rest = _REST.fullmatch(line, end)
    value = None if rest is None else parse_value(rest[1])
    return None if value is None else Sample(series, value)


def parse_value(text: str) -> float | None:
    """A value as Prometheus writes it; None where it is not one."""
    if "_" in text:  # which Python reads as a number
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _is_series(head: str) -> bool:
    found = _series(head)
    return found is not None and not head[found[1] :].strip()


def _series(line: str) -> tuple[Series, int] | None:
    """The series that a line begins with, and where it ends."""
    named = _NAME.match(line)
    if named is None:
        return None
    end, labels = named.end(), dict[str, str]()
    if line[end : end + 1] == "{":
        end += 1
        while (label := _LABEL.match(line, end)) is not None:
            name, value = label.groups()
            if name in labels:
                return None
            labels[name] = _unescaped(value) if "\\" in value else value
            end = label.end()
            if line[end : end + 1] != ",":
                break
            end += 1
        closed = re.compile(r"[ \t]*\}[ \t]*").match(line, end)
        if closed is None:
            return None
        end = closed.end()
    elif end < len(line) and line[end - 1] not in " \t":
        return None
    return Series(named[1], msgspec.json.encode(labels).decode()), end


def _unescaped(value: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[0]), value)
