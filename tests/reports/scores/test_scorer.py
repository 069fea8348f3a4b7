"""Scorers by name."""

import pytest

from headrace.jobs import InputError
from headrace.reports.scores import scorer_of


@pytest.mark.parametrize(
    ("spec", "name", "right", "wrong"),
    [
        ("exact", "exact", "42", "42!"),
        ("contains", "contains", "is 42", "is 4"),
        ("regex:^4[0-9]$", "regex", "49", "94"),
        ("number:1", "number", "43", "44"),
        ("json", "json", "42.0", "43"),
        ("f1", "f1", "the 42", "43"),
    ],
)
def test_a_scorer_is_what_it_is_called(spec: str, name: str, right: str, wrong: str) -> None:
    scorer = scorer_of(spec)
    assert (scorer.name, scorer.spec) == (name, spec)
    assert scorer.score is not None
    assert scorer.score(right, 42) == (1.0, None)
    assert scorer.score(wrong, 42).score == 0.0


def test_a_function_is_called_by_its_name() -> None:
    scorer = scorer_of("my.module:my_score")
    assert (scorer.name, scorer.spec, scorer.score) == ("my_score", "my.module:my_score", None)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("exat", "not a scorer; did you mean 'exact'?"),
        ("exact:x", "it takes nothing after its name"),
        ("regex:(", "the pattern can't be used: missing )"),
        ("number:x", "how far a number may be off"),
        ("number:-1", "how far a number may be off"),
        ("choice:AA", "the letters, each once"),
        ("choice:A1", "the letters, each once"),
        ("grade", "not a scorer; there are exact, contains, regex, number, choice, json, f1, mod"),
        ("my module:f", "not a scorer"),
        ("my:f()", "not a scorer"),
    ],
)
def test_what_is_no_scorer_is_refused(spec: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        scorer_of(spec)
    assert said in raised.value.message
