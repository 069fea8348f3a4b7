"""Repeats on a terminal."""

from io import StringIO
from pathlib import Path

import msgspec
from rich.console import Console

from headrace.reports.terminal import print_repeats
from tests.reports.html.test_repeats_page import repeats


def printed(found: object) -> str:
    out = StringIO()
    print_repeats(found, Console(file=out, width=80))  # type: ignore[arg-type]
    return out.getvalue()


def test_both_services_the_comparison_and_what_is_required() -> None:
    lines = printed(repeats()).splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    for said in (
        "02-b.run 10",
        "client-limited",
        "Over the runs of A, http://a.test",
        "Over the runs of B, http://b.test",
        "2 runs as A and 2 as B",
        "Required of A",
        "unclear p95(x) < 1 0.35 s",
        "ended early: interrupted",
    ):
        assert said in text


def test_of_one_service_there_is_nothing_to_compare() -> None:
    one = repeats(against=None, comparison=None, judged=[], reason=None)
    text = printed(one)
    assert "Over the runs\n" in text
    assert "Required" not in text
    assert "ended early" not in text


def test_names_of_runs_are_whole_where_every_measurement_is_valid() -> None:
    """The last column is empty then, and what it was measured to be too wide the first one lost."""
    found = repeats()
    valid = [msgspec.structs.replace(each, verdict="valid", why=[]) for each in found.runs]
    text = printed(msgspec.structs.replace(found, runs=valid))
    names = [f"  {Path(each.directory).name}  " for each in valid]
    assert [name for name in names if name in text] == names
