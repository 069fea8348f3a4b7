"""Use of limits that a session changed: older requests kept to others."""

from typing import Any

from headrace.jobs import Limits, Session
from headrace.reports import Summary, summarise, summary_json
from tests.reports.conftest import RunMaker, at


def limits(rpm: int, **fields: Any) -> Limits:
    return Limits(**{"rpm": rpm, "tpm": None, "concurrency": None, **fields})


def resumed(made: RunMaker, *sessions: dict[str, Any]) -> Summary:
    """A run whose sessions began 100 s apart, read."""
    made.manifest(
        *(
            Session(started_at=at(100 * n), ended_at=at(100 * n + 90), state="finished", **each)
            for n, each in enumerate(sessions)
        )
    )
    made.seal()
    return summarise(made.directory)


def uses_of(summary: Summary) -> list[tuple[Any, ...]]:
    return [(use.service, use.limit, use.peak, use.since) for use in summary.limits.uses][::2]


def test_older_requests_are_not_held_against_the_limits_of_a_later_session(made: RunMaker) -> None:
    """60 of the first session were held against 10 of the second, and none had exceeded any."""
    for n in range(60):
        made.job(n, sent_at=at(n))
    for n in range(5):
        made.job(60 + n, sent_at=at(101 + 6 * n))
    summary = resumed(made, {"limits": limits(60)}, {"limits": limits(10)})
    (use,) = [each for each in summary.limits.uses if each.what == "requests"]
    assert (use.limit, use.peak, use.since) == (10, 5, at(100))
    assert use.share == 1.0
    assert summary.limits.changes == [
        "The limits were changed: the figures are of the requests since "
        f"{at(100):%Y-%m-%d %H:%M:%S} UTC."
    ]


def test_the_same_limits_in_all_sessions_are_those_of_the_whole_run(made: RunMaker) -> None:
    for n in range(60):
        made.job(n, sent_at=at(n))
    slots = {"limits": limits(60, concurrency=4)}
    summary = resumed(made, {"limits": limits(60)}, slots)
    assert [use.peak for use in summary.limits.uses] == [60, 0]
    assert summary.limits.changes == []
    assert b'"since"' not in summary_json(summary)


def test_each_service_has_its_own_change(made: RunMaker) -> None:
    made.service("east", "small", limits=limits(30))
    made.service("west", "small", limits=limits(60))
    for n in range(20):
        made.job(n, sent_at=at(n), service="east" if n % 2 else "west")
    made.job(20, sent_at=at(150), service="east")
    summary = resumed(
        made,
        {"limits": limits(1), "service_limits": {"east": limits(90), "west": limits(60)}},
        {"limits": limits(1), "service_limits": {"east": limits(30), "west": limits(60)}},
    )
    east, west = uses_of(summary)
    assert east == ("east", 30, 1, at(100))
    assert west[:3] == ("west", 60, 10)
    assert [each.partition(":")[0] for each in summary.limits.changes] == [
        "The limits of east were changed"
    ]
