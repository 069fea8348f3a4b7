"""Where a report is printed: a terminal, or a pipe or file whose lines are left whole."""

import os
import re
import sys
from typing import TextIO, cast

from rich.console import Console

# Wider than any line that a report has: nothing is folded.
UNFOLDED_COLUMNS = 10_000


def report_console() -> Console:
    """Standard output, for a report.

    In a pipe or a file no line is folded, unless COLUMNS says how wide it may be, and none ends in
    blanks: what searches and compares lines finds them whole.
    """
    if sys.stdout is None or sys.stdout.isatty():  # None: it was closed
        return Console()
    width = None if os.environ.get("COLUMNS", "").isdigit() else UNFOLDED_COLUMNS
    return Console(file=cast(TextIO, _WithoutBlanks(sys.stdout)), width=width)


class _WithoutBlanks:
    """A file that takes whole lines, and drops the blanks at their ends."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        self._file.write(re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE))
        return len(text)

    def flush(self) -> None:
        self._file.flush()

    def isatty(self) -> bool:
        return False

    @property
    def encoding(self) -> str:
        return self._file.encoding
