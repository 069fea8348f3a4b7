"""What the attempts suggest, taken together."""

from typing import Any

import pytest

from headrace.jobs import LoadFacts
from headrace.reports import summarise
from tests.reports.conftest import RunMaker

CUT = "something cuts here; stream, or raise its limit"


def hints(made: RunMaker) -> list[str]:
    return summarise(made.write()).outcome.hints


def gateway_timeouts(made: RunMaker, *waits_s: float | None, **fields: Any) -> None:
    for index, wait_s in enumerate(waits_s):
        made.attempt(index, error_kind="http", http_status=504, first_byte_s=wait_s, **fields)


def test_504s_after_one_long_wait_are_somebodys_time_limit(made: RunMaker) -> None:
    gateway_timeouts(made, 60.01, 60.2, 60.0, 59.98)
    made.job(9)
    assert hints(made) == [f"504 after 60 s each: {CUT} (4 attempts)"]


@pytest.mark.parametrize(
    "waits_s",
    [
        (60.0,),
        (9.0, 9.0, 9.0),  # as long as that anything may take
        (30.0, 40.0, 50.0),
        (60.0, 66.5),
        (None, None),
    ],
)
def test_504s_that_are_few_or_soon_or_unlike_say_nothing(
    made: RunMaker, waits_s: tuple[float | None, ...]
) -> None:
    gateway_timeouts(made, *waits_s)
    assert hints(made) == []


def test_quick_504s_beside_them_are_another_matter(made: RunMaker) -> None:
    gateway_timeouts(made, 0.1, 120.0, 0.2, 120.5)
    assert hints(made) == [f"504 after 120 s each: {CUT} (2 attempts)"]


def test_reads_that_took_too_long_count_likewise(made: RunMaker) -> None:
    said = [
        "waited 600 s for an answer",
        "waited 600 s for an answer",
        "waited 10 s for a connection",
    ]
    for index, message in enumerate(said):
        made.attempt(index, error_kind="timeout", error_message=message)
    assert hints(made) == [f"timeout after 600 s each: {CUT} (2 attempts)"]


def test_other_failures_after_a_long_wait_say_nothing(made: RunMaker) -> None:
    for index in range(4):
        made.attempt(index, error_kind="http", http_status=500, first_byte_s=60.0)
    assert hints(made) == []


def test_streams_that_came_whole_are_counted(made: RunMaker) -> None:
    for index in range(20):
        made.job(index, stream=True, output_tokens=5)
    for index in range(20, 30):
        made.job(index, stream=False, output_tokens=5)
    made.attempt(30, stream=True, error_kind="http", http_status=500)
    assert hints(made) == ["of the streams that were asked for, 20 of 20 came unstreamed: no TTFT"]


def test_a_stream_with_a_first_token_or_without_any_token_is_one(made: RunMaker) -> None:
    made.job(0, stream=True, output_tokens=5, ttft_s=0.1)
    made.job(1, stream=True, output_tokens=0)
    assert hints(made) == []
    made.job(2, stream=True)
    assert hints(made) == ["of the streams that were asked for, 1 of 3 came unstreamed: no TTFT"]


@pytest.mark.parametrize(("stream", "said"), [(True, 1), (False, 0), (None, 0)])
def test_a_load_run_of_an_earlier_version_says_by_its_facts(
    made: RunMaker, stream: bool | None, said: int
) -> None:
    made.load = LoadFacts(shape="users", asked="1 user", open_loop=False, stream=stream)
    made.job(0, output_tokens=5)
    assert len(hints(made)) == said


def test_what_is_odd_about_successes_is_said_with_how_many(made: RunMaker) -> None:
    odd = "a vector has a component that is not a number"
    for index in range(3):
        made.job(index, error_message=odd if index else None)
    made.job(3, error_message="it has 1 vector for 2 inputs")
    assert hints(made) == [
        f"2 answers of those that succeeded: {odd}",
        "1 answer of those that succeeded: it has 1 vector for 2 inputs",
    ]


def test_of_many_oddities_the_rest_is_counted(made: RunMaker) -> None:
    """Regression: the fourth and further ones were left out without a word."""
    for index in range(6):
        made.job(index, error_message=f"it has {index} vectors for 9 inputs")
    *_, last = hints(made)
    assert last == "3 more answers with other oddities: see error_message"
    assert len(hints(made)) == 4
