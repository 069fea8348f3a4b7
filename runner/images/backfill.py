"""Images that earlier sessions left as links: fetched by one that downloads."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import trio

from headrace.jobs import IMAGE_URLS, Result, numbered_files

from ..errors import StorageError
from ..offload import Offload
from ..record import Recorder, RecoveredState
from .store import ImageStore

AT_ONCE = 8


async def fetch_missing(
    run: Path,
    images: ImageStore,
    recorder: Recorder,
    state: RecoveredState,
    *,
    service: str | None = None,
    read: Offload,
) -> None:
    """Look through the results that `state` knows as done, and fetch what is only a link: of one of
    several services those of its own answers, with its key.

    A result whose answer gains a path is recorded again, and takes the place of the old one.
    Raises StorageError.
    """
    room = trio.Semaphore(AT_ONCE)

    async def one(result: Result) -> None:
        try:
            await _complete(result, images, recorder)
        finally:
            room.release()

    failure: StorageError | None = None
    try:
        async with trio.open_nursery() as nursery:
            for _, part in numbered_files(run / "results", "part-", ".parquet"):
                for result in await read(partial(_linked, part, service)):
                    if not state.has_result(result.index):
                        continue  # it is open again, and its job runs
                    await room.acquire()
                    nursery.start_soon(one, result)
    except* StorageError as group:
        failure = next(_leaves(group))
    if failure is not None:
        raise failure


async def _complete(result: Result, images: ImageStore, recorder: Recorder) -> None:
    body = msgspec.json.decode(result.response or "{}")
    data = body["data"]
    before = list(data)
    try:
        await images.fetch(result.index, data, images.missing(result.index, data))
    finally:
        if data != before:
            response = msgspec.json.encode(body).decode()
            fuller = msgspec.structs.replace(result, response=response)
            recorder.decided(fuller, replaces=result.status)


def _linked(part: Path, service: str | None) -> list[Result]:
    """The results in a part whose answers hold links, of this service."""
    try:
        images = pl.scan_parquet(part).filter(
            pl.col("url").is_in(IMAGE_URLS)
            & (pl.col("status") == "succeeded")
            & pl.col("service").eq_missing(pl.lit(service, dtype=pl.String))
        )
        rows = images.filter(pl.col("response").str.contains('"url"', literal=True)).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StorageError(f"{part} can't be read ({error}); restore it") from error
    return [Result(**row) for row in rows.to_dicts() if _has_data(row["response"])]


def _has_data(response: str) -> bool:
    try:
        body: Any = msgspec.json.decode(response)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False  # not an answer that a run recorded; it stays as it is
    return isinstance(body, dict) and isinstance(body.get("data"), list)


def _leaves(group: BaseExceptionGroup[StorageError]) -> Iterator[StorageError]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each
