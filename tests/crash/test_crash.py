"""A short `make crash`: the long one kills hundreds of times."""

from collections import Counter
from pathlib import Path

import pytest

from tests.crash.__main__ import crash


@pytest.mark.slow
def test_runs_that_are_killed_at_any_moment_keep_every_promise(tmp_path: Path) -> None:
    runs, found = crash(tmp_path, kills=4, interrupts=4, seed=5, jobs_a_kill=20)
    assert [each.violations for each in found] == [[] for _ in found]
    ended = sum((run.how for run in runs), Counter[str]())
    assert ended.total() == 8
    assert {name.split()[-1] for name in ended} >= {"SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"}
    assert sum(each.lost for each in found) > 0
    assert all(each.results == each.jobs for each in found)
    assert len(found) == 4  # of each kind one
    assert found[0].copies == 0 < found[1].copies < found[1].jobs
    assert found[2].reasks > 0


@pytest.mark.slow
def test_runs_over_services_in_trouble_keep_every_promise_with_each_of_them(tmp_path: Path) -> None:
    runs, found = crash(
        tmp_path, kills=2, interrupts=1, seed=4, jobs_a_kill=10, services=3, kinds=["copies"]
    )
    assert [each.violations for each in found] == [[]]
    assert sum((run.how for run in runs), Counter[str]()).total() == 3
    troubled = [what for run in runs for what in run.amid if what.startswith("a service: ")]
    assert len(troubled) >= 1
    assert found[0].results == found[0].jobs > found[0].copies > 0
