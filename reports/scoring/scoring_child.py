"""A process that scores by a function of the user's: `python -P -m ... MODULE:FUNCTION`.

It alone has the current directory on its path. It reads a list of rows per line, and answers each
row with a line of `[score, reason]`. Of its pipes the function knows nothing: what it prints goes
to standard error, standard input is empty, and a copy of this process that it makes ends with it.
"""

import json
import math
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, SupportsFloat

REASON_CHARACTERS_MAX = 500


def main() -> None:
    """Import the function, say so, and score what comes on standard input."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    asked = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    sys.path.insert(0, os.getcwd())
    module, _, name = sys.argv[1].partition(":")
    try:
        function = getattr(import_module(module), name)
        said = None if callable(function) else f"{name} is not a function"
    except (Exception, SystemExit) as error:
        function, said = None, _in_words(error)
    _answer(answers, said)
    if said is None:
        own = os.getpid()
        for line in asked:
            for row in json.loads(line):
                answer = _scored(function, row)
                if os.getpid() != own:
                    os._exit(0)
                _answer(answers, answer)


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
        if not isinstance(found, SupportsFloat):
            return None, f"the scorer returned {type(found).__name__}, not a number"
        score = float(found)
        text = None if reason is None else _legal(str(reason))
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
    return _legal(f"{type(error).__name__}: {said}").rstrip(": ")


def _legal(text: str) -> str:
    """A reason as UTF-8 can hold it, and not too long."""
    return text[:REASON_CHARACTERS_MAX].encode("utf-8", "replace").decode()


if __name__ == "__main__":
    main()
