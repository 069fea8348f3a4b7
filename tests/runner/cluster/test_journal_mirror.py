"""Journals of other machines, written here byte for byte."""

from pathlib import Path

import pytest

from headrace.runner.cluster.dask_client import MachineError
from headrace.runner.cluster.journal_mirror import JournalMirror
from headrace.runner.cluster.segment_tail import Piece
from headrace.runner.errors import StorageError

ONE, OTHER = "w03-000001.jsonl", "w04-000002.jsonl"


def test_pieces_become_the_files_that_they_are_of(tmp_path: Path) -> None:
    mirror = JournalMirror(tmp_path, {3, 4})
    mirror.take([Piece(ONE, 0, b""), Piece(ONE, 0, b"a\n"), Piece(ONE, 2, b"b\n")])
    mirror.take([Piece(OTHER, 0, b"")])
    mirror.take([Piece(ONE, 4, b"c\n")])
    assert (tmp_path / ONE).read_bytes() == b"a\nb\nc\n"
    assert (tmp_path / OTHER).read_bytes() == b""
    assert mirror.acked == {ONE: 6, OTHER: 0}


def test_what_was_taken_back_there_is_taken_back_here(tmp_path: Path) -> None:
    mirror = JournalMirror(tmp_path, {3})
    mirror.take([Piece(ONE, 0, b"whole\nhal")])
    mirror.take([Piece(ONE, 6, b""), Piece(ONE, 6, b"next\n")])
    assert (tmp_path / ONE).read_bytes() == b"whole\nnext\n"
    assert mirror.acked == {ONE: 11}


@pytest.mark.parametrize(
    "file",
    [
        "../run.json",
        "w05-000001.jsonl",
        "000001.jsonl",
        "w03-000001.jsonl/../../x.jsonl",
        "w3-1.jsonl",
        "w03-000001",
        "",
    ],
)
def test_a_machine_writes_nothing_but_its_own_segments(tmp_path: Path, file: str) -> None:
    mirror = JournalMirror(tmp_path, {3, 4})
    with pytest.raises(MachineError, match="which is not its own"):
        mirror.take([Piece(ONE, 0, b"a"), Piece(file, 0, b"b")])
    assert list(tmp_path.iterdir()) == []


def test_of_each_writer_the_newest_alone_is_added_to(tmp_path: Path) -> None:
    """Those before it are whole: they may have become tables, and be gone."""
    mirror = JournalMirror(tmp_path, {3, 4})
    later = "w03-000002.jsonl"
    mirror.take([Piece(ONE, 0, b"a\n"), Piece(later, 0, b"b\n"), Piece(OTHER, 0, b"c\n")])
    assert mirror.acked == {later: 2, OTHER: 2}
    (tmp_path / ONE).unlink()
    for piece in (Piece(ONE, 2, b"more\n"), Piece(ONE, 0, b"again\n")):
        with pytest.raises(MachineError, match=f"sent {ONE} after the next one"):
            mirror.take([Piece(later, 2, b"d\n"), piece])
    assert sorted(each.name for each in tmp_path.iterdir()) == [later, OTHER]


def test_a_gap_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="with a gap in it"):
        JournalMirror(tmp_path, {3}).take([Piece(ONE, 1, b"b")])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / ONE).write_bytes(b"of another session")
    with pytest.raises(StorageError, match="File exists"):
        JournalMirror(tmp_path, {3}).take([Piece(ONE, 0, b"a")])
    assert (tmp_path / ONE).read_bytes() == b"of another session"


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    mirror = JournalMirror(tmp_path / "journal", {3})
    (tmp_path / "journal").mkdir()
    mirror.take([Piece(ONE, 0, b"a")])
    (tmp_path / "journal" / ONE).unlink()
    (tmp_path / "journal" / ONE).symlink_to(tmp_path / "precious")
    (tmp_path / "precious").write_bytes(b"precious")
    with pytest.raises(StorageError):
        mirror.take([Piece(ONE, 1, b"b")])
    assert (tmp_path / "precious").read_bytes() == b"precious"
