"""The ledger on disk: a SQLite file, so that a restart continues where the last run ended."""

import datetime as dt
import sqlite3
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Self

from .errors import GatewayError
from .ledger import KeySpend
from .prices import format_amount

_SCHEMA = """
create table if not exists tenant (
    only integer primary key check (only = 1), balance text not null
);
create table if not exists used (
    key_id text primary key, day text not null, daily text not null, monthly text not null
);
create table if not exists charges (
    request_id text primary key, key_id text not null, day text not null, amount text not null
);
"""


class StateFile:
    """A `Store` in SQLite; amounts are decimal text. A context manager, which closes the file.

    Every charge is one transaction. It survives the end of the process; a power failure may lose
    those of the last moments.

    Args:
        path: the file, which is created where it does not exist.

    Raises:
        GatewayError: when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._base = sqlite3.connect(path, isolation_level=None)
        except sqlite3.Error as error:
            raise GatewayError(f"cannot use the state file {path}: {error}") from error
        try:
            self._base.execute("pragma journal_mode = wal")
            self._base.execute("pragma synchronous = normal")
            self._base.execute("pragma locking_mode = exclusive")
            self._base.executescript(_SCHEMA)
        except sqlite3.Error as error:
            self._base.close()
            raise GatewayError(f"cannot use the state file {path}: {error}") from error

    def balance(self) -> Decimal | None:
        """The stored balance; None where the file is new."""
        row = self._read("select balance from tenant")
        return None if row is None else self._amount(row[0])

    def spend(self, key_id: str) -> KeySpend | None:
        """What the key had spent; None where it never paid."""
        row = self._read("select day, daily, monthly from used where key_id = ?", key_id)
        if row is None:
            return None
        try:
            day = dt.date.fromisoformat(row[0])
        except (TypeError, ValueError) as error:
            raise self._foreign(f"{row[0]!r} is not a date") from error
        return KeySpend(day, self._amount(row[1]), self._amount(row[2]))

    def begin(self, balance: Decimal) -> None:
        """Store the opening balance. Raises GatewayError when it cannot be written."""
        try:
            self._base.execute("insert into tenant values (1, ?)", (format_amount(balance),))
        except sqlite3.Error as error:
            raise GatewayError(f"cannot write the state file {self._path}: {error}") from error

    def charge(
        self, request_id: str, key_id: str, amount: Decimal, *, balance: Decimal, spend: KeySpend
    ) -> None:
        """Store one charge with the new balance and spending, all or nothing.

        Raises GatewayError when it cannot be written.
        """
        run = self._base.execute
        day = spend.day.isoformat()
        taken = (request_id, key_id, day, format_amount(amount))
        sums = (key_id, day, format_amount(spend.daily), format_amount(spend.monthly))
        try:
            run("begin")
            run("insert into charges values (?, ?, ?, ?)", taken)
            run("update tenant set balance = ?", (format_amount(balance),))
            run("insert or replace into used values (?, ?, ?, ?)", sums)
            run("commit")
        except sqlite3.Error as error:
            raise GatewayError(f"cannot write the state file {self._path}: {error}") from error

    def _read(self, query: str, *values: str) -> tuple[Any, ...] | None:
        try:
            row: tuple[Any, ...] | None = self._base.execute(query, values).fetchone()
        except sqlite3.Error as error:
            raise self._foreign(str(error)) from error
        return row

    def _amount(self, text: object) -> Decimal:
        try:
            amount = Decimal(str(text))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite():
            raise self._foreign(f"{text!r} is not an amount")
        return amount

    def _foreign(self, why: str) -> GatewayError:
        return GatewayError(f"{self._path} is not a state file of this gateway: {why}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()
