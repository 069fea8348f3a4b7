"""Pages as they came, in a file."""

import datetime as dt
import struct
from pathlib import Path

import pytest

from headrace.jobs import InputError
from headrace.jobs.server_pages import PAGE_BYTES_MAX, packed_page, page_frame, spooled_pages

AT = dt.datetime(2026, 6, 9, 8, 30, 0, 123456, tzinfo=dt.UTC)
FRAME = page_frame(AT, packed_page(b"a 1"))
LATER = AT + dt.timedelta(seconds=1)


def test_a_torn_page_at_the_end_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "s"
    whole = FRAME + page_frame(LATER, packed_page(b"a 2"))
    path.write_bytes(whole)
    assert list(spooled_pages(path)) == [(AT, b"a 1"), (LATER, b"a 2")]
    for end in range(len(FRAME), len(whole)):
        path.write_bytes(whole[:end])
        assert list(spooled_pages(path)) == [(AT, b"a 1")]


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (FRAME[:-4] + b"\xff\xff\xff\xff", "is damaged"),
        (struct.pack("<qI", 2**62, 3) + b"abc", "is damaged"),
        (page_frame(AT, b"junk"), "is damaged"),
        (struct.pack("<qI", 2**62, len(FRAME) - 12) + FRAME[12:], "a page has no date"),
        (struct.pack("<qI", 0, 2**32 - 1) + bytes(PAGE_BYTES_MAX + 1), "a page is too long"),
    ],
)
def test_a_damaged_page_is_named(tmp_path: Path, frame: bytes, says: str) -> None:
    path = tmp_path / "s"
    path.write_bytes(FRAME + frame)
    with pytest.raises(InputError, match=f"s (is damaged )?.*{says}.*remove it"):
        list(spooled_pages(path))


def test_pages_that_unpack_without_end_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zeros pack to a ten-thousandth; what servers say of themselves, to a tenth."""
    path = tmp_path / "s"
    path.write_bytes(page_frame(AT, packed_page(bytes(1_000_000))) * 3)
    assert len(list(spooled_pages(path))) == 3
    monkeypatch.setattr("headrace.jobs.server_pages.spool_file.FREE_BYTES", 2_500_000)
    with pytest.raises(InputError, match="unpacks to more than any run keeps"):
        list(spooled_pages(path))
