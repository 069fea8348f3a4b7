"""Repeats as they are kept in repeats.json, from this machine or another."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from headrace.jobs import InputError
from headrace.reports.comparison import read_repeats, repeat_remarks, run_rows, write_repeats
from tests.reports.html.test_repeats_page import figure, repeats, run

HOSTILE = "x\x1b[2J|<b>"


def kept(directory: Path, **fields: Any) -> Path:
    write_repeats(repeats(**fields), directory)
    return directory


def test_what_was_written_is_read_wherever_it_was_moved_to(tmp_path: Path) -> None:
    found = read_repeats(kept(tmp_path))
    assert found == msgspec.structs.replace(repeats(), directory=str(tmp_path))
    assert [each.text for each in repeat_remarks(found)] == [
        each.text for each in repeat_remarks(repeats())
    ]


def test_names_that_a_terminal_would_obey_are_refused(tmp_path: Path) -> None:
    kept(tmp_path, figures=[figure("a", [1.0, 2.0], metric=HOSTILE)])
    with pytest.raises(InputError, match=r"repeats\.json is damaged: a figure has no such name"):
        read_repeats(tmp_path)


def test_what_others_wrote_is_printed_harmlessly(tmp_path: Path) -> None:
    hostile = run(f"{HOSTILE}.run", "a", verdict=HOSTILE, warmup_note=HOSTILE)
    found = read_repeats(kept(tmp_path, runs=[hostile], reason=HOSTILE))
    (row,) = run_rows(found)
    said = [*row.cells, row.mark.text, *(each.text for each in repeat_remarks(found))]
    assert "\x1b" not in "".join(said)


@pytest.mark.parametrize("text", ["{", "[]", '{"runs": []}'])
def test_a_damaged_file_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "repeats.json").write_text(text)
    with pytest.raises(InputError, match=r"repeats\.json is damaged"):
        read_repeats(tmp_path)
    (tmp_path / "repeats.json").unlink()
    with pytest.raises(InputError, match="cannot read"):
        read_repeats(tmp_path)
