"""Which addresses of a cluster are used: nothing that others could hear."""

import json
from pathlib import Path

import pytest

from headrace.jobs import InputError
from headrace.runner.cluster.address import cluster_address, refuse_in_the_clear


@pytest.mark.parametrize(
    "address",
    [
        "tls://10.0.0.5:8786",
        "tls://scheduler.example:8786",
        "tcp://127.0.0.1:8786",
        "tcp://127.8.0.1:1",
        "tcp://localhost:8786",
        "tcp://[::1]:8786",
    ],
)
def test_tls_anywhere_and_tcp_on_loopback_are_used(address: str) -> None:
    assert cluster_address(address) == address


@pytest.mark.parametrize(
    "address",
    ["tcp://10.0.0.5:8786", "tcp://0.0.0.0:8786", "tcp://localhost.example:1", "tcp://[::]:8786"],
)
def test_tcp_off_loopback_is_refused(address: str) -> None:
    with pytest.raises(InputError, match=r"is not encrypted.*use tls://") as caught:
        cluster_address(address)
    assert address in caught.value.said
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "address",
    ["ws://127.0.0.1:1", "inproc://127.0.0.1/1", "tcp://127.0.0.1", "tls://:8786", "tls://a:99999"],
)
def test_what_is_not_an_address_is_told_how_to_write_one(address: str) -> None:
    with pytest.raises(InputError, match="is not the address of a dask scheduler; write tls://"):
        cluster_address(address)


def test_all_addresses_of_a_cluster_are_looked_at() -> None:
    """A scheduler reached by a tunnel to loopback may have workers that anyone can hear."""
    with pytest.raises(InputError, match=r"tcp://10\.0\.0\.7:4000 is not encrypted"):
        refuse_in_the_clear(["tcp://127.0.0.1:8786", "tls://10.0.0.6:1", "tcp://10.0.0.7:4000"])


def test_a_scheduler_file_says_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    path.write_text(json.dumps({"type": "Scheduler", "address": "tls://10.0.0.5:8786"}))
    assert cluster_address(str(path)) == "tls://10.0.0.5:8786"
    path.write_text(json.dumps({"address": "tcp://10.0.0.5:8786"}))
    with pytest.raises(InputError, match="is not encrypted"):
        cluster_address(str(path))


@pytest.mark.parametrize("text", ["", "[]", '{"address": 1}', "{}", "[" * 100_000, "\xff"])
def test_a_file_without_an_address_is_told_of(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scheduler.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match="is not a scheduler file: it has no address"):
        cluster_address(str(path))


def test_a_file_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read \\(No such file or directory\\); write"):
        cluster_address(str(tmp_path / "missing.json"))
