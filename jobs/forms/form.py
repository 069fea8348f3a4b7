"""The form that answers must have, and what is wrong with one that has another."""

import re
from itertools import islice
from typing import Any

import msgspec

from ..records import SchemaBy
from .rules import Steps, TooLongError
from .usable import validator_of

# Looks at rules: so many take some tens of milliseconds, or some seconds.
SOON_STEPS = 5_000
MOST_STEPS = 200_000
FAULTS_TOLD = 3
FAULT_CHARACTERS_MAX = 300
# A whole text in fences; models put them around JSON that was asked for in words.
FENCED = re.compile(r"\s*```[\w-]*[ \t]*\r?\n(.*?)\s*```\s*", re.DOTALL)


class Form:
    """A JSON schema that answers are held against.

    Args:
        schema: one that `check_schema` let pass.
        by: how the service was told of it.
    """

    def __init__(self, schema: dict[str, Any], by: SchemaBy) -> None:
        self.by = by
        self._steps = Steps()
        self._validator = validator_of(schema, self._steps)

    def bare(self, text: str) -> str:
        """The text without the fences that a model put around it, where it was asked in words."""
        if self.by != "prompt" or (found := FENCED.fullmatch(text)) is None:
            return text
        return found[1]

    def fault(self, text: str | None, *, soon: bool = False) -> str | None:
        """What is wrong with an answer: where, and what; None where it fits.

        Args:
            text: JSON, or what should be.
            soon: raise TooLongError where it takes more than some tens of milliseconds.
        """
        if not text or not text.strip():
            return "the answer has no text"
        self._steps.left = SOON_STEPS if soon else MOST_STEPS
        try:
            value = msgspec.json.decode(text)
            faults = list(islice(self._validator.iter_errors(value), FAULTS_TOLD))
        except (msgspec.DecodeError, UnicodeError) as error:
            return f"the answer is not JSON: {error}"
        except TooLongError:
            if soon:
                raise
            return "the answer takes too long to be held against the schema"
        except RecursionError:
            return "the answer is nested too deeply to be held against the schema"
        except Exception as error:  # it was paid for: whatever a rule makes of it, it is kept
            return f"the answer can't be held against the schema: {type(error).__name__}: {error}"
        return "; ".join(map(_words, faults)) or None


def _words(fault: Any) -> str:
    """A fault with its place: of several alternatives, what is wrong with the nearest."""
    from jsonschema.exceptions import best_match

    nearest = best_match(iter([fault]))
    said: str = nearest.message
    if len(said) > FAULT_CHARACTERS_MAX:  # a whole answer may be told, and then what is wrong
        half = FAULT_CHARACTERS_MAX // 2
        said = f"{said[:half]} ... {said[-half:]}"
    return f"{nearest.json_path}: {said}"
