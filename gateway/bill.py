"""One answer's charge, from its admission to its end."""

from typing import Self

from .answer import Answer
from .config import Key
from .exchange import Exchange
from .ledger import Ledger
from .prices import ZERO


class Bill:
    """Holds a charge while its answer is on the way, and takes it when the answer is produced.

    A client that leaves early pays what was known at arrival; only an end of the server gives the
    hold back untaken. Nothing is billed unless it is `due`.
    """

    __slots__ = ("_amount", "_exchange", "_holds", "_key", "_ledger", "_settled")

    def __init__(
        self, ledger: Ledger, key: Key, exchange: Exchange, answer: Answer, *, due: bool
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._exchange = exchange
        self._amount = answer.charge if due else ZERO
        self._settled = self._holds = False
        if due:
            row = exchange.row
            row.input_tokens = answer.input_tokens
            row.cached_input_tokens = answer.cached_input_tokens
            row.output_tokens = answer.output_tokens
            row.images = answer.images

    def settle(self) -> None:
        """Take the charge, once."""
        if self._settled:
            return
        self._settled = True
        if self._amount:
            row = self._exchange.row
            self._let_go()
            self._ledger.charge(
                self._key, row.request_id, self._amount, self._exchange.clock.unix_us()
            )
            row.charge = self._amount

    def __enter__(self) -> Self:
        if self._amount:
            self._holds = True
            self._ledger.hold(self._key, self._amount)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, Exception):
            self.settle()
        elif not self._settled:
            self._settled = True
            self._let_go()

    def _let_go(self) -> None:
        if self._holds:
            self._holds = False
            self._ledger.release(self._key, self._amount)
