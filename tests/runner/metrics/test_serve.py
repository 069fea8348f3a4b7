"""Metrics beside a run's display."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio

from headrace.jobs import InputError
from headrace.runner.metrics import Figure, gauge, metrics_beside, serve


def figures_of(progress: list[int]) -> Callable[[], Iterator[Figure]]:
    return lambda: iter([gauge("looks", "Looks.", progress[0])])


async def get(address: str) -> bytes:
    host, _, port = address.rpartition(":")
    got = b""
    stream = await trio.open_tcp_stream(host, int(port))
    async with stream:
        await stream.send_all(b"GET /metrics HTTP/1.1\r\n\r\n")
        while data := await stream.receive_some():
            got += data
    return got


async def test_the_metrics_are_served_while_the_display_shows() -> None:
    said: list[str] = []
    shown: list[Any] = []

    async def display(progress: list[int]) -> None:
        shown.append(progress)
        await trio.sleep_forever()

    with metrics_beside(display, "127.0.0.1:0", figures_of, said.append) as both:
        assert both is not None
        assert said[0].startswith("Metrics are at http://127.0.0.1:")
        address = said[0].removeprefix("Metrics are at http://").removesuffix("/metrics.")
        with pytest.raises(InputError, match="Address already in use"):
            metrics_beside(None, address, figures_of, None).__enter__()
        async with trio.open_nursery() as nursery:
            progress = [3]
            nursery.start_soon(both, progress)
            got = await get(address)
            nursery.cancel_scope.cancel()
    assert got.endswith(b"headrace_looks 3.0\n")
    assert shown == [progress]


def test_nothing_asked_for_is_nothing_done_and_others_are_warned_of() -> None:
    said: list[str] = []
    with metrics_beside(None, None, figures_of, said.append) as alone:
        assert alone is None
    assert said == []
    with metrics_beside(None, "0.0.0.0:0", figures_of, said.append):
        assert said[0].startswith("Warning: metrics are at http://0.0.0.0:")
        assert said[0].endswith("/metrics: others on the network can read them.")


async def test_metrics_that_fail_end_alone_and_are_told_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(_progress: list[int]) -> Callable[[], Iterator[Figure]]:
        raise ZeroDivisionError("by zero")

    ended = trio.Event()

    async def display(_progress: list[int]) -> None:
        ended.set()

    with metrics_beside(display, "127.0.0.1:0", broken, None) as both:
        assert both is not None
        await both([1])
    assert ended.is_set()
    assert capsys.readouterr().err == "Metrics are no longer served: ZeroDivisionError: by zero\n"


def test_without_the_library_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"run: pip install 'headrace\[metrics\]'"):
        metrics_beside(None, "9464", figures_of, None).__enter__()
