"""Names of scores mean nothing else in a condition."""

import pytest

from headrace.jobs import InputError
from headrace.reports.scoring import checked_name


@pytest.mark.parametrize("name", ["exact", "f1", "json", "choice_2", "my_judge"])
def test_a_name_of_its_own_is_taken(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("text", "is a column already"),
        ("wait_s", "is a column already"),
        ("score", "is a column already"),
        ("answer", "is a column already"),
        ("cost", "is a column already"),
        ("error_rate", "is a figure already"),
        ("scored_share", "is a figure already"),
        ("as_expected", "is a column already"),
        ("latency_p50_s", "is a figure already"),
        ("mean", "is a function already"),
        ("p95", "is a function already"),
        ("base", "is a word of conditions already"),
        ("Exact", "small letters"),
        ("my-score", "small letters"),
        ("../x", "small letters"),
        ("", "small letters"),
        ("x" * 61, "small letters"),
    ],
)
def test_any_other_is_refused(name: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        checked_name(name)
    assert said in raised.value.message
    assert "--name" in raised.value.message
