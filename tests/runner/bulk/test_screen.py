"""What a terminal shows of a run over several services while it sends."""

import io
import re

import pytest
from rich.console import Console
from trio.testing import MockClock

from headrace.runner.bulk.screen import display_on
from tests.runner.conftest import Bench, Service, chat_line
from tests.runner.three_services import run_services, table

pytestmark = pytest.mark.usefixtures("no_sync")


async def test_each_service_has_a_line_with_what_holds_it_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """One that had stopped was left out until the end of the run."""
    services = {name: Service() for name in "abc"}
    services["b"].answer = lambda _seen: Service.error(401)
    services["c"].answer = lambda seen: (
        Service.error(429, retry_after="40") if seen.number == 2 else Service.fine()
    )
    models = [*["m"] * 30, *["y"] * 5, *["z"] * 9]
    bench.write(*(chat_line(f"job-{n}", model=model) for n, model in enumerate(models)))
    console = Console(file=io.StringIO(), width=60, force_terminal=True, height=20)

    await run_services(
        bench,
        services,
        table("a", "m", rpm=60),
        table("b", "y", rpm=600),
        table("c", "z", rpm=None),
        monkeypatch=monkeypatch,
        watch=display_on(console),
    )
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())  # type: ignore[attr-defined]
    lines = [line.rstrip() for line in text.splitlines()]
    for said in (
        "  a  30/60 requests  300 tokens",
        "  b  5/600 requests    0 tokens  has stopped",
        "  c      9 requests   80 tokens  cooling down for 1s",
    ):
        assert said in lines
    assert max(map(len, lines)) <= 60
