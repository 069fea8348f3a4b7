"""docs/design.md, the map: what it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
ROOMS = ("jobs", "runner", "reports", "gateway", "src", "tests")
WALKS = {
    "A job line's way to its Parquet row": (
        "runner/cli.py",
        "runner/bulk/start.py",
        "runner/bulk/session.py",
        "runner/session.py",
        "jobs/files/source.py",
        "jobs/files/dialects.py",
        "jobs/files/reader.py",
        "runner/bulk/read_jobs.py",
        "runner/bulk/engine.py",
        "runner/bulk/backlog.py",
        "runner/dispatch.py",
        "runner/admission.py",
        "runner/limits/lane.py",
        "runner/money/budget.py",
        "runner/limits/concurrency.py",
        "runner/attempts.py",
        "runner/client.py",
        "runner/transport/transport.py",
        "runner/transport/connection.py",
        "runner/record/recorder.py",
        "runner/record/journal.py",
        "runner/answers/readers.py",
        "runner/answers/streams.py",
        "jobs/endpoints.py",
        "runner/rows.py",
        "runner/record/seal.py",
        "runner/record/tables.py",
    ),
    "An SSE byte's way to a percentile": (
        "runner/transport/streams.py",
        "runner/transport/arrival.py",
        "runner/transport/connection.py",
        "runner/transport/wire.py",
        "runner/transport/response.py",
        "runner/client.py",
        "runner/answers/sse.py",
        "runner/answers/chat.py",
        "runner/answers/token_times.py",
        "runner/rows.py",
        "runner/traffic/recorder.py",
        "runner/record/seal.py",
        "reports/run.py",
        "reports/load/attempt_rows.py",
        "reports/load/measure.py",
        "reports/load/percentiles.py",
        "reports/load/intervals.py",
        "reports/terminal/load.py",
    ),
    "A price's way to the balance check": (
        "jobs/costs/prices.py",
        "runner/session.py",
        "runner/money/account.py",
        "runner/record/recorder.py",
        "runner/money/account_limits.py",
        "runner/bulk/engine.py",
        "jobs/costs/bound.py",
        "runner/admission.py",
        "runner/money/budget.py",
        "runner/answers/usage.py",
        "runner/attempts.py",
        "runner/rows.py",
        "runner/record/seal.py",
        "reports/run.py",
        "reports/figures/account.py",
        "jobs/records/account_change.py",
        "reports/figures/balance_check.py",
        "reports/figures/suspects.py",
    ),
    "A 429's way to the next send": (
        "runner/client.py",
        "runner/retries/failure.py",
        "runner/retries/retry_after.py",
        "runner/attempts.py",
        "runner/limits/lane.py",
        "runner/money/refusals.py",
        "runner/retries/policy.py",
        "runner/rows.py",
        "runner/record/recorder.py",
        "runner/admission.py",
        "runner/limits/concurrency.py",
        "runner/limits/adaptive.py",
        "runner/dispatch.py",
        "runner/bulk/backlog.py",
        "runner/limits/limiter.py",
    ),
}


def test_every_file_and_folder_that_the_map_names_is_there() -> None:
    named = [name for name in re.findall(r"`([\w./]+)`", PAGE) if name.split("/")[0] in ROOMS]
    files = {name for name in named if name.endswith(".py")}
    assert len(files) > 50
    assert [name for name in named if "/" in name and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_names_its_files_in_the_order_of_the_flow(title: str) -> None:
    """Each file where it is met first; a file that is moved or renamed moves here too."""
    walk = PAGE.partition(f"### {title}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    named = re.findall(r"`([\w/]+\.py)`", walk)
    assert tuple(dict.fromkeys(named)) == WALKS[title]


def test_every_room_is_in_the_table() -> None:
    table = PAGE.partition("## The rooms")[2].partition("## Four walks")[0]
    rooms = {
        path.parent.relative_to(ROOT).as_posix()
        for room in ("jobs", "runner", "reports")
        for path in (ROOT / room).rglob("__init__.py")
    }
    assert len(rooms) > 20
    missing = [room for room in rooms if "/" in room and f"{room.split('/')[-1]}/" not in table]
    assert missing == []


@pytest.mark.parametrize("room", ["jobs", "runner", "reports", "gateway"])
def test_every_file_beside_the_rooms_is_in_the_table(room: str) -> None:
    table = PAGE.partition("| where |")[2].partition("## Four walks")[0]
    rows = [
        line for line in table.splitlines() if line.startswith((f"| `{room}/*.py`", f"| `{room}/`"))
    ]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    there = {path.stem for path in (ROOT / room).glob("*.py")} - {"__init__"}
    assert named & there == there
    assert named - there == set()
