"""rejects.jsonl over several sessions: one that stops early loses none of it."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace.jobs import Reject
from headrace.runner.record.rejects import RejectsFile
from tests.runner.conftest import Bench, Service


async def test_a_session_that_stops_before_it_reads_keeps_what_is_there(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    """Broke: it was removed at the start, and a refused key left a run without its rejects."""
    bench.write(bench.chat_line("a"), b"no job", b"nor this")
    first = await bench.run(service)
    lines = first.rejects
    assert [reject["line"] for reject in lines] == [2, 3]
    service.balance = lambda: service.error(401, "UNAUTHORIZED", "no")
    second = await bench.run(service)
    assert second.outcome.exit_code == 5
    assert second.rejects == lines
    service.balance = None
    third = await bench.run(service)
    assert (third.outcome.rejected, third.rejects) == (2, lines)


async def test_lines_that_were_mended_are_rejects_no_more(
    bench: Bench, service: Service, autojump_clock: MockClock
) -> None:
    bench.write(bench.chat_line("a"), b"no job", b"nor this")
    await bench.run(service)
    bench.write(bench.chat_line("a"), bench.chat_line("b"), b"nor this")
    ran = await bench.run(service)
    assert [reject["line"] for reject in ran.rejects] == [3]
    bench.write(bench.chat_line("a"), bench.chat_line("b"), bench.chat_line("c"))
    ran = await bench.run(service)
    assert (ran.outcome.exit_code, ran.rejects) == (0, [])
    assert not (ran.directory / "rejects.jsonl").exists()


REJECT = Reject(line=1, reason="no job", text="a")
rejects = st.builds(
    lambda line, text: Reject(line=line, reason="no job", text=text),
    st.integers(1, 3),
    st.text("ab", max_size=2),
)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    earlier=st.lists(rejects, max_size=5),
    now=st.lists(rejects, max_size=5),
    torn=st.integers(0, 20),
    ended=st.booleans(),
)
@example(earlier=[REJECT], now=[], torn=0, ended=True)
@example(earlier=[REJECT], now=[], torn=0, ended=False)
def test_what_is_left_is_what_this_session_said_and_then_what_it_had_not_come_to(
    tmp_path: Path, earlier: list[Reject], now: list[Reject], torn: int, *, ended: bool
) -> None:
    path = tmp_path / "rejects.jsonl"
    path.unlink(missing_ok=True)
    said(path, earlier, ended=True)
    if path.exists():
        data = path.read_bytes()
        path.write_bytes(data[: len(data) - torn] if torn < len(data) else b"")
    before = path.read_bytes() if path.exists() else b""
    said(path, now, ended=ended)
    after = path.read_bytes() if path.exists() else b""
    wanted = b"".join(line_of(each) for each in now)
    if ended or not before.startswith(wanted):
        assert after == wanted
    else:
        assert after == before


def said(path: Path, lines: list[Reject], *, ended: bool) -> None:
    file = RejectsFile(path)
    for each in lines:
        file.append(each)
    if ended:
        file.end()
    file.close()


def line_of(reject: Reject) -> bytes:
    fields = {"line": reject.line, "reason": reject.reason, "text": reject.text, "custom_id": None}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"
