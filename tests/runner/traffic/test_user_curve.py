"""Users who come and go."""

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace.jobs import InputError
from headrace.runner.traffic.user_curve import (
    Stay,
    UserCurve,
    UsersAt,
    are_user_stages,
    parse_user_stages,
)


def test_stages_of_users_are_read_and_told_from_those_of_rates() -> None:
    curve = parse_user_stages("0s:1u, 1m: 50 users, 60s:2U,90s:0u")
    assert [tuple(each) for each in curve.points] == [(0, 1), (60, 50), (60, 2), (90, 0)]
    assert (curve.end_s, curve.most) == (90.0, 50)
    assert are_user_stages("0s:1u, 60s:50/s")
    assert not are_user_stages("0s:5/s, 60s:50/min")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0s:1u, 60s:50/s", "'60s:50/s' is not a stage of users"),
        ("0s:1u", "one number makes no stages"),
        ("0s:1u, 0s:2u", "one number makes no stages"),
        ("5s:1u, 60s:50u", "let the first be at 0s"),
        ("0s:1u, 60s:5u, 30s:6u", "comes after a later one"),
        ("0s:0u, 60s:0u", "0 users at the most"),
        ("0s:1u, 60s:500000u", "1 to 100,000"),
        ("soon:1u, 60s:5u", "in the stages"),
    ],
)
def test_what_makes_no_sense_is_one_line(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_user_stages(text)


def test_each_user_comes_when_the_line_goes_through_its_number() -> None:
    curve = parse_user_stages("0s:1u, 10s:3u, 10s:5u, 20s:0u")
    assert curve.stays(0) == [Stay(-math.inf, 18.0)]
    assert curve.stays(1) == [Stay(5.0, 16.0)]
    assert curve.stays(2) == [Stay(10.0, 14.0)]
    assert curve.stays(4) == []
    assert parse_user_stages("0s:2u, 9s:2u").stays(1) == [Stay(-math.inf, math.inf)]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), min_size=2, max_size=6), st.data()
)
def test_as_many_are_there_as_the_curve_says(steps: list[tuple[int, int]], data: Any) -> None:
    at_s, points = 0.0, []
    for width_s, users in steps:
        points.append(UsersAt(at_s, users))
        at_s += width_s
    moment_s = data.draw(st.floats(0, at_s + 10))
    if any(math.isclose(moment_s, point.at_s, abs_tol=1e-6) for point in points):
        return
    before = max((p for p in points if p.at_s < moment_s), key=lambda p: p.at_s)
    before = [p for p in points if p.at_s == before.at_s][-1]
    later = [p for p in points if p.at_s > moment_s]
    expected = float(before.users)
    if later:
        share = (moment_s - before.at_s) / (later[0].at_s - before.at_s)
        expected += share * (later[0].users - before.users)
    curve = UserCurve(points)
    there = sum(
        any(stay.from_s <= moment_s < stay.to_s for stay in curve.stays(user)) for user in range(20)
    )
    assert abs(there - expected) <= 1.0


async def test_a_ramp_of_users_sends_as_they_come_and_ends_with_its_stages(
    traffic: Any, autojump_clock: MockClock
) -> None:
    """Each answer takes 1 s: from one user to four within 6 s, then two until the end."""
    gateway = traffic.gateway(ttft_s=1.0, itl_s=0.0, output_tokens=1)
    ran = await traffic.on(gateway, stages="0s:1u, 6s:4u, 6s:2u, 12s:2u", stream=False)
    rows = pl.read_parquet(ran.outcome.directory / "attempts" / "*.parquet").sort("due_at")
    begin = rows["due_at"][0]
    due_s = [(at - begin).total_seconds() for at in rows["due_at"]]
    assert due_s[:3] == [0.0, 1.0, 2.0]
    in_second = [sum(n <= each < n + 1 for each in due_s) for n in range(12)]
    assert in_second == [1, 1, 2, 2, 3, 3, 2, 2, 2, 2, 2, 2]
    assert rows["phase"].unique().to_list() == ["measure"]


async def test_users_of_stages_think_and_come_before_the_measuring(
    traffic: Any, autojump_clock: MockClock
) -> None:
    gateway = traffic.gateway(ttft_s=0.5, itl_s=0.0, output_tokens=1)
    ran = await traffic.on(
        gateway, stages="0s:2u, 4s:2u", think="500ms", warmup_s=4.0, stream=False
    )
    rows = pl.read_parquet(ran.outcome.directory / "attempts" / "*.parquet")
    assert dict(rows.group_by("phase").len().iter_rows()) == {"warmup": 7, "measure": 8}
