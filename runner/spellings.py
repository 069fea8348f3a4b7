"""A text in every spelling: as JSON, URLs and HTML escape it, one in the other too.

A key that a service writes back as `\\u0073k-...` or `sk%2D...` is as readable as the key itself:
some reader undoes the escapes. So a text is looked at as it is, and with its escapes undone, level
by level; what is found there is known by where it stands in the text itself.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

LEVELS_MAX = 5  # escapes within escapes: HTML in JSON in JSON is three
ESCAPE = re.compile(
    r"""\\(?:u00(?P<u>[2-7][0-9A-Fa-f])|x(?P<x>[2-7][0-9A-Fa-f])|(?P<plain>["'/\\]))
    |%(?P<percent>[2-7][0-9A-Fa-f])
    |&(?:\#0*(?P<decimal>[0-9]{2,3})|\#[xX]0*(?P<hex>[2-7][0-9A-Fa-f])|(?P<name>[A-Za-z]{2,20}));?
    """,
    re.VERBOSE,
)

Span = tuple[int, int]


class Undone(NamedTuple):
    """A text with one level of its escapes undone, and where they were.

    `at[n]` is where the n-th escape's character stands in `text`; `begins` and `ends` are where the
    escape stood in the text before.
    """

    text: str
    at: list[int]
    begins: list[int]
    ends: list[int]

    def before(self, span: Span) -> Span:
        """Where a span of `text` was in the text before."""
        begin, last = span[0], span[1] - 1
        return self._place(begin)[0], self._place(last)[1]

    def _place(self, index: int) -> Span:
        n = bisect_right(self.at, index) - 1
        if n < 0:
            return index, index + 1
        if self.at[n] == index:
            return self.begins[n], self.ends[n]
        begin = self.ends[n] + index - self.at[n] - 1
        return begin, begin + 1


def spans_spelled(text: str, find: Callable[[str], Iterator[Span]]) -> list[Span]:
    """Where `text` spells what `find` finds, whole escapes each; in order, and none in another."""
    levels: list[Undone] = []
    spans: list[Span] = []
    while True:
        for span in find(text):
            for level in reversed(levels):
                span = level.before(span)
            spans.append(span)
        if len(levels) == LEVELS_MAX:
            break
        levels.append(undo_escapes(text))
        if not levels[-1].at:
            break
        text = levels[-1].text
    return _joined(spans)


def undo_escapes(text: str) -> Undone:
    """Undo one level of what stands for a printable character of ASCII."""
    pieces: list[str] = []
    undone = Undone("", [], [], [])
    position = length = 0
    for escape in ESCAPE.finditer(text):
        character = _character(escape)
        if character is None:
            continue
        begin, end = escape.span()
        pieces += (text[position:begin], character)
        length += begin - position
        undone.at.append(length)
        undone.begins.append(begin)
        undone.ends.append(end)
        length += 1
        position = end
    return undone._replace(text="".join([*pieces, text[position:]]))


def _character(escape: re.Match[str]) -> str | None:
    """What an escape stands for; None where that is not a printable character of ASCII."""
    kind, value = str(escape.lastgroup), escape[str(escape.lastgroup)]
    if kind == "plain":
        return value
    if kind == "name":
        return _entities().get(value)
    code = int(value, 10 if kind == "decimal" else 16)
    return chr(code) if 0x20 < code < 0x7F else None


@cache
def _entities() -> dict[str, str]:
    """HTML's names of printable characters of ASCII."""
    from html.entities import html5  # 2,000 names, of which few runs need one

    return {
        name.rstrip(";"): character
        for name, character in html5.items()
        if len(character) == 1 and "!" <= character <= "~"
    }


def _joined(spans: list[Span]) -> list[Span]:
    """Spans in order, those that overlap as one."""
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined
