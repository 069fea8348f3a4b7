"""What is read of growing files: each byte once, in order."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.runner.cluster import segment_tail
from headrace.runner.cluster.segment_tail import Piece, SegmentTail


def test_what_was_added_is_told_once_file_by_file(tmp_path: Path) -> None:
    tail = SegmentTail(tmp_path)
    assert tail.added(100) == []
    first, second = tmp_path / "w01-000001.jsonl", tmp_path / "w02-000001.jsonl"
    first.write_bytes(b"one\n")
    (tmp_path / "other.txt").write_bytes(b"not a segment")
    assert tail.added(100) == [Piece(first.name, 0, b""), Piece(first.name, 0, b"one\n")]
    assert tail.added(100) == []
    first.write_bytes(b"one\ntwo\n")
    second.write_bytes(b"")
    assert tail.added(100) == [Piece(first.name, 4, b"two\n"), Piece(second.name, 0, b"")]
    assert tail.told == {first.name: 8, second.name: 0}


def test_what_was_taken_back_is_told(tmp_path: Path) -> None:
    """A disk that is full takes half a record, which the journal then cuts off."""
    path = tmp_path / "w01-000001.jsonl"
    path.write_bytes(b"whole\nhal")
    tail = SegmentTail(tmp_path)
    tail.added(100)
    path.write_bytes(b"whole\n")
    assert tail.added(100) == [Piece(path.name, 6, b"")]
    path.write_bytes(b"whole\nnext\n")
    assert tail.added(100) == [Piece(path.name, 6, b"next\n")]


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=6), st.integers(1, 200))
def test_whatever_is_added_comes_whole_however_little_is_asked_for(
    parts: list[bytes], most: int
) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "w01-000001.jsonl"
        tail, got = SegmentTail(Path(folder)), b""
        for part in parts:
            with path.open("ab") as file:
                file.write(part)
            for piece in tail.added(most):
                assert piece.offset == len(got)
                got += piece.data
        while pieces := tail.added(most):
            got += b"".join(piece.data for piece in pieces)
    assert got == b"".join(parts)


def test_a_large_addition_comes_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "w01-000001.jsonl"
    path.write_bytes(bytes(segment_tail.PIECE_BYTES * 2 + 5))
    tail = SegmentTail(tmp_path)
    sizes = [len(piece.data) for piece in tail.added(segment_tail.PIECE_BYTES + 1)]
    assert sizes == [0, segment_tail.PIECE_BYTES, segment_tail.PIECE_BYTES]
    assert [len(piece.data) for piece in tail.added(10)] == [5]


def test_what_the_other_side_has_is_removed_but_for_the_last_two(tmp_path: Path) -> None:
    """The one before the newest may not be closed yet."""
    files = [tmp_path / f"w0{worker}-00000{n}.jsonl" for worker in (1, 2) for n in (1, 2, 3, 4)]
    for path in files:
        path.write_bytes(b"1234\n")
    tail = SegmentTail(tmp_path)
    tail.added(100)
    acked = {files[2].name: 2, files[4].name: 5}
    tail.forget(acked)
    assert [path.name for path in files if not path.exists()] == [files[0].name]
    assert not tail.is_there(acked)
    acked = {files[3].name: 5, files[7].name: 5}
    tail.forget(acked)
    assert [path for path in files if path.exists()] == [files[n] for n in (2, 3, 6, 7)]
    assert tail.is_there(acked)
    assert not tail.is_there({files[3].name: 5, files[7].name: 4})
    assert not tail.is_there({files[3].name: 5})
    assert tail.added(100) == []
