"""Several processes write into one run's journal and seal into its tables, each under its name."""

import datetime as dt
import json
import threading
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from headrace.jobs import (
    Attempt,
    DamagedManifestError,
    Ended,
    Finished,
    InputError,
    JobEnd,
    SegmentName,
    Sent,
    WrittenRecord,
    check_run_files,
    check_tables,
    decode_manifest,
)
from headrace.reports import scan_results
from headrace.runner.record import Journal, recover, seal

AT = dt.datetime(2026, 6, 9, 8, 30, 20, tzinfo=dt.UTC)


def sent(index: int, attempt: int = 1, *, reopened: bool = False) -> Sent:
    return Sent(
        index=index,
        custom_id=f"job-{index}",
        model="m",
        url="/v1/chat/completions",
        attempt=attempt,
        due_at=AT,
        sent_at=AT,
        reopened=reopened,
    )


def finished(index: int, attempt: int = 1, status: str = "succeeded") -> Finished:
    row = Attempt(
        index=index,
        custom_id=f"job-{index}",
        model="m",
        url="/v1/chat/completions",
        attempt=attempt,
        due_at=AT,
        sent_at=AT,
        cost=Decimal("0.1"),
    )
    assert status in ("succeeded", "failed")
    end = JobEnd(
        status="failed" if status == "failed" else "succeeded",
        ended_at=AT,
        total_s=1.0,
        body_digest="d",
    )
    return Finished(attempt=row, job=end)


def written(run: Path, name: SegmentName, *records: WrittenRecord) -> Path:
    (run / "journal").mkdir(parents=True, exist_ok=True)
    journal = Journal(run / "journal", name)
    for record in records:
        journal.append(record)
    journal.close()
    return journal.path


def test_what_several_writers_left_is_recovered_and_sealed_under_their_names(
    tmp_path: Path,
) -> None:
    written(tmp_path, SegmentName(4), sent(0), finished(0))
    written(tmp_path, SegmentName(4, 1), sent(1), finished(1), sent(2))
    written(tmp_path, SegmentName(5, 1), sent(2), finished(2))  # begun in the one before
    written(tmp_path, SegmentName(4, 12), sent(3))
    state, journal = recover(tmp_path, now=AT)
    journal.close()
    assert (state.succeeded, state.lost, state.attempts) == (3, 1, {3: 1})
    assert state.spent == Decimal("0.3")
    assert journal.name == SegmentName(6)  # above those of all writers
    parts = sorted(part.name for part in (tmp_path / "results").iterdir())
    assert parts == ["part-000004.parquet", "part-w01-000004.parquet", "part-w01-000005.parquet"]
    check_run_files(tmp_path)
    check_tables(tmp_path)


def test_what_a_lost_worker_had_in_flight_is_recorded_once(tmp_path: Path) -> None:
    """Its coordinator wrote the ends into a segment of its own, which became tables first; then all
    were killed."""
    lost = [Ended(attempt=sent(index).lost()) for index in (1, 2)]
    coordinators = written(tmp_path, SegmentName(4), *lost)
    written(tmp_path, SegmentName(4, 2), sent(1), sent(2), sent(3))
    seal(tmp_path, SegmentName(4), coordinators)
    state, journal = recover(tmp_path, now=AT)
    journal.close()
    assert (state.lost, state.attempts) == (1, {1: 1, 2: 1, 3: 1})
    seal(tmp_path, journal.name, journal.path)
    attempts = pl.read_parquet(tmp_path / "attempts" / "*.parquet")
    assert sorted(attempts.select("index", "attempt").rows()) == [(1, 1), (2, 1), (3, 1)]


def test_a_writers_new_result_takes_the_place_of_another_writers_old_one(tmp_path: Path) -> None:
    """A job that is opened again may come to any worker, of any number."""
    old = written(tmp_path, SegmentName(7, 3), sent(0), finished(0, status="failed"))
    seal(tmp_path, SegmentName(7, 3), old)
    again = sent(0, 2, reopened=True), finished(0, 2)
    found = []
    for _ in range(2):  # and once more after a crash
        fresh = written(tmp_path, SegmentName(8, 1), *again)
        seal(tmp_path, SegmentName(8, 1), fresh)
        rows = pl.read_parquet(tmp_path / "results" / "*.parquet")
        found.append(rows.select("status", "attempts").rows())
    assert found == [[("succeeded", 2)]] * 2


@pytest.mark.slow
def test_writers_that_seal_at_once_lose_none_of_what_they_share(tmp_path: Path) -> None:
    """Each takes its jobs' old rows out of the same part."""
    old = [record for n in range(8) for record in (sent(n), finished(n, status="failed"))]
    seal(tmp_path, SegmentName(1), written(tmp_path, SegmentName(1), *old))
    segments = {}
    for writer in range(1, 9):
        name, index = SegmentName(2, writer), writer - 1
        again = sent(index, 2, reopened=True), finished(index, 2)
        segments[name] = written(tmp_path, name, *again)
    threads = [threading.Thread(target=seal, args=(tmp_path, *each)) for each in segments.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = pl.read_parquet(tmp_path / "results" / "*.parquet").sort("index")
    assert rows.select("index", "status").rows() == [(n, "succeeded") for n in range(8)]


MANIFEST = {
    "headrace": "0.2",
    "schema_version": 2,
    "kind": "bulk",
    "base_url": "http://x",
    "job_file": None,
    "sessions": [
        {
            "started_at": "2026-06-09T08:30:20Z",
            "limits": {"rpm": None, "tpm": None, "concurrency": None},
        }
    ],
}


@pytest.mark.parametrize("named", ["../../x", "w03-", "3", "w3-1", 1.5])
def test_a_run_json_can_name_nothing_but_segments(named: object) -> None:
    session = {**MANIFEST["sessions"][0], "journal": [named]}  # type: ignore[index]
    with pytest.raises(DamagedManifestError):
        decode_manifest(json.dumps({**MANIFEST, "sessions": [session]}).encode())


def test_a_workers_segment_that_run_json_names_is_missed(tmp_path: Path) -> None:
    session = {**MANIFEST["sessions"][0], "journal": [3, "w02-000004"]}  # type: ignore[index]
    (tmp_path / "run.json").write_text(json.dumps({**MANIFEST, "sessions": [session]}))
    written(tmp_path, SegmentName(3), sent(0), finished(0))
    with pytest.raises(InputError, match=r"w02-000004\.jsonl is missing or empty"):
        scan_results(tmp_path)
    written(tmp_path, SegmentName(4, 2), sent(1), finished(1))
    assert len(scan_results(tmp_path).collect()) == 2
