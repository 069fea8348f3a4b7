"""How many processes send, and where that is refused."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from headrace.jobs import InputError
from headrace.runner.clock import wall_now
from headrace.runner.cluster import ClusterMachines
from headrace.runner.traffic import plan
from headrace.runner.traffic.worker_count import workers_on_machines


def counted(*, machines: int = 3, cores: int = 4, auto: bool = False, **asked: Any) -> int:
    options: Any = {"base_url": "http://g.test", "requests": 1000, "rate": "9/s", **asked}
    there = cast("ClusterMachines", SimpleNamespace(count=machines, cores=cores))
    return workers_on_machines(plan(options, "sk-x", wall_now()).settings, there, auto=auto)


def test_each_machine_of_a_cluster_has_as_many_as_were_asked_for() -> None:
    assert counted() == 3
    assert counted(workers=2) == 6
    assert counted(auto=True) == 9
    assert counted(auto=True, cores=1) == 3


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
