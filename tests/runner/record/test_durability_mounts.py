"""A disk that is really full, and a directory that really becomes read-only, in mid run.

Root mounts a small tmpfs and a read-only bind; anybody else gets modes for the second, and for the
first the limit on file sizes of `test_stopping.py`.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

pytestmark = pytest.mark.slow


def mount(*words: str) -> bool:
    done = subprocess.run(["mount", *words], capture_output=True, check=False)
    return done.returncode == 0


def unmount(path: Path) -> None:
    subprocess.run(["umount", str(path)], capture_output=True, check=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=256k", "headrace-test", str(disk)):
        pytest.skip("a small disk could not be mounted (that needs root): not tried here")
    yield disk
    unmount(disk)


@pytest.fixture
def forbid_writing(bench: Any) -> Iterator[Callable[[bool], None]]:
    """Makes the run directory read-only, and writable again."""
    run = bench.directory

    def forbid(forbidden: bool) -> None:
        if os.geteuid() != 0:
            for path in (run, *(each for each in run.iterdir() if each.is_dir())):
                path.chmod(0o555 if forbidden else 0o755)
        elif not forbidden:
            unmount(run)
        else:
            assert mount("--bind", str(run), str(run))
            assert mount("-o", "remount,ro,bind", str(run))

    if os.geteuid() == 0:
        run.mkdir()
        can = mount("--bind", str(run), str(run))
        unmount(run)
        if not can:
            pytest.skip("nothing can be mounted here, and root heeds no modes: not tried here")
    yield forbid
    if os.geteuid() == 0:
        unmount(run)


async def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(
    bench: Any,
    service: Any,
    small_disk: Path,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Parquet finds it full first: polars told it as an error of its own, and a traceback came."""
    on_disk = type(bench)(small_disk, bench.nursery)
    monkeypatch.setattr("headrace.runner.record.recorder.SEGMENT_BYTES", 30_000)
    service.answer = lambda seen: service.fine(os.urandom(3_000).hex(), delay_s=1)
    on_disk.write_chats(80)
    ran = await on_disk.run(service, concurrency=2)
    assert ran.outcome.exit_code == 1
    assert "No space left on device" in ran.outcome.reason
    assert 10 < len(service.posts) < 80
    assert mount("-o", "remount,size=16m", str(small_disk))
    again = await on_disk.run(service, concurrency=2)
    assert again.results["index"].to_list() == list(range(80))
    assert len(again.attempts) == len(service.posts) <= 82


async def test_a_directory_that_becomes_read_only_stops_the_run_and_it_goes_on_afterwards(
    bench: Any,
    service: Any,
    forbid_writing: Callable[[bool], None],
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("headrace.runner.record.recorder.SEGMENT_BYTES", 10_000)

    def answer(seen: Any) -> Any:
        if seen.number == 10:
            forbid_writing(True)
        return service.fine(delay_s=1)

    service.answer = answer
    bench.write_chats(80)
    ran = await bench.run(service, concurrency=2)
    assert ran.outcome.exit_code == 1
    assert "Read-only file system" in ran.outcome.reason or "denied" in ran.outcome.reason
    assert 10 <= len(service.posts) < 40
    forbid_writing(False)
    service.answer = lambda seen: service.fine()
    again = await bench.run(service, concurrency=2)
    assert again.results["index"].to_list() == list(range(80))
    assert len(again.attempts) == len(service.posts) <= 82
