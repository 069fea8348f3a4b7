"""How many processes send: as many as were asked for, unless one has to, or there is too little."""

from decimal import Decimal
from typing import Any, cast

import pytest

from headrace.jobs import InputError, ModelLimits, Price, PriceTable
from headrace.runner import Secret, machine_limits
from headrace.runner.clock import wall_now
from headrace.runner.cluster import ClusterMachines
from headrace.runner.traffic import plan
from headrace.runner.traffic.settings import LoadSettings
from headrace.runner.traffic.shapes import UsersShape
from headrace.runner.traffic.worker_count import workers_of, workers_on_machines

PRICES = PriceTable(currency="CNY", models={"m": Price(input=Decimal(1), output=Decimal(1))})


def settings(**fields: Any) -> LoadSettings:
    given = {"shape": UsersShape(12), "duration_s": 1.0, "workers": 8, **fields}
    return LoadSettings(base_url="http://x.test", key=Secret("sk-of-the-tests"), **given)


@pytest.mark.parametrize(
    ("fields", "count", "said"),
    [
        ({}, 8, None),
        ({"workers": 1}, 1, None),
        ({"rpm": 60}, 1, "one process sends: --rpm and --tpm"),
        ({"model_limits": {"m": ModelLimits(rpm=1, tpm=None)}}, 1, "--rpm and --tpm hold"),
        ({"prices": PRICES, "max_cost": Decimal(1)}, 1, "--max-cost holds"),
        ({"prices": PRICES}, 1, "the account's balance"),
        ({"prices": PRICES, "yes": True}, 8, None),
        ({"attempts": 2}, 1, "a request that failed is due again"),
        ({"shape": UsersShape(3)}, 3, "3 workers send: there is no more"),
        ({"concurrency": 2}, 2, "2 workers send"),
        ({"duration_s": None, "requests": 1}, 1, "one process sends: there is no more"),
    ],
)
def test_as_many_send_as_may_and_others_are_told_of(
    fields: dict[str, Any], count: int, said: str | None
) -> None:
    told: list[str] = []
    assert workers_of(settings(**fields), told.append) == count
    assert [said in line for line in told if said] == ([] if said is None else [True])
    assert len(told) == (said is not None)


def counted(*, machines: int = 3, cores: int = 4, **asked: Any) -> int:
    options: Any = {"base_url": "http://g.test", "requests": 1000, "rate": "9/s", **asked}
    there = ClusterMachines([cast(Any, None)] * machines, cores)
    return workers_on_machines(plan(options, "sk-x", wall_now()).settings, there)


def test_each_machine_of_a_cluster_has_as_many_as_were_asked_for() -> None:
    assert counted() == 3
    assert counted(workers=2) == 6
    assert counted(workers="auto") == 9
    assert counted(workers="auto", cores=1) == 3


def test_there_are_no_more_than_have_something_to_send() -> None:
    assert counted(rate=None, users=2) == 2
    assert counted(requests=1) == 1
    assert counted(workers=9, concurrency=5) == 5


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"rpm": 60}, "--rpm and --tpm hold for all requests together"),
        ({"attempts": 3}, "with --attempts a request that failed is due again"),
    ],
)
def test_what_one_process_has_to_hold_is_refused(asked: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=f"^with --cluster several processes send, and {why}"):
        counted(**asked)


def test_memory_is_asked_of_those_alone_that_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_limits, "free_memory_bytes", lambda: 320_000_000)
    assert workers_of(settings(concurrency=4), None) == 4
    with pytest.raises(InputError, match=r"^8 workers take about 0.6 GB of memory"):
        workers_of(settings(), None)
