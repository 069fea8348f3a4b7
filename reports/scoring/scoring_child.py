"""A process that scores by a function of the user's: `python -P -m ... MODULE:FUNCTION`.

It alone has the current directory on its path. It reads a list of rows per line, and answers each
with a list of `[score, reason]`; what the function prints goes to standard error.
"""

import json
import math
import os
import sys
from collections.abc import Callable
from importlib import import_module
from numbers import Real
from typing import Any

REASON_CHARACTERS_MAX = 500


def main() -> None:
    """Import the function, say so, and score what comes on standard input."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.path.insert(0, os.getcwd())
    module, _, name = sys.argv[1].partition(":")
    try:
        function = getattr(import_module(module), name)
        said = None if callable(function) else f"{name} is not a function"
    except (Exception, SystemExit) as error:
        function, said = None, _in_words(error)
    _answer(answers, said)
    if said is None:
        for line in sys.stdin.buffer:
            _answer(answers, [_scored(function, row) for row in json.loads(line)])


def _answer(answers: Any, what: Any) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


def _scored(function: Callable[[Any], Any], row: Any) -> tuple[float | None, str | None]:
    """What the function says of a row, or why it is not a score."""
    try:
        found = function(row)
        reason = None
        if isinstance(found, tuple) and len(found) == 2:
            found, reason = found
        if not isinstance(found, Real):
            return None, f"the scorer returned {type(found).__name__}, not a number"
        score = float(found)
        text = None if reason is None else str(reason)[:REASON_CHARACTERS_MAX]
    except (Exception, SystemExit) as error:
        return None, f"the scorer raised {_in_words(error)}"
    if not math.isfinite(score):
        return None, f"the scorer returned {score}, not a finite number"
    return score, text


def _in_words(error: BaseException) -> str:
    try:
        said = str(error).partition("\n")[0]
    except Exception:
        said = ""
    return f"{type(error).__name__}: {said}"[:REASON_CHARACTERS_MAX].rstrip(": ")


if __name__ == "__main__":
    main()
