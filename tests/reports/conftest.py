"""Run directories written by hand, row by row, as the runner's are documented to be."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headrace.jobs import (
    Attempt,
    BalanceReading,
    Dataset,
    JobFile,
    JournalRecord,
    Limits,
    LoadFacts,
    Manifest,
    Price,
    PriceTable,
    Recipe,
    Result,
    Row,
    ServiceRecord,
    Session,
    row_frame,
)

START = datetime(2026, 6, 8, 12, 0, tzinfo=UTC)
CHAT = "/v1/chat/completions"
PARTS_MAX = 4
PRICES = PriceTable(
    currency="CNY",
    models={
        "small": Price(input=Decimal(1), output=Decimal(2)),
        "painter": Price(images={"default": Decimal("0.25")}),
    },
)


def at(seconds: float) -> datetime:
    """A moment of the run."""
    return START + timedelta(seconds=seconds)


class RunMaker:
    """A run directory to be: rows are added, then written as Parquet parts or journal lines."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.results: list[Result] = []
        self.attempts: list[Attempt] = []
        self.readings: list[BalanceReading] = []
        self.prices: PriceTable | None = PRICES
        self.limits = Limits(rpm=60, tpm=100_000, concurrency=None)
        self.load: LoadFacts | None = None
        self.dataset: Dataset | None = None
        self.recipe: Recipe | None = None
        self.services: list[ServiceRecord] = []
        self.shared_accounts: list[list[str]] = []
        self.unrecorded = Decimal(0)

    def attempt(self, index: int, attempt: int = 1, **fields: Any) -> Attempt:
        """An attempt that was answered, unless `fields` say otherwise."""
        defaults = {
            "custom_id": f"job-{index}",
            "model": "small",
            "url": CHAT,
            "due_at": at(index),
            "sent_at": at(index),
        }
        row = Attempt(index=index, attempt=attempt, **{**defaults, **fields})
        self.attempts.append(row)
        return row

    def result(self, index: int, **fields: Any) -> Result:
        """A result that succeeded, unless `fields` say otherwise."""
        defaults = {
            "custom_id": f"job-{index}",
            "model": "small",
            "url": CHAT,
            "status": "succeeded",
            "attempts": 1,
            "due_at": at(index),
            "sent_at": at(index),
            "ended_at": at(index + 0.5),
            "total_s": 0.5,
            "body_digest": "0" * 32,
        }
        row = Result(index=index, **{**defaults, **fields})
        self.results.append(row)
        return row

    def job(self, index: int, **fields: Any) -> None:
        """A job that succeeded at once; usage and cost are in its attempt and its result."""
        of_attempt = {k: v for k, v in fields.items() if k in Attempt.__struct_fields__}
        self.attempt(index, **of_attempt)
        self.result(index, **{k: v for k, v in fields.items() if k in Result.__struct_fields__})

    def reading(self, seconds: float, balance: str | None, spent: str, **fields: Any) -> None:
        """One reading of the balance, with the decimals that its figure shows."""
        shown = (
            {}
            if balance is None
            else {
                "currency": "CNY",
                "balance": Decimal(balance),
                "decimals": len(balance.partition(".")[2]),
                "http_status": 200,
            }
        )
        moment = "during" if self.readings else "before"
        row = {"read_at": at(seconds), "moment": moment, "spent": Decimal(spent), **shown, **fields}
        self.readings.append(BalanceReading(**row))

    def service(self, name: str, *models: str, **fields: Any) -> None:
        """One more service, on a port of its own."""
        defaults = {
            "base_url": f"http://127.0.0.1:{8001 + len(self.services)}",
            "models": list(models),
            "limits": Limits(rpm=600, tpm=None, concurrency=None),
        }
        self.services.append(ServiceRecord(name=name, **{**defaults, **fields}))

    def manifest(self, *sessions: Session) -> None:
        """Write run.json; without sessions, with one that finished after a minute."""
        finished = Session(
            started_at=START,
            ended_at=at(60),
            state="finished",
            limits=self.limits,
            shared_accounts=self.shared_accounts,
            unrecorded=self.unrecorded,
        )
        manifest = Manifest(
            headrace="0.1.0",
            schema_version=1,
            kind="bulk" if self.load is None else "load",
            base_url=None if self.services else "http://127.0.0.1:8000",
            services=self.services,
            job_file=JobFile(path="jobs.jsonl", size_bytes=1, digest="0" * 32),
            load=self.load,
            dataset=self.dataset,
            recipe=self.recipe,
            prices=self.prices,
            sessions=list(sessions) or [finished],
        )
        self.directory.mkdir(exist_ok=True)
        (self.directory / "run.json").write_bytes(msgspec.json.encode(manifest))

    def seal(self) -> None:
        """Write what was added as Parquet, several rows a part, and forget it."""
        self._parts("results", Result, self.results)
        self._parts("attempts", Attempt, self.attempts)
        if self.readings:
            row_frame(BalanceReading, self.readings).write_parquet(
                self.directory / "balance.parquet"
            )
        self.results, self.attempts, self.readings = [], [], []

    def _parts(self, name: str, kind: type[Row], rows: list[Any]) -> None:
        folder = self.directory / name
        folder.mkdir(parents=True, exist_ok=True)
        each = max(3, -(-len(rows) // PARTS_MAX))
        for n in range(0, max(len(rows), 1), each):
            part = folder / f"{len(list(folder.iterdir())):06}.parquet"
            row_frame(kind, rows[n : n + each]).write_parquet(part)

    def journal(self, *records: JournalRecord, torn: bytes = b"") -> None:
        """Write one journal segment."""
        folder = self.directory / "journal"
        folder.mkdir(parents=True, exist_ok=True)
        lines = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
        (folder / f"{len(list(folder.iterdir())):06}.jsonl").write_bytes(lines + torn)

    def write(self) -> Path:
        """A run that finished: manifest and Parquet."""
        self.manifest()
        self.seal()
        return self.directory

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """As if a process worked on it: the directory is locked."""
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(descriptor)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunMaker:
    """A run named jobs.run in the current directory."""
    monkeypatch.chdir(tmp_path)
    return RunMaker(Path("jobs.run"))
