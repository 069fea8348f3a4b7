"""The answer file: what is answered to which question, so that an eval can be rehearsed.

    {"equals": "What is 2 + 3?", "answer": "5"}
    {"contains": "capital of France", "answer": "Paris", "wrong": "Lyon", "wrong_share": 0.2}
    {"pattern": "([0-9]+) days", "answer": "It takes \\\\1 days."}
    {"contains": "", "answer": "I don't know."}

One JSON object a line; the first that matches the text of the last user turn answers.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from headrace.text_file import TextEncodingError, read_text

from .draws import SeededDraws
from .errors import GatewayError

# Further faults of a file are counted, not listed.
FAULTS_SHOWN = 20


class AnswerRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line; exactly one of `equals`, `contains` and `pattern` is set.

    Args:
        answer: what is said; with `pattern`, `\\1` and `\\g<name>` stand for its groups.
        equals: the whole question, blanks at its ends left out.
        contains: a part of it; an empty one is in every question.
        pattern: a regular expression that is found in it.
        wrong: what is said instead, in `wrong_share` of the answers.
        wrong_share: from 0 to 1, drawn from the seed and the request.
    """

    answer: str
    equals: str | None = None
    contains: str | None = None
    pattern: str | None = None
    wrong: str | None = None
    wrong_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0

    def fault(self) -> str | None:
        """What is wrong with the line; None where nothing is."""
        given = [each for each in (self.equals, self.contains, self.pattern) if each is not None]
        if len(given) != 1:
            return "write one of equals, contains and pattern"
        if (self.wrong is None) is not (self.wrong_share == 0):
            return "wrong and wrong_share belong together"
        if self.pattern is not None:
            try:
                compiled = re.compile(self.pattern)
                for answer in (self.answer, self.wrong or ""):
                    # Looks at the groups of `answer`, whatever it is used on.
                    compiled.sub(answer, "")
            except (re.error, IndexError) as error:
                return f"pattern or answer can't be used: {error}"
        return None


class AnswerBook:
    """The rules of an answer file, in their order."""

    def __init__(self, rules: Sequence[AnswerRule]) -> None:
        self._rules = [(rule, _matcher(rule)) for rule in rules]

    def find(self, question: str, draws: SeededDraws) -> str | None:
        """What is answered to `question`; None where no rule is about it."""
        for rule, matches in self._rules:
            found = matches(question)
            if found:
                # Drawn in any case, so that another share leaves the rest as it was.
                is_wrong = draws.uniform() < rule.wrong_share
                answer = rule.wrong if is_wrong and rule.wrong is not None else rule.answer
                return found.expand(answer) if isinstance(found, re.Match) else answer
        return None


def _matcher(rule: AnswerRule) -> Callable[[str], re.Match[str] | bool | None]:
    if rule.equals is not None:
        whole = rule.equals.strip()
        return lambda question: question.strip() == whole
    if rule.contains is not None:
        part = rule.contains
        return lambda question: part in question
    pattern = re.compile(rule.pattern or "")

    def found(question: str) -> "re.Match[str] | None":
        return pattern.search(question)

    return found


def load_answers(path: Path) -> tuple[AnswerRule, ...]:
    """Read an answer file.

    Raises:
        GatewayError: with one line for each fault, which names the file and the line.
    """
    try:
        lines = read_text(path).split("\n")
    except TextEncodingError as error:
        raise GatewayError(f"the answer file {path} can't be used: {error}") from error
    except OSError as error:
        raise GatewayError(f"cannot read the answer file {path}: {error.strerror}") from error
    decoder = msgspec.json.Decoder(AnswerRule)
    rules: list[AnswerRule] = []
    faults: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rule = decoder.decode(line)
            fault = rule.fault()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            fault = str(error)
        else:
            rules.append(rule)
        if fault is not None:
            faults.append(f"{path} line {number}: {fault}")
    if len(faults) > FAULTS_SHOWN:
        faults[FAULTS_SHOWN:] = [f"... and {len(faults) - FAULTS_SHOWN} more"]
    if faults:
        raise GatewayError("\n".join(faults))
    if not rules:
        raise GatewayError(f"{path} has no answers; write one JSON object a line")
    return tuple(rules)
