"""Job files that are packed: unpacked piece by piece, whole and in bounded memory."""

import gzip
import io
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs.files.decompression import decompressed

MIB = 1024 * 1024


@given(
    parts=st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    most=st.integers(1, 50),
    pack=st.sampled_from([gzip.compress, zstd.compress]),
)
def test_what_was_packed_comes_back_however_little_is_read_at_a_time(
    parts: list[bytes], most: int, pack: Callable[[bytes], bytes]
) -> None:
    stored = b"".join(pack(part) for part in parts)
    file = io.BytesIO(stored)
    pieces = list(decompressed(lambda n: file.read(min(n, most)), "jobs"))
    assert b"".join(piece.data for piece in pieces) == b"".join(parts)
    positions = [piece.stored_bytes for piece in pieces]
    assert positions == sorted(positions)
    assert all(0 < position <= len(stored) for position in positions)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_small_file_that_unpacks_to_much_does_so_in_pieces(kind: str) -> None:
    zeros = bytes(80 * MIB)
    stored = gzip.compress(zeros, 1) if kind == "gzip" else zstd.compress(zeros)
    assert len(stored) < MIB
    sizes = [len(piece.data) for piece in decompressed(io.BytesIO(stored).read, "jobs")]
    assert sum(sizes) == 80 * MIB
    assert max(sizes) <= MIB


def test_nothing_more_is_read_than_the_next_piece_needs() -> None:
    deliveries = [b'{"a', b'":1}\n', b"rest"]
    pieces = decompressed(lambda most: deliveries.pop(0), "jobs")
    assert next(pieces).data == b'{"a'
    assert len(deliveries) == 2
