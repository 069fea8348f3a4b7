"""Deltas put together: texts grow, objects merge, list items find their place by `index`.

A text that grows is kept as its parts and joined once: adding to a string copies it each time, and
an answer has tens of thousands of parts.
"""

from typing import Any

from .body import UnusableAnswerError, index_of

# Texts that are said again rather than continued.
NAMES = frozenset({"role", "id", "type"})
DEPTH_MAX = 64  # of objects in a delta; those of the services have five


class GrowingText:
    """The parts of a text, in order."""

    __slots__ = ("parts",)

    def __init__(self, *parts: str) -> None:
        self.parts = list(parts)


def merge(whole: dict[str, Any], delta: dict[str, Any], *, depth: int = 0) -> None:
    """Add a delta to what there is.

    Raises UnusableAnswerError for an index that is none, and for a delta that is nested too deeply.
    """
    if depth > DEPTH_MAX:
        raise UnusableAnswerError("a part of the stream is nested too deeply")
    for name, value in delta.items():
        known = whole.get(name)
        if value is None:
            whole.setdefault(name, None)
        elif isinstance(value, str):
            if name in NAMES:
                whole[name] = value
            elif isinstance(known, GrowingText):
                known.parts.append(value)
            elif isinstance(known, str):
                whole[name] = GrowingText(known, value)
            else:
                whole[name] = GrowingText(value)
        elif isinstance(value, dict):
            if not isinstance(known, dict):
                known = whole[name] = {}
            merge(known, value, depth=depth + 1)
        elif isinstance(value, list):
            if not isinstance(known, list):
                known = whole[name] = []
            _merge_list(known, value, depth=depth + 1)
        else:
            whole[name] = value


def _merge_list(whole: list[Any], delta: list[Any], *, depth: int) -> None:
    for item in delta:
        if not isinstance(item, dict) or "index" not in item:
            whole.append(item)
            continue
        index = index_of(item)
        place = next((each for each in whole if _has_index(each, index)), None)
        if place is None:
            place = {"index": index}
            whole.append(place)
        merge(place, item, depth=depth)


def _has_index(item: Any, index: int) -> bool:
    return isinstance(item, dict) and item.get("index") == index


def grown(value: Any, *, depth: int = 0) -> Any:
    """What was put together, its texts joined, and list items with an index in its order."""
    if isinstance(value, GrowingText):
        return "".join(value.parts)
    if depth > 2 * DEPTH_MAX:  # where nothing was put together
        return value
    if isinstance(value, dict):
        return {name: grown(each, depth=depth + 1) for name, each in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(each, dict) and "index" in each for each in value):
            value = sorted(value, key=index_of)
        return [grown(each, depth=depth + 1) for each in value]
    return value
