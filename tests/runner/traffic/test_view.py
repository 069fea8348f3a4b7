"""The display of a load run where there is no room for it."""

from typing import Any

import pytest
from trio.testing import MockClock

from headrace.runner.traffic import view


async def test_without_room_for_another_process_the_progress_comes_in_lines(
    traffic: Any,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It ended the run, with what was in flight."""

    def refused() -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(view, "_start_screen", refused)
    ran = await traffic.on(traffic.gateway(), rate="1/s", duration_s=25.0, watch=view._live)
    first, *lines = capsys.readouterr().err.splitlines()
    assert ran.outcome.reason is None
    assert first == "No live display: Resource temporarily unavailable."
    assert len(lines) == 2
