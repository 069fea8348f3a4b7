"""Names that can be recorded and read again."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import InputError, check_path


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_name_in_utf_8_passes(name: str) -> None:
    assert check_path(name) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (os.fsdecode(b"caf\xe9.run"), r"caf\xe9.run"),
        ("half\ud83d.run", r"half\ud83d.run"),
    ],
)
def test_another_name_is_refused_and_shown(name: str, shown: str) -> None:
    with pytest.raises(InputError) as caught:
        check_path(Path(name))
    assert caught.value.message == f"the name {shown} is not UTF-8; rename it, or name another"
