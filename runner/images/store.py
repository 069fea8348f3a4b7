"""The images of a run: decoded, and where asked fetched, into its `images/`."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import trio

from headrace.jobs import ENDPOINTS, Job

from ..offload import Offload
from ..outcome import AttemptOutcome
from .downloads import DownloadError, Downloads
from .files import has_images, links_in, store_image, with_image_stored

T = TypeVar("T")


class ImageStore:
    """Puts images into files and their paths into answers. Raises StorageError.

    `downloads` is None where links stay links. `fetched` counts those that became files, `failures`
    the others by reason: a link that can't be fetched fails no job.
    """

    def __init__(self, run: Path, *, offload: Offload, downloads: Downloads | None) -> None:
        self.fetched = 0
        self.failures: Counter[str] = Counter()
        self.downloads = downloads
        self._run = run
        self._directory = run / "images"
        self._offload = offload

    def concern(self, job: Job, outcome: AttemptOutcome) -> bool:
        """Whether an attempt came back with anything to put into a file."""
        if outcome.answer is None or ENDPOINTS[job.url].price != "images":
            return False
        body = outcome.answer.body
        return has_images(body) or (self.downloads is not None and bool(links_in(body["data"])))

    def missing(self, index: int, data: list[Any]) -> list[tuple[int, str]]:
        """The places and links in a recorded answer that no file of ours stands beside."""
        return [
            (n, url)
            for n, url in links_in(data)
            if not self._is_there(data[n].get("path"), f"images/{index}-{n}.")
        ]

    def _is_there(self, path: Any, ours: str) -> bool:
        if not isinstance(path, str) or not path.startswith(ours) or path.count("/") > 1:
            return False
        return (self._run / path).is_file() and not (self._run / path).is_symlink()

    async def body_of(self, outcome: AttemptOutcome) -> Any:
        """The response as a JSON object, parsed off the loop where it is long."""
        return await self._done(partial(msgspec.json.decode, outcome.response or "{}"), outcome)

    async def put_back(self, outcome: AttemptOutcome, body: dict[str, Any]) -> None:
        """Make this the response."""
        outcome.response = await self._done(lambda: msgspec.json.encode(body).decode(), outcome)

    async def _done(self, work: Callable[[], T], outcome: AttemptOutcome) -> T:
        """What comes of it, done here or, where the answer is long, off the loop; what came is
        recorded, so it is not cancelled."""
        if not outcome.long:
            return work()
        with trio.CancelScope(shield=True):
            done = await self._offload(work)
        return done  # noqa: RET504 - a scope might swallow, for all that mypy knows

    async def decode(self, job: Job, body: dict[str, Any]) -> None:
        """Put each base64 image of an answer into a file, and its path in its place in `body`.

        An answer holds no more images than its job asked for; what came beyond is left out, and
        `images_left_out` says how many. Where it is cancelled it returns early: each image is in
        its file or still in `body`.
        """
        data: list[Any] = body["data"]
        asked = max(1, job.images)
        if len(data) > asked:
            body["images_left_out"] = len(data) - asked
            del data[asked:]
        for n, item in enumerate(data):
            if trio.current_effective_deadline() == float("-inf"):
                return
            with trio.CancelScope(shield=True):  # or a file might be there that nothing names
                data[n] = await self._offload(
                    partial(with_image_stored, self._directory, index=job.index, n=n, item=item)
                )

    async def fetch(self, index: int, data: list[Any], links: list[tuple[int, str]]) -> None:
        """Fetch these links, and put each path beside its link as soon as its file is synced.

        Where it is cancelled, `data` has what was fetched by then.
        """
        if self.downloads is None:
            return
        for n, url in links:
            try:
                image = await self.downloads.get(url)
            except DownloadError as error:
                self.failures[str(error)] += 1
                data[n] = {key: value for key, value in data[n].items() if key != "path"}
            else:
                data[n] = {**data[n], "path": await self._store(index, n, image)}
                self.fetched += 1

    async def _store(self, index: int, n: int, image: bytes) -> str:
        return await self._offload(
            lambda: store_image(self._directory, index=index, n=n, image=image)
        )
