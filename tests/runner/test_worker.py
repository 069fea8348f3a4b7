"""A worker's process, from its link to its end."""

import datetime as dt
import socket
from pathlib import Path

import msgspec
import pytest
import trio
import trio.testing

from headrace.jobs import SCHEMA_VERSION, JobFile, LoadFacts, Manifest
from headrace.runner.worker import _serve_socket, serve
from headrace.runner.worker_command import wait_for_hand
from headrace.runner.workers import Begin, Halt, StreamLink, ToCoordinator, ToWorker
from headrace.runner.workers.messages import Anchor

AT = dt.datetime(2026, 6, 9, tzinfo=dt.UTC)


def begin(path: Path, options: dict[str, object], *, job_file: JobFile | None = None) -> Begin:
    manifest = Manifest(
        headrace="0",
        schema_version=SCHEMA_VERSION,
        kind="load",
        base_url="http://gateway.test",
        job_file=job_file,
        load=LoadFacts(shape="rate", asked="1/s", open_loop=True),
    )
    return Begin(
        kind="load",
        worker=1,
        of=2,
        directory=str(path),
        manifest=msgspec.json.encode(manifest),
        segment=1,
        anchor=Anchor(utc=AT, shared_s=0.0),
        task=msgspec.msgpack.encode({"base_url": "http://gateway.test", "seed": 1, **options}),
    )


@pytest.mark.parametrize(
    ("options", "job_file", "said"),
    [
        ({"rate": "0/s"}, None, "the rate is 0"),
        (
            {"rate": "1/s", "duration_s": 1.0},
            JobFile(path="jobs.jsonl", size_bytes=1, digest="d"),
            "has changed since the run began",
        ),
    ],
)
async def test_what_a_worker_can_not_begin_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, object],
    job_file: JobFile | None,
    said: str,
) -> None:
    monkeypatch.setenv("HEADRACE_API_KEY", "sk-of-the-tests")
    ours, theirs = trio.testing.memory_stream_pair()
    link = StreamLink[ToWorker, ToCoordinator](ours, ToCoordinator)
    await link.send(begin(tmp_path, options, job_file=job_file))
    await serve(StreamLink(theirs, ToWorker))
    told = await link.receive()
    assert isinstance(told, Halt)
    assert said in told.reason.message
    assert told.reason.error().exit_code == 2


async def test_a_worker_ends_with_its_link() -> None:
    """Before it was told anything, too."""
    ours, theirs = socket.socketpair()
    ours.close()
    with trio.fail_after(5):
        await _serve_socket(theirs.detach())
    assert ours.fileno() == -1


def test_a_worker_that_was_never_handed_anything_ends_by_itself() -> None:
    """One that was started early, for a run that came to nothing."""
    ours, theirs = socket.socketpair()
    ours.close()
    assert not wait_for_hand(theirs)
    theirs.close()
