"""Resuming a directory of somebody else: refused in a line, or recovered, and nothing outside of it
is written, emptied or removed. `make fuzz` tries many more seeds."""

import os
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from headrace.jobs import HeadraceError, Manifest, Reject, decode_manifest
from headrace.runner.errors import RunDirectoryError, StorageError
from headrace.runner.images.files import store_image
from headrace.runner.record import RunDirectory, recover
from headrace.runner.record.rejects import RejectsFile
from headrace.runner.record.seal import ensure_parts
from tests.foreign_runs import KINDS, SECRET, World, spoil

pytestmark = pytest.mark.usefixtures("no_sync")

MORE = int(os.environ.get("HEADRACE_MORE_CASES", "1"))
SEEDS = 40
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def manifest_of(run: Path) -> Manifest:
    return decode_manifest((run / "run.json").read_bytes())


def resume(run: Path, fresh: Manifest, *, retry_failed: bool = False) -> None:
    """All that a session does to a directory before it sends, and what it writes at its end."""
    with RunDirectory.open(run, fresh) as directory:
        directory.begin(fresh.sessions[-1])
        _, journal = recover(run, now=NOW, retry_failed=retry_failed)
        journal.close()
        directory.raise_schema()
        ensure_parts(run)
        directory.save_concurrency([])


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS * MORE, 20))
def test_a_directory_with_one_thing_changed_is_resumed_or_refused_in_a_line(
    first: int, tmp_path: Path
) -> None:
    found = {}
    for seed in range(first, first + 20):
        rng = random.Random(seed)
        world = World.made(tmp_path / str(seed), rng.choice(KINDS))
        fresh = manifest_of(world.run)
        what = spoil(world, rng)
        try:
            resume(world.run, fresh, retry_failed=rng.random() < 0.5)
        except HeadraceError as error:
            if not error.format_message().isprintable():
                found[f"seed {seed}: {what}"] = error.message
        if not world.untouched():
            found[f"seed {seed}: {what}"] = "what is outside was changed"
    assert found == {}


@pytest.mark.parametrize("name", ["journal", "results", "attempts", "images"])
def test_a_directory_that_leads_elsewhere_is_refused_before_anything_is_touched(
    name: str, tmp_path: Path
) -> None:
    world = World.made(tmp_path, "killed")
    fresh = manifest_of(world.run)
    if (world.run / name).exists():
        (world.run / name).rename(world.run / "before")
    (world.run / name).symlink_to(world.outside / "folder")
    before = (world.run / "run.json").read_bytes()
    with pytest.raises(RunDirectoryError, match=f"{name} is a symbolic link, not a directory"):
        resume(world.run, fresh)
    assert world.untouched()
    assert (world.run / "run.json").read_bytes() == before


@pytest.mark.parametrize("index", [-1, 2**40, 2**63 - 1])
def test_a_line_that_no_file_has_is_refused(index: int, tmp_path: Path) -> None:
    world = World.made(tmp_path, "finished")
    part = world.run / "results" / "part-000001.parquet"
    table = pl.read_parquet(part)
    table.with_columns(pl.lit(index, dtype=pl.Int64).alias("index")).write_parquet(part)
    with pytest.raises(RunDirectoryError, match="in the column index; restore it, or choose"):
        resume(world.run, manifest_of(world.run))


def test_a_line_in_words_is_refused(tmp_path: Path) -> None:
    world = World.made(tmp_path, "finished")
    part = world.run / "results" / "part-000001.parquet"
    pl.read_parquet(part).with_columns(pl.col("index").cast(pl.String)).write_parquet(part)
    with pytest.raises(RunDirectoryError, match="has String in the column index, not Int64"):
        resume(world.run, manifest_of(world.run))


def test_a_limit_of_nothing_is_refused(tmp_path: Path) -> None:
    world = World.made(tmp_path, "finished")
    fresh = manifest_of(world.run)
    path = world.run / "run.json"
    path.write_bytes(path.read_bytes().replace(b'"tpm": null', b'"tpm": 0'))
    with pytest.raises(RunDirectoryError, match=r"Expected `int` >= 1 - at .*tpm"):
        resume(world.run, fresh)


PLACES: dict[str, Callable[[Path, Path], object]] = {
    "link": lambda path, outside: path.symlink_to(outside),
    "hard link": lambda path, outside: path.hardlink_to(outside),
    "FIFO": lambda path, _: os.mkfifo(path),
    "directory": lambda path, _: path.mkdir(),
}


@pytest.mark.parametrize("place", PLACES)
def test_rejects_are_written_to_no_file_that_is_not_the_runs_alone(
    place: str, tmp_path: Path
) -> None:
    outside, path = tmp_path / "outside", tmp_path / "rejects.jsonl"
    outside.write_bytes(SECRET)
    PLACES[place](path, outside)
    rejects = RejectsFile(path)
    with pytest.raises(StorageError, match=r"^cannot write .*rejects\.jsonl: "):
        rejects.append(Reject(line=1, custom_id=None, reason="no job", text="x"))
    assert outside.read_bytes() == SECRET


@pytest.mark.parametrize("place", ["images", "image"])
def test_an_image_is_written_to_no_place_that_a_link_leads_to(place: str, tmp_path: Path) -> None:
    world = World.made(tmp_path, "load")
    images = world.run / "images"
    if place == "images":
        images.symlink_to(world.outside / "folder")
        with pytest.raises(StorageError, match="a symbolic link is in its place"):
            store_image(images, index=0, n=0, image=b"\x89PNG\r\n\x1a\n")
    else:
        images.mkdir()
        (images / "0-0.png").symlink_to(world.outside / "secret")
        store_image(images, index=0, n=0, image=b"\x89PNG\r\n\x1a\n")
        assert (images / "0-0.png").read_bytes() == b"\x89PNG\r\n\x1a\n"
    assert world.untouched()
