"""The ledger on disk: a SQLite file, so that a restart goes on where the last one ended."""

import sqlite3
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from .errors import GatewayError
from .ledger import Used
from .prices import plain

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

    Every charge is one transaction: it survives the end of the process at once, and a power cut
    save for the last moments. Raises GatewayError when the file cannot be used.
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
        """The balance kept, None when the file is new."""
        row = self._base.execute("select balance from tenant").fetchone()
        return None if row is None else Decimal(row[0])

    def used(self, key_id: str) -> Used | None:
        """What the key had used, None when it never paid."""
        row = self._base.execute(
            "select day, daily, monthly from used where key_id = ?", (key_id,)
        ).fetchone()
        return None if row is None else Used(row[0], Decimal(row[1]), Decimal(row[2]))

    def begin(self, balance: Decimal) -> None:
        """Keep the opening balance."""
        self._base.execute("insert into tenant values (1, ?)", (plain(balance),))

    def charge(
        self, request_id: str, key_id: str, amount: Decimal, *, balance: Decimal, used: Used
    ) -> None:
        """Keep one charge and what it leaves, all or nothing. GatewayError when it cannot be."""
        run = self._base.execute
        taken = (request_id, key_id, used.day, plain(amount))
        sums = (key_id, used.day, plain(used.daily), plain(used.monthly))
        try:
            run("begin")
            run("insert into charges values (?, ?, ?, ?)", taken)
            run("update tenant set balance = ?", (plain(balance),))
            run("insert or replace into used values (?, ?, ?, ?)", sums)
            run("commit")
        except sqlite3.Error as error:
            raise GatewayError(f"cannot write the state file {self._path}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._base.close()
