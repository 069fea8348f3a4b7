"""A run of several services, taken apart by them."""

import pytest

from headrace.jobs import InputError, Session
from headrace.reports.run import open_run
from headrace.reports.service_runs import (
    by_service,
    parts_of,
    run_of_service,
    sharing_accounts,
)
from tests.reports.conftest import RunMaker, at
from tests.reports.services_maker import DEEP, three_services


def test_each_service_has_its_own_rows_readings_prices_and_limits(made: RunMaker) -> None:
    run = open_run(three_services(made).write())
    parts = by_service(run)
    assert list(parts) == ["fine", "coarse", "dark"]
    fine = parts["fine"]
    assert sorted(fine.attempts.collect()["index"]) == [1, 4]
    assert sorted(fine.results.collect()["index"]) == [1, 4]
    assert fine.readings["service"].to_list() == ["fine", "fine"]
    assert (fine.manifest.base_url, fine.manifest.prices) == ("http://127.0.0.1:8001", DEEP)
    assert fine.manifest.sessions[-1].limits.rpm == 600
    assert by_service(fine) == {}


def test_readings_that_two_services_made_at_one_moment_are_both_there(made: RunMaker) -> None:
    run = open_run(three_services(made).write())
    assert len(run.readings) == 6


def test_a_run_without_services_is_one_part_of_itself(made: RunMaker) -> None:
    made.job(0)
    run = open_run(made.write())
    assert parts_of(run) == [run]
    assert run_of_service(run, None) is run


def test_which_service_is_meant_must_be_said_where_there_are_several(made: RunMaker) -> None:
    run = open_run(three_services(made).write())
    assert run_of_service(run, "dark").manifest.base_url == "http://127.0.0.1:8003"
    with pytest.raises(InputError, match=r"--service \(fine, coarse, dark\)"):
        run_of_service(run, None)
    with pytest.raises(InputError, match="has no service 'fin'; did you mean 'fine'"):
        run_of_service(run, "fin")


def test_the_only_service_need_not_be_named_and_none_can_be_where_there_are_none(
    made: RunMaker,
) -> None:
    made.job(0)
    made.service("only", "small")
    assert run_of_service(open_run(made.write()), None).manifest.base_url == "http://127.0.0.1:8001"
    made.services = []
    with pytest.raises(InputError, match="has no services; leave out --service"):
        run_of_service(open_run(made.write()), "only")


def test_an_account_that_two_services_share_tells_no_prices(made: RunMaker) -> None:
    for name in ("one", "alone", "two"):
        made.service(name, "small")
        made.reading(0, "10.00", "0", service=name)
    made.shared_accounts = [["one", "two"]]
    run = open_run(made.write())
    assert sharing_accounts(run) == {"one": ["two"], "two": ["one"]}
    with pytest.raises(InputError, match="has its account in common with two"):
        run_of_service(run, "one")
    assert run_of_service(run, "alone").manifest.base_url == "http://127.0.0.1:8002"


def test_an_account_that_was_shared_in_any_session_is_and_what_no_service_is_is_not(
    made: RunMaker,
) -> None:
    """A run.json of somebody else's may name any."""
    for name in ("one", "two", "three"):
        made.service(name, "small")
    groups: list[list[list[str]]] = [[["one", "two"]], [], [["three", "two"], ["one", "gone"]]]
    made.manifest(
        *(
            Session(started_at=at(n), limits=made.limits, shared_accounts=shared)
            for n, shared in enumerate(groups)
        )
    )
    made.seal()
    assert sharing_accounts(open_run(made.directory)) == {
        "one": ["two"],
        "two": ["one", "three"],
        "three": ["two"],
    }
