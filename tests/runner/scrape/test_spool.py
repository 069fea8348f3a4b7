"""Pages as they came."""

from pathlib import Path

import pytest

from headrace.jobs import InputError
from headrace.runner.scrape.spool import Spool, pack, spooled_pages


def test_a_torn_page_at_the_end_is_left_out_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", 0o600)
    spool.close()  # nothing was kept so far
    spool.append(1.5, pack(b"a 1"))
    spool.append(2.5, pack(b"a 2"))
    spool.close()
    whole = spool.path.read_bytes()
    assert spool.path.stat().st_mode & 0o777 == 0o600
    spool.path.write_bytes(whole[:-1])
    assert list(spooled_pages(spool.path)) == [(1.5, b"a 1")]
    spool.path.write_bytes(whole[:-5] + b"\xff\xff\xff\xff\xff")
    with pytest.raises(InputError, match="is damaged"):
        list(spooled_pages(spool.path))
