"""Runs of a job file over several services in memory, each with a key and an account of its own."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import trio
import trio.testing

from headrace.gateway import Gateway
from headrace.jobs import choose_services, services_of
from headrace.runner import RunEnvironment, RunSettings, TrioTransport, run_jobs
from headrace.runner.services import ChosenServices
from headrace.runner.settings import settings_from
from tests.runner.conftest import BEGAN, Bench, Ran, Service, at_once


def key_of(name: str) -> str:
    """Each service has a key of its own, with no half in common with another's."""
    return f"{name * 4}-key-of-the-service-{name}"


def table(name: str, *models: str, **fields: Any) -> dict[str, Any]:
    """A service as a program gives it, without limits unless they are given."""
    return {
        "name": name,
        "base_url": f"http://{name}.test",
        "key_variable": f"KEY_{name.upper()}",
        "models": list(models) or ["m"],
        "rpm": "none",
        "tpm": "none",
        **fields,
    }


class OfGateway:
    """A gateway in memory as one of the services; nothing listens there between two moments in
    `down_s`, on trio's clock."""

    def __init__(self, gateway: Gateway, down_s: tuple[float, float] = (0.0, 0.0)) -> None:
        self.gateway = gateway
        self.key = gateway.keys[0].secret
        self.nursery: trio.Nursery | None = None
        self._down_s = down_s

    async def connect(self, _origin: object) -> trio.abc.Stream:
        start_s, end_s = self._down_s
        if start_s <= trio.current_time() < end_s:
            raise ConnectionRefusedError(111, "Connection refused")
        ours, theirs = trio.testing.memory_stream_pair()
        assert self.nursery is not None
        self.nursery.start_soon(self._serve, theirs)
        return ours

    async def _serve(self, stream: trio.abc.Stream) -> None:
        start_s, end_s = self._down_s
        until_s = start_s if trio.current_time() < start_s < end_s else float("inf")
        with trio.move_on_at(until_s):
            await self.gateway.serve_stream(stream)
        await stream.aclose()


async def run_services(
    bench: Bench,
    services: Mapping[str, Service] | Mapping[str, OfGateway],
    *tables: dict[str, Any],
    environment: Mapping[str, Any] | None = None,
    monkeypatch: Any,
    watch: Any = None,
    show_estimate: Any = None,
    chosen: Sequence[str] = (),
    **fields: Any,
) -> Ran:
    """Run the bench's job file over these services, which are tables for `services=`, or over those
    `chosen` of them, as by --service; the rest is as of `run_jobs` and its settings."""
    for name, service in services.items():
        key = service.key if isinstance(service, OfGateway) else key_of(name)
        monkeypatch.setenv(f"KEY_{name.upper()}", key)
    known = services_of(tables, rpm=None, tpm=None)
    given = ChosenServices(known, choose_services(known, chosen))
    settings = settings_from(RunSettings, None, services=given, **{"seed": 1, **fields})

    async def over(nursery: trio.Nursery) -> Ran:
        transports = {}
        for name, service in services.items():
            service.nursery = nursery
            transports[name] = TrioTransport(connect=service.connect)
        around = RunEnvironment(
            services=transports,
            offload=at_once,
            read=at_once,
            wall=lambda: BEGAN + dt.timedelta(seconds=trio.current_time()),
            **(environment or {}),
        )
        outcome = await run_jobs(
            str(bench.jobs), bench.directory, settings, around, watch, show_estimate
        )
        return Ran(outcome, bench.directory)

    return await bench.served(over)
