"""UTF-16 read as it comes, and files that are not text told by name."""

import gzip
import io
from collections.abc import Iterator

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import InputError
from headrace.jobs.files.encoding import TextPieces, encoding_of

UNITS = ["utf-16", "utf-16-le", "utf-16-be"]


def text_of(stored: bytes, most: int = 7) -> bytes:
    file = io.BytesIO(stored)
    return b"".join(piece.data for piece in TextPieces(lambda n: file.read(min(n, most)), "jobs"))


@given(
    rest=st.text(max_size=40),
    unit=st.sampled_from(UNITS),
    most=st.integers(1, 9),
    mark=st.booleans(),
)
def test_utf_16_comes_out_as_utf_8_however_little_is_read_at_a_time(
    rest: str, unit: str, most: int, mark: bool
) -> None:
    text = '{"a' + rest
    stored = ("\ufeff" + text if mark and unit != "utf-16" else text).encode(unit)
    assert text_of(stored, most).decode().removeprefix("\ufeff") == text


@given(rest=st.binary(max_size=40).filter(lambda rest: b"\0" not in rest[:3]))
def test_what_begins_as_utf_8_stays_as_it_is(rest: bytes) -> None:
    assert text_of(b"{" + rest) == b"{" + rest


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        (b"", "utf-8"),
        (b"{", "utf-8"),
        (b'{"a"', "utf-8"),
        (b"\0\0\0\0", "utf-8"),
        (b"\xff\xfe{\0", "utf-16-le"),
        (b"\xfe\xff\0{", "utf-16-be"),
        (b'{\0"\0', "utf-16-le"),
        (b'\0{\0"', "utf-16-be"),
        (b"\xff\xfe\0\0", "utf-32"),
        (b"\0\0\xfe\xff", "utf-32"),
        (b"{\0\0\0", "utf-32"),
        (b"\0\0\0{", "utf-32"),
    ],
)
def test_the_first_bytes_tell_the_encoding(head: bytes, encoding: str) -> None:
    assert encoding_of(head) == encoding


def test_utf_16_that_ends_within_a_character_is_an_error_after_what_came_before() -> None:
    pieces: Iterator[object] = TextPieces(
        io.BytesIO('{"a":1}\n'.encode("utf-16")[:-1]).read, "jobs"
    )
    assert next(pieces) == (b'\xef\xbb\xbf{"a":1}', 17)
    with pytest.raises(InputError, match="jobs is in UTF-16 and ends within a character"):
        next(pieces)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"PAR1..", "a Parquet file, not JSON lines; make jobs of it with `headrace jobs make`"),
        (b"BZh91AY", "a bzip2 file; unpack it, or compress it as .gz or .zst"),
        (b"\xfd7zXZ\x00\x00", "an xz file; unpack it, or compress it as .gz or .zst"),
        (b"PK\x03\x04..", "a zip file (or an Excel workbook, which is one); take the file out"),
        (b"SQLite format 3\x00", "an SQLite database, not text; write one JSON object"),
        ("{}".encode("utf-32"), "in UTF-32; save it as UTF-8"),
        (b"jobs.jsonl".ljust(257, b"\0") + b"ustar\x0000", "a tar archive; take the file out"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
def test_what_is_not_text_is_named_packed_or_not(head: bytes, said: str, pack: object) -> None:
    assert callable(pack)
    with pytest.raises(InputError) as caught:
        text_of(pack(head), 1000)
    assert caught.value.message.startswith(f"jobs is {said}")


def test_what_was_compressed_twice_is_told() -> None:
    with pytest.raises(InputError, match="jobs is compressed twice; unpack it once"):
        text_of(gzip.compress(gzip.compress(b"{}")), 1000)
