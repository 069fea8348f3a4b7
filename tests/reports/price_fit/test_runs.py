"""The runs that prices are told from."""

from headrace.reports.price_fit import open_runs
from tests.reports.conftest import RunMaker


def test_a_run_that_is_named_twice_counts_once(made: RunMaker) -> None:
    made.job(1)
    directory = made.write()
    found = open_runs([str(directory), f"{directory}/../{directory.name}"])
    assert [each.directory for each in found] == [directory.resolve()]
