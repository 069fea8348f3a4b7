"""Why lines were rejected, put together: the commonest reasons, with a line of each."""

import re

import msgspec

from .wording import counted, masked

_DIGITS = re.compile(r"\d+")
# Reasons that are told apart; each further one counts among the others. They quote what is wrong.
KINDS_MAX = 1000
SHOWN = 3


class RejectedLines(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that were rejected for one reason.

    Reasons that differ in digits and ids alone count as one. `line` is the first of them, from 1,
    and `reason` its own; `lines` is how many there are.
    """

    reason: str
    lines: int
    line: int


class RejectReasons:
    """Adds up reasons, in bounded memory."""

    def __init__(self) -> None:
        self.lines = 0
        self._kinds: dict[str, str] = {}  # without digits -> masked, which takes longer to make
        self._first: dict[str, tuple[int, str]] = {}
        self._counts: dict[str, int] = {}

    def add(self, line: int, reason: str) -> None:
        """Count a line, numbered from 1, and why it is not a job."""
        self.lines += 1
        almost = _DIGITS.sub("#", reason)
        kind = self._kinds.get(almost)
        if kind is None:
            if len(self._kinds) >= KINDS_MAX:
                return
            kind = self._kinds[almost] = masked(reason)
            self._first.setdefault(kind, (line, reason))
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def commonest(self, most: int = SHOWN) -> list[RejectedLines]:
        """The reasons of the most lines, the earliest first among equals."""
        kinds = sorted(self._counts, key=lambda kind: (-self._counts[kind], self._first[kind][0]))
        return [
            RejectedLines(
                reason=self._first[kind][1], lines=self._counts[kind], line=self._first[kind][0]
            )
            for kind in kinds[:most]
        ]


def reasons_in_words(found: list[RejectedLines]) -> list[str]:
    """Each in a line of text: `12 lines, such as line 3: no body; write ...`."""
    return [
        f"line {each.line}: {each.reason}"
        if each.lines == 1
        else f"{counted(each.lines, 'line')}, such as line {each.line}: {each.reason}"
        for each in found
    ]
