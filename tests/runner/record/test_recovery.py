"""A journal that more happened to than a crash: refused, or left out aloud, never in silence.

A kill is a copy of the directory, taken while the run works on it.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from headrace.jobs import InputError
from headrace.reports import status_of, summarise
from headrace.runner import StorageError
from headrace.runner.record import recorder

JOBS, KILLED_AT = 60, 40


async def killed(bench: Any, service: Any) -> Path:
    """Leave what a kill at the 40th request leaves; returns the journal."""
    copy = bench.path / "copy"

    def answer(seen: Any) -> Any:
        if seen.number == KILLED_AT:
            shutil.copytree(bench.directory, copy)
        return service.fine(delay_s=0.2)

    service.answer = answer
    bench.write_chats(JOBS)
    await bench.run(service, concurrency=2)
    shutil.rmtree(bench.directory)
    copy.rename(bench.directory)
    service.posts.clear()
    service.answer = lambda seen: service.fine()
    journal: Path = bench.directory / "journal"
    return journal


def overwrite_last_lines(journal: Path) -> None:
    path = journal / "000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:20]) + b"damaged\n" * (len(lines) - 20))


def overwrite_one_in_the_middle(journal: Path) -> None:
    path = journal / "000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:20], b"#" * 200 + b"\n", *lines[21:]]))


def remove(journal: Path) -> None:
    (journal / "000001.jsonl").unlink()


def remove_the_directory(journal: Path) -> None:
    shutil.rmtree(journal)


def empty(journal: Path) -> None:
    os.truncate(journal / "000001.jsonl", 0)


def fill_with_zeros(journal: Path) -> None:
    path = journal / "000001.jsonl"
    path.write_bytes(bytes(path.stat().st_size))


DAMAGE = [
    overwrite_last_lines,
    overwrite_one_in_the_middle,
    remove,
    remove_the_directory,
    empty,
    fill_with_zeros,
]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_damage_is_refused_by_whoever_reads_the_run(
    bench: Any, service: Any, autojump_clock: MockClock, damage: Callable[[Path], None]
) -> None:
    """It was exit 0, and some 55 jobs were paid for twice."""
    damage(await killed(bench, service))
    before = (bench.directory / "run.json").read_bytes()
    with pytest.raises(StorageError, match=r"000001\.jsonl .*; restore it, .* may have been paid"):
        await bench.run(service)
    assert service.posts == []
    assert (bench.directory / "run.json").read_bytes() == before
    with pytest.raises(InputError, match=r"000001\.jsonl .* resume with --skip-damaged"):
        summarise(bench.directory)
    with pytest.raises(InputError, match=r"000001\.jsonl .* resume with --skip-damaged"):
        status_of(bench.directory, now=bench.began)


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
async def test_what_the_user_leaves_out_is_said_and_kept(
    bench: Any, service: Any, autojump_clock: MockClock, damage: Callable[[Path], None]
) -> None:
    journal = await killed(bench, service)
    damage(journal)
    path = journal / "000001.jsonl"
    left = path.read_bytes() if path.exists() else b""
    said: list[str] = []
    ran = await bench.run(service, skip_damaged=True, announce=said.append)
    assert ran.results["index"].to_list() == list(range(JOBS))
    assert len(said) == 1
    assert "000001.jsonl" in said[0]
    notes = summarise(bench.directory).run.notes
    assert [note.lower() for note in notes] == [said[0][:-1].lower()]
    kept = bench.directory / "damaged" / "000001.jsonl"
    assert (kept.read_bytes() if kept.exists() else b"") in (left, b"")
    assert kept.exists() == (b"damaged" in left or b"###" in left)
    # The next session has nothing to say any more.
    again = await bench.run(service)
    assert again.outcome.exit_code == 0


@pytest.mark.slow
async def test_zeros_that_a_power_failure_left_are_counted_aloud(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    path = await killed(bench, service) / "000001.jsonl"
    data = path.read_bytes()
    path.write_bytes(data[:-700] + bytes(700))
    said: list[str] = []
    ran = await bench.run(service, announce=said.append)
    assert ran.outcome.succeeded == JOBS
    assert len(said) == 1
    assert said[0].startswith(f"The last 700 bytes of {path} are zeros")
    assert summarise(bench.directory).run.notes == [f"t{said[0][1:-1]}"]


@pytest.mark.slow
@pytest.mark.parametrize("gone", ["first", "last"])
async def test_one_of_several_segments_that_is_gone_is_seen(
    bench: Any,
    service: Any,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    gone: str,
) -> None:
    monkeypatch.setattr(recorder, "SEGMENT_BYTES", 8_000)
    journal = await killed(bench, service)
    manifest = json.loads((bench.directory / "run.json").read_bytes())
    named = manifest["sessions"][0]["journal"]
    there = sorted(int(path.stem) for path in journal.iterdir())
    assert set(named) <= set(there)
    assert there[-1] > 1
    number = named[0] if gone == "first" else named[-1]
    (journal / f"{number:06}.jsonl").unlink()
    with pytest.raises(StorageError, match=rf"{number:06}\.jsonl is missing or empty"):
        await bench.run(service)
    assert service.posts == []


async def test_a_run_that_ended_names_no_segment(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.fine(delay_s=0.2)
    bench.write_chats(20)
    ran = await bench.run(service, concurrency=2)
    assert "journal" not in ran.manifest["sessions"][0]
