"""Packed bodies: whatever the cut, the same bytes; whatever the bomb, bounded memory."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from headrace.runner.transport import BodyError
from headrace.runner.transport.encoding import PIECE_BYTES, Decoder, codings_of

MIB = 1024 * 1024
MOST_BYTES = 512 * MIB


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate, raw": raw_deflate,
    "zstd": zstd.compress,
    "identity": bytes,
}


def decoder_of(coding: str, *, most_bytes: int = MOST_BYTES) -> Decoder:
    return Decoder([(b"content-encoding", coding.encode())], most_bytes=most_bytes)


def unpacked(coding: str, *pieces: bytes, most_bytes: int = MOST_BYTES) -> bytes:
    decoder = decoder_of(coding.partition(", ")[0], most_bytes=most_bytes)
    return b"".join(data for piece in pieces for data in decoder.feed(piece))


@given(
    coding=st.sampled_from(sorted(PACKERS)),
    body=st.binary(max_size=300) | st.text(max_size=300).map(str.encode),
    places=st.lists(st.integers(0, 400), max_size=5),
)
def test_a_body_comes_out_as_it_went_in_however_it_is_cut(
    coding: str, body: bytes, places: list[int]
) -> None:
    body = b'{"' + body if coding == "deflate, raw" else body  # which is told by its first bytes
    packed = PACKERS[coding](body)
    edges = [0, *sorted(place % (len(packed) + 1) for place in places), len(packed)]
    pieces = [packed[a:b] for a, b in pairwise(edges)]
    assert unpacked(coding, *pieces) == body


@given(
    coding=st.sampled_from(["gzip", "deflate", "zstd", "br"]),
    data=st.binary(max_size=200),
    size=st.integers(1, 9),
)
def test_whatever_comes_is_unpacked_or_a_body_error(coding: str, data: bytes, size: int) -> None:
    words = ""
    try:
        unpacked(coding, *(data[n : n + size] for n in range(0, len(data), size)))
    except BodyError as error:
        words = str(error)
    assert words in ("", "the answer is packed as br, which nobody asked for") or words.startswith(
        f"{coding}: "
    )


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_members_in_a_row_are_one_body_and_what_follows_them_is_nothing(coding: str) -> None:
    pack = PACKERS[coding]
    packed = pack(b"first ") + pack(b"second") + b"\0\0\0\0"
    assert unpacked(coding, packed) == b"first second"
    assert unpacked(coding, *(packed[n : n + 1] for n in range(len(packed)))) == b"first second"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "br", "utf-8"])
@pytest.mark.parametrize(
    "body", [b'{"choices": []}', b"\xef\xbb\xbf{}", b"data: [DONE]\n\n", b"\n\n{}"]
)
def test_what_is_only_labelled_as_packed_is_taken_as_it_is(coding: str, body: bytes) -> None:
    body = b"[]" + body if coding == "deflate" else body
    assert unpacked(coding, body) == body
    assert unpacked(coding, body[:1], body[1:]) == body


def test_the_codings_of_several_headers_are_one_list() -> None:
    headers = [
        (b"content-encoding", b"GZIP, identity"),
        (b"content-type", b"br"),
        (b"content-encoding", b" zstd ,"),
    ]
    assert codings_of(headers) == ["gzip", "zstd"]


def test_a_body_that_ends_too_early_is_what_came_of_it() -> None:
    assert unpacked("gzip", gzip.compress(b"whole")[:-9]) == b"whole"[: len(b"whole")]


@pytest.mark.slow
@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_a_bomb_is_told_before_it_takes_memory(coding: str) -> None:
    """A few kB that unpack to a gigabyte; what is held at once is a piece."""
    if coding == "zstd":
        frame = zstd.compress(bytes(64 * MIB))
        bomb = frame * 16
    else:
        inner = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
        bomb = b"".join(inner.compress(bytes(16 * MIB)) for _ in range(16)) + inner.flush()
    sizes_bytes: list[int] = []
    tracemalloc.start()
    try:
        with pytest.raises(BodyError, match="the answer unpacks to over ") as caught:
            sizes_bytes.extend(len(data) for data in decoder_of(coding).feed(bomb))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.final
    assert max(sizes_bytes) <= PIECE_BYTES
    assert sum(sizes_bytes) <= 64 * MIB + PIECE_BYTES
    assert peak_bytes < 16 * MIB


def test_a_body_may_unpack_to_the_bound_and_not_beyond() -> None:
    packed = gzip.compress(b"x" * 1000)
    assert len(unpacked("gzip", packed, most_bytes=1000)) == 1000
    with pytest.raises(BodyError, match="unpacks to over 999 bytes"):
        unpacked("gzip", packed, most_bytes=999)
