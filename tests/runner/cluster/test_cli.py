"""`headrace cluster check`, as a command."""

import json

import pytest
from click.testing import CliRunner, Result

from headrace.runner.cluster.cli import cluster

from .dask_clusters import cluster_in_thread

KEY = "sk-of-this-machine"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_API_KEY", KEY)


def check(*arguments: str) -> Result:
    return CliRunner().invoke(cluster, ["check", *arguments])


@pytest.mark.slow
def test_it_shows_a_table_and_gives_json() -> None:
    with cluster_in_thread(1) as address:
        shown, given = check(address), check(address, "--json")
    assert (shown.exit_code, given.exit_code) == (0, 0)
    assert shown.stdout.splitlines()[0].split()[:3] == ["machine", "headrace", "key"]
    assert shown.stdout.splitlines()[-1].endswith(": can be used")
    assert json.loads(given.stdout)["machines"][0]["key"] == "same"
    assert KEY not in shown.output + given.output


def test_a_machine_that_can_not_take_part_makes_the_exit_code_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from headrace.runner.cluster.dask_client import DaskCluster

    async def none(*_: object) -> None:
        return None

    monkeypatch.setattr(DaskCluster, "headrace_version", none)
    with cluster_in_thread(1) as address:
        found = check(address)
    assert found.exit_code == 1
    assert found.stdout.endswith("1 of 1 machine can't take part\n")


@pytest.mark.parametrize("given", ["tcp://10.0.0.1:8786", "no-such-file"])
def test_what_is_not_a_cluster_is_exit_code_2_in_one_line(given: str) -> None:
    found = check(given)
    assert (found.exit_code, found.stdout) == (2, "")
    assert len(found.stderr.splitlines()) == 1


def test_without_a_key_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADRACE_API_KEY")
    found = check("tcp://127.0.0.1:1")
    assert found.exit_code == 2
    assert "no key: set HEADRACE_API_KEY" in found.stderr
