"""Deltas put together: texts grow, objects merge, list items find their place by `index`.

A text that grows is kept as its parts and joined once: adding to a string copies it each time, and
an answer has tens of thousands of parts.
"""

from abc import ABC, abstractmethod
from typing import Any

import msgspec

from .body import UnusableAnswerError, index_of

# Texts that are said again rather than continued.
NAMES = frozenset({"role", "id", "type", "format", "object", "model"})
DEPTH_MAX = 64  # of objects in a delta; those of the services have five


class Growing(ABC):
    """Something that deltas add to."""

    __slots__ = ()

    @abstractmethod
    def value(self) -> Any:
        """What has come of it."""


class GrowingText(Growing):
    """The parts of a text, in order."""

    __slots__ = ("parts",)

    def __init__(self, *parts: str) -> None:
        self.parts = list(parts)

    def value(self) -> str:
        """Joined once and kept so: a name is compared with at each delta."""
        if len(self.parts) > 1:
            self.parts = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""


class GrowingList(Growing):
    """A list whose items say their `index`: in its order at the end, the others as they came."""

    __slots__ = ("_by_index", "items")

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self._by_index = {
            item["index"]: item
            for item in items
            if isinstance(item, dict) and isinstance(item.get("index"), int)
        }

    def add(self, delta: list[Any], *, depth: int) -> None:
        for item in delta:
            if not isinstance(item, dict) or item.get("index") is None:
                self.items.append(item)
                continue
            index = index_of(item)
            place = self._by_index.get(index)
            if place is None:
                place = self._by_index[index] = {"index": index}
                self.items.append(place)
            merge(place, item, depth=depth)

    def value(self) -> list[Any]:
        items = self.items
        if items and all(isinstance(each, dict) and "index" in each for each in items):
            return sorted(items, key=index_of)
        return items


class GrowingCalls(Growing):
    """The tool calls of one choice.

    What names a function at an index that is known begins a new call, since some services give all
    calls the index 0, unless it continues the arguments of the last: some say name and id again
    in every delta, and old vLLM gives each a new id. Without a name, a delta continues the call of
    its id, else of its index, else the last.
    """

    __slots__ = ("_by_id", "_by_index", "_calls", "_order")

    def __init__(self) -> None:
        self._calls: list[dict[str, Any]] = []
        self._order: list[int | None] = []
        self._by_index: dict[int, dict[str, Any]] = {}
        self._by_id: dict[tuple[int | None, str], dict[str, Any]] = {}

    def add(self, delta: list[Any]) -> None:
        begun = len(self._calls)
        for item in delta:
            if isinstance(item, dict):
                self._add(item, same_delta=len(self._calls) > begun)

    def _add(self, item: dict[str, Any], *, same_delta: bool) -> None:
        index = index_of(item) if item.get("index") is not None else None
        given = item.get("id")
        name = given if isinstance(given, str) and given else None
        call: dict[str, Any] | None = None
        if name is not None:
            call = self._by_id.get((index, name))
            if call is None and index is None:
                call = self._by_id.get((None, name))
        if call is None:
            call = self._continued(item, index, same_delta=same_delta)
        if call is None:
            call = {}
            self._calls.append(call)
            self._order.append(index)
        if name is not None:
            self._by_id[index, name] = self._by_id[None, name] = call
        if index is not None:
            self._by_index[index] = call
        for key, value in item.items():
            if key == "index" or (key == "id" and (name is None or call.get("id"))):
                continue
            if key in ("function", "custom") and isinstance(value, dict):
                add_function(call, key, value)
            else:
                merge(call, {key: value})

    def _continued(
        self, item: dict[str, Any], index: int | None, *, same_delta: bool
    ) -> dict[str, Any] | None:
        """The call that an item continues, whose id is new or missing; None where it is new."""
        if index is not None:
            call = self._by_index.get(index)
        else:
            call = self._calls[-1] if self._calls else None
        if call is None or _begins_another(item, call, same_delta=same_delta and index is None):
            return None
        return call

    def value(self) -> list[dict[str, Any]]:
        """In the order of their index where all have one, those of one index as they came."""
        if any(index is None for index in self._order):
            return self._calls
        order = sorted(range(len(self._calls)), key=lambda n: (self._order[n], n))
        return [self._calls[n] for n in order]


def _begins_another(item: dict[str, Any], last: dict[str, Any], *, same_delta: bool) -> bool:
    """Whether an item is a call of its own, and not more of the last one of its index."""
    fresh_id = bool(item.get("id")) and bool(last.get("id"))
    for key, argument in (("function", "arguments"), ("custom", "input")):
        said = item.get(key)
        if not isinstance(said, dict):
            continue
        known = last.get(key)
        if not said.get("name"):
            return False
        if not isinstance(known, dict):
            return fresh_id
        before, so_far = _text_of(known.get("name")), known.get(argument)
        if not before:
            return False
        if same_delta or said["name"] != before:
            return same_delta or fresh_id or bool(_text_of(so_far))
        return bool(said.get(argument) or fresh_id) and _is_whole(so_far)
    return fresh_id


