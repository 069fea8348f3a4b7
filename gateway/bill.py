"""One answer's charge, from its admission to its end."""

from typing import Self

from .config import Key
from .ledger import Ledger
from .prices import ZERO
from .response import Response
from .response_writer import ResponseWriter


class Bill:
    """Holds a charge while its answer is being sent, and takes it once the answer is produced.

    A client that leaves early pays what was known at arrival; only when the server ends is a hold
    released without a charge. Nothing is charged unless `billed`.
    """

    __slots__ = ("_amount", "_done", "_holds", "_key", "_ledger", "_writer")

    def __init__(
        self, ledger: Ledger, key: Key, writer: ResponseWriter, response: Response, *, billed: bool
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._writer = writer
        self._amount = response.charge if billed else ZERO
        self._done = self._holds = False
        if billed:
            row = writer.row
            row.input_tokens = response.input_tokens
            row.cached_input_tokens = response.cached_input_tokens
            row.output_tokens = response.output_tokens
            row.images = response.images

    def charge(self) -> None:
        """Take the charge; a second call does nothing."""
        if self._done:
            return
        self._done = True
        if self._amount:
            row = self._writer.row
            self._release()
            self._ledger.charge(
                self._key, row.request_id, self._amount, self._writer.clock.unix_us()
            )
            row.charge = self._amount

    def __enter__(self) -> Self:
        if self._amount:
            self._holds = True
            self._ledger.hold(self._key, self._amount)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, Exception):
            self.charge()
        elif not self._done:
            self._done = True
            self._release()

    def _release(self) -> None:
        if self._holds:
            self._holds = False
            self._ledger.release(self._key, self._amount)
