"""The one reader of the journal: what a crash tore off is dropped, other damage is an error."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.jobs import (
    DamagedJournalError,
    Gap,
    SegmentName,
    Sent,
    journal_segments,
    missing_segments,
    read_journal_segment,
)

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


@pytest.mark.parametrize(
    ("tail", "which"),
    [
        (b"{\n", "line 2 of"),  # a line end is written with its line, not after a part of it
        (b"{\n\0\0\0\n{", "2 lines of"),
        (b"garbage", "line 2 of"),  # not the beginning of a record
        (b"\xff" * 5000, "line 2 of"),
        (b"x\n" * 117, "117 lines of"),
        (b"\0" * (1024 * 1024 + 1), "line 2 of"),
        (line(2)[:9] + b"\0\0" + line(2)[11:], "line 2 of"),
    ],
)
def test_other_damage_at_the_end_is_an_error(tmp_path: Path, tail: bytes, which: str) -> None:
    """117 bad last lines were dropped, and their jobs paid for again."""
    path = segment(tmp_path, line(0) + tail)
    with pytest.raises(DamagedJournalError, match=f"^{which} .* damaged") as told:
        list(read_journal_segment(path))
    assert "restore it, or resume with --skip-damaged" in told.value.message
    gaps: list[Gap] = []
    assert list(read_journal_segment(path, told=gaps.append, skip_damaged=True)) == [sent(0)]
    assert [gap.refusal for gap in gaps] == [told.value.message]
    assert "may have been paid for, and is in no figure" in gaps[0].words


@pytest.mark.parametrize("torn", [b"", line(2)[:40]])
def test_zeros_at_the_end_are_those_of_a_power_failure_and_are_told(
    tmp_path: Path, torn: bytes
) -> None:
    gaps: list[Gap] = []
    path = segment(tmp_path, line(0) + torn + bytes(4096))
    assert list(read_journal_segment(path, told=gaps.append)) == [sent(0)]
    assert [gap.zeros_bytes for gap in gaps] == [4096]
    assert "the last 4,096 bytes of " in gaps[0].words


def test_segments_that_are_gone_or_hold_nothing_are_found(tmp_path: Path) -> None:
    segment(tmp_path, line(0))
    (tmp_path / "000002.jsonl").touch()
    (tmp_path / "000003.jsonl").write_bytes(bytes(100_000))
    found = missing_segments(tmp_path, map(SegmentName, [1, 2, 3, 4]))
    assert [gap.path.name for gap in found] == ["000002.jsonl", "000003.jsonl", "000004.jsonl"]
    assert "is missing or empty" in found[0].words


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_overwritten_no_line_is_dropped_in_silence(
    tmp_path: Path, data: st.DataObject
) -> None:
    """Of a journal in which some bytes are others now: all lines are read, or it is told."""
    whole = b"".join(line(n) for n in range(4))
    at = data.draw(st.integers(0, len(whole) - 2))
    bad = data.draw(st.binary(min_size=1, max_size=300))
    path = segment(tmp_path, whole[:at] + bad + whole[at + len(bad) :])
    gaps: list[Gap] = []
    read = list(read_journal_segment(path, told=gaps.append, skip_damaged=True))
    torn = not path.read_bytes().endswith(b"\n") and not path.read_bytes().endswith(b"}")
    assert len(read) + sum(gap.lines for gap in gaps) + torn >= path.read_bytes().count(b"\n")


def test_segments_are_in_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("000002.jsonl", "000010.jsonl", "1000001.jsonl", "notes.jsonl", "000003.txt"):
        (tmp_path / name).touch()
    assert [name.number for name, _ in journal_segments(tmp_path)] == [2, 10, 1_000_001]


def test_segments_of_all_writers_are_found_by_number_and_then_by_writer(tmp_path: Path) -> None:
    for stem in ("w12-000002", "000002", "w03-000001", "w3-000001", "w03-x", "W03-000009"):
        (tmp_path / f"{stem}.jsonl").touch()
    found = [name for name, _ in journal_segments(tmp_path)]
    assert found == [SegmentName(1, 3), SegmentName(2), SegmentName(2, 12)]
    assert [str(name) for name in found] == ["w03-000001", "000002", "w12-000002"]
    assert [SegmentName.noted_as(name.noted) for name in found] == found
