"""What is wrong with a machine, and what to do: by its facts alone."""

from typing import Any, cast

import pytest

from headrace.runner.cluster.clock_offset import ClockOffset
from headrace.runner.cluster.findings import of_clock, of_facts, other_headrace, shared_hosts
from headrace.runner.cluster.machine_facts import MachineFacts

HERE: MachineFacts = {
    "headrace": "0.2.0",
    "python": "3.12.1",
    "distributed": "2026.8.0",
    "host": "a",
    "cores": 8,
    "open_files": 1_048_576,
    "local_ports": 28_232,
    "key_digest": "digest",
}


def there(**changed: Any) -> MachineFacts:
    return cast("MachineFacts", {**HERE, **changed})


def test_a_machine_like_this_one_has_no_findings() -> None:
    assert of_facts(HERE, there(host="b", cores=2, python="3.12.9", open_files=None)) == []
    assert of_facts(HERE, there(local_ports=None)) == []


@pytest.mark.parametrize(
    ("changed", "level", "said", "remedy"),
    [
        ({"key_digest": None}, "unusable", "no key", "set HEADRACE_API_KEY"),
        ({"key_digest": "x"}, "unusable", "another key than here", "the same HEADRACE_API_KEY"),
        ({"headrace": "0.1.0"}, "unusable", "headrace 0.1.0, 0.2.0 here", "==0.2.0'"),
        ({"python": "3.11.7"}, "look", "Python 3.11.7, 3.12.1 here", "use Python 3.12 on all"),
        ({"distributed": "2026.3.0"}, "look", "distributed 2026.3.0", "distributed==2026.8.0"),
        ({"open_files": 1024}, "look", "no more than 1,024 open files", "ulimit -n 65536"),
        ({"local_ports": 4000}, "look", "only 4,000 ports", "ip_local_port_range"),
    ],
)
def test_what_differs_is_said_with_its_remedy(
    changed: dict[str, Any], level: str, said: str, remedy: str
) -> None:
    (found,) = of_facts(HERE, there(**changed))
    assert found.level == level
    assert said in found.said
    assert remedy in found.remedy


def test_everything_wrong_is_said_at_once() -> None:
    found = of_facts(HERE, there(key_digest=None, headrace="9", python="2.7.0", open_files=3))
    assert [each.level for each in found] == ["unusable", "unusable", "look", "look"]


def test_a_machine_without_headrace_is_told_how_to_get_this_version() -> None:
    found = other_headrace(HERE, None)
    assert found.said == "no headrace"
    assert found.remedy == "pip install 'headrace[cluster]==0.2.0' there"


def test_a_clock_has_to_be_known_to_less_than_a_millisecond() -> None:
    assert of_clock(ClockOffset(10**12, 999_999, 1_999_998, 32)) == []
    (found,) = of_clock(ClockOffset(0, 1_000_000, 2_000_000, 32))
    assert found.level == "look"
    assert found.said.startswith("its clock is known to 1.00 ms")


def test_machines_on_one_host_are_told_of_and_others_are_not() -> None:
    one, other, two = shared_hosts([there(), there(host="b"), there()])
    assert other is None
    assert one == two
    assert one is not None
    assert one.said == "2 dask workers on this host share its cores"