def _text_of(value: Any) -> Any:
    return value.value() if isinstance(value, GrowingText) else value


def _is_whole(arguments: Any) -> bool:
    """Whether arguments are whole JSON as they are."""
    if isinstance(arguments, GrowingText):
        if not arguments.parts[-1].rstrip().endswith("}"):
            return False
        arguments.parts = [text := arguments.value()]  # joined once, however often it is asked
        arguments = text
    if not isinstance(arguments, str):
        return bool(arguments)
    try:
        return isinstance(msgspec.json.decode(arguments), dict)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False


def add_function(call: dict[str, Any], key: str, delta: dict[str, Any]) -> None:
    """Add a delta to the function that a call names; a name that is said again is not appended."""
    function = call.setdefault(key, {})
    if not isinstance(function, dict):
        return
    said = function.get("name")
    if said is not None and delta.get("name") == _text_of(said):
        whole = delta.get("arguments")
        again = bool(whole) and _is_whole(known := function.get("arguments"))
        again = again and _text_of(known) == whole  # all of it is said again
        said_again = ("name", "arguments") if again else ("name",)
        delta = {name: value for name, value in delta.items() if name not in said_again}
    merge(function, delta)


class GrowingParts(Growing):
    """A message's content as a list of parts, such as thinking and text, in the order they came.

    A part of the kind of the last one continues it.
    """

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[Any] = []

    def add_text(self, text: str) -> None:
        if text:
            self.add([{"type": "text", "text": text}])

    def add(self, delta: list[Any]) -> None:
        for part in delta:
            last = self._parts[-1] if self._parts else None
            if isinstance(part, str):
                part = {"type": "text", "text": part}
            continues = (
                isinstance(part, dict)
                and isinstance(last, dict)
                and part.get("type") == last.get("type")
                and set(part) <= {"type", "text", "thinking", "index"}
            )
            if not continues or not isinstance(last, dict) or not isinstance(part, dict):
                self._parts.append(_begun(part))
                continue
            inner = last.get("thinking")
            if isinstance(inner, GrowingParts) and isinstance(part.get("thinking"), list):
                inner.add(part["thinking"])
                part = {name: value for name, value in part.items() if name != "thinking"}
            merge(last, part)

    def value(self) -> list[Any]:
        return self._parts


def _begun(part: Any) -> Any:
    """A part that later ones may continue, its thinking as a list of parts where it is one."""
    if not isinstance(part, dict):
        return part
    begun = dict(part)
    if isinstance(thinking := begun.get("thinking"), list):
        inner = begun["thinking"] = GrowingParts()
        inner.add(thinking)
    return begun


def merge(whole: dict[str, Any], delta: dict[str, Any], *, depth: int = 0) -> None:
    """Add a delta to what there is.

    Raises UnusableAnswerError for an index that is not one, and for a delta that is nested too
    deeply.
    """
    if depth > DEPTH_MAX:
        raise UnusableAnswerError("a part of the stream is nested too deeply")
    for name, value in delta.items():
        known = whole.get(name)
        if value is None:
            whole.setdefault(name, None)
        elif isinstance(value, str):
            if name in NAMES:
                if value or not known:
                    whole[name] = value
            elif isinstance(known, GrowingText):
                known.parts.append(value)
            elif isinstance(known, GrowingParts):
                known.add_text(value)
            elif isinstance(known, str):
                whole[name] = GrowingText(known, value)
            else:
                whole[name] = GrowingText(value)
        elif isinstance(value, dict):
            if not isinstance(known, dict):
                known = whole[name] = {}
            merge(known, value, depth=depth + 1)
        elif isinstance(value, list):
            if isinstance(known, GrowingParts):
                known.add(value)
                continue
            if not isinstance(known, GrowingList):
                known = whole[name] = GrowingList(known if isinstance(known, list) else [])
            known.add(value, depth=depth + 1)
        else:
            whole[name] = value


def add_content(message: dict[str, Any], parts: list[Any]) -> None:
    """Add a list of parts to a message's content, which may have begun as a text."""
    known = message.get("content")
    if not isinstance(known, GrowingParts):
        content = GrowingParts()
        before = known.value() if isinstance(known, GrowingText) else known
        if isinstance(before, str):
            content.add_text(before)
        known = message["content"] = content
    known.add(parts)


def grown(value: Any, *, depth: int = 0) -> Any:
    """What was put together, its texts joined, and list items with an index in its order."""
    if isinstance(value, GrowingText):
        return "".join(value.parts)
    if isinstance(value, Growing):
        value = value.value()
    if depth > 2 * DEPTH_MAX:  # where nothing was put together
        return value
    if isinstance(value, dict):
        return {name: grown(each, depth=depth + 1) for name, each in value.items()}
    if isinstance(value, list):
        return [grown(each, depth=depth + 1) for each in value]
    return value
