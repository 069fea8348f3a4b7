"""The one reader of the journal: what a crash tore off is dropped, other damage is an error."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.jobs import DamagedJournalError, Sent, journal_segments, read_journal_segment

START = datetime(2026, 6, 8, 12, tzinfo=UTC)


def sent(index: int) -> Sent:
    moment = START + timedelta(seconds=index)
    return Sent(
        index=index,
        custom_id=f"job-{index}",
        model="small",
        url="/v1/messages",
        attempt=1,
        due_at=moment,
        sent_at=moment,
    )


def line(index: int) -> bytes:
    return msgspec.json.encode(sent(index)) + b"\n"


def segment(folder: Path, data: bytes) -> Path:
    path = folder / "000001.jsonl"
    path.write_bytes(data)
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, len(line(2)) - 2))
def test_a_record_that_was_cut_anywhere_is_dropped(tmp_path: Path, cut: int) -> None:
    path = segment(tmp_path, line(0) + line(1) + line(2)[:cut])
    assert list(read_journal_segment(path)) == [sent(0), sent(1)]


def test_a_whole_record_without_its_line_end_counts(tmp_path: Path) -> None:
    path = segment(tmp_path, line(0) + line(1).rstrip())
    assert list(read_journal_segment(path)) == [sent(0), sent(1)]


@pytest.mark.parametrize("damage", [b"{\n", b"\xff\n", b"\n", b'{"type":"unheard of"}\n'])
def test_a_damaged_line_before_a_whole_one_is_an_error(tmp_path: Path, damage: bytes) -> None:
    path = segment(tmp_path, line(0) + damage + line(1))
    with pytest.raises(DamagedJournalError, match=r"^line 2 of .*000001\.jsonl is damaged") as told:
        list(read_journal_segment(path))
    assert told.value.exit_code == 2
    assert "\n" not in told.value.message


def test_damaged_lines_at_the_end_are_a_torn_end(tmp_path: Path) -> None:
    """The disk may have kept the pages of a crash in any order."""
    assert list(read_journal_segment(segment(tmp_path, line(0) + b"{\n\0\0\0\n{"))) == [sent(0)]


def test_segments_are_in_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("000002.jsonl", "000010.jsonl", "1000001.jsonl", "notes.jsonl", "000003.txt"):
        (tmp_path / name).touch()
    assert [number for number, _ in journal_segments(tmp_path)] == [2, 10, 1_000_001]
