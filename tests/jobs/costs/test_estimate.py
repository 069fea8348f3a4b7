"""Tokens that are estimated from the bytes of a body, by script and by medium."""

import base64
import json
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import EstimateTotals, Job, TokenEstimator, Usage, estimate_input_tokens
from headrace.jobs.costs.estimate import (
    FIRST_OUTPUT_TOKENS,
    FIRST_RATIO,
    MEDIA_TOKENS,
    TRUSTED_AFTER_ANSWERS,
)

CHAT = "/v1/chat/completions"


def body(content: Any, *, ascii_only: bool = False, **fields: Any) -> bytes:
    value = {"model": "m", "messages": [{"role": "user", "content": content}]} | fields
    return json.dumps(value, ensure_ascii=ascii_only).encode()


def tokens(content: Any, **options: Any) -> int:
    """What the content adds to an empty message."""
    return estimate_input_tokens(CHAT, body(content, **options)) - estimate_input_tokens(
        CHAT, body("")
    )


# Counted by hand or known about such text, not from a tokenizer: words of English take about 4/3
# tokens, a Chinese character 0.6 to 1.2, code 3 to 4 characters per token.
ENGLISH = (
    "Four score and seven years ago our fathers brought forth on this continent, a new nation, "
    "conceived in Liberty, and dedicated to the proposition that all men are created equal. "
)
CHINESE = "子曰学而时习之不亦说乎有朋自远方来不亦乐乎人不知而不愠不亦君子乎"
CODE = "def area(r):\n    if r < 0:\n        raise ValueError(r)\n    return 3.14159 * r ** 2\n"


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        pytest.param(ENGLISH * 20, 1.1 * 30 * 20, 1.5 * 30 * 20, id="english"),
        pytest.param(CHINESE * 20, 0.6 * 32 * 20, 1.2 * 32 * 20, id="chinese"),
        pytest.param(CODE * 20, len(CODE) * 20 / 5, len(CODE) * 20 / 3, id="code"),
        pytest.param("Привет, как дела? " * 20, 18 * 20 / 4, 18 * 20 / 1.5, id="russian"),
        pytest.param("🙂" * 50, 50, 150, id="emoji"),
    ],
)
def test_each_kind_of_text_lands_where_tokenizers_put_it(
    text: str, least: float, most: float
) -> None:
    assert len(ENGLISH.split()) == 30
    assert len(CHINESE) == 32
    assert least <= tokens(text) <= most


@pytest.mark.slow
@given(text=st.text(max_size=200))
def test_escapes_make_no_difference(text: str) -> None:
    """The same text, written as UTF-8 or as ASCII with \\u escapes."""
    assert tokens(text) == pytest.approx(tokens(text, ascii_only=True), abs=1)


mixed = st.text('abc 中é🙂\\"\n/u0d', max_size=80)


@pytest.mark.slow
@given(text=mixed, more=mixed)
def test_more_text_is_never_fewer_tokens(text: str, more: str) -> None:
    assert tokens(text + more) >= tokens(text)
    assert tokens(text + more, ascii_only=True) >= tokens(text, ascii_only=True)


def test_an_escape_is_one_character() -> None:
    assert tokens("\n" * 400) == 100
    assert tokens('"' * 400) == 100
    assert tokens("\\" * 400) == 100
    assert tokens("\\u4e2d" * 100) == 150  # six characters each, and not an escape


@pytest.mark.parametrize("size_bytes", [500, 300_000])
def test_an_image_costs_the_same_whatever_its_size(size_bytes: int) -> None:
    image = base64.b64encode(random.Random(1).randbytes(size_bytes)).decode()
    text = {"type": "text", "text": "What is this?"}
    url = f"data:image/png;base64,{image}"
    source = {"type": "base64", "media_type": "image/png", "data": image}
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "image", "source": source},
        {"type": "input_image", "image_url": url},
    ]
    once = sorted(tokens([text, part]) for part in parts)
    twice = sorted(tokens([part, text, part]) for part in parts)
    assert MEDIA_TOKENS < once[0] <= once[-1] < MEDIA_TOKENS + 60
    assert 2 * MEDIA_TOKENS < twice[0] <= twice[-1] < 2 * MEDIA_TOKENS + 120


def test_an_image_by_address_and_a_wrapped_one_count_as_one() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
    assert MEDIA_TOKENS < tokens([part]) < MEDIA_TOKENS + 60
    lines = base64.encodebytes(random.Random(1).randbytes(5000)).decode()
    part = {"type": "document", "source": {"type": "base64", "data": lines}}
    assert MEDIA_TOKENS < tokens([part]) < MEDIA_TOKENS + 60


def test_text_about_base64_is_text() -> None:
    assert tokens("The word base64 in quotes: " + ENGLISH * 5) < 300


def test_system_and_tools_count() -> None:
    plain = estimate_input_tokens(CHAT, body("hi"))
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "weather", "parameters": schema}}
    assert estimate_input_tokens(CHAT, body("hi", tools=[tool])) > plain + 25
    assert estimate_input_tokens("/v1/messages", body("hi", system=ENGLISH)) > plain + 35


def test_images_are_billed_per_image() -> None:
    assert estimate_input_tokens("/v1/images/generations", b'{"prompt":"a cat"}') == 0


def job(estimate: int, limit: int | None = None, *, model: str = "m", url: str = CHAT) -> Job:
    return Job(
        index=0,
        custom_id="a",
        url=url,
        model=model,
        stream=False,
        body=b"{}",
        body_digest="",
        input_estimate_tokens=estimate,
        output_limit_tokens=limit,
    )


def used(input_tokens: int | None, output_tokens: int | None) -> Usage:
    return Usage(input_tokens=input_tokens, output_tokens=output_tokens)


def test_before_any_answer_the_reservation_is_generous() -> None:
    estimator = TokenEstimator()
    assert FIRST_RATIO == 1.3
    assert estimator.reserve(job(1000, 50)) == 1350
    assert estimator.reserve(job(1000)) == 1300 + FIRST_OUTPUT_TOKENS
    assert estimator.reserve(job(0, url="/v1/images/generations")) == 0


@pytest.mark.parametrize("factor", [0.1, 0.5, 1.0, 3.0, 10.0])
def test_it_learns_what_a_model_bills(factor: float) -> None:
    estimator = TokenEstimator()
    asked = job(1000, 50)
    for answers in range(1, TRUSTED_AFTER_ANSWERS):
        estimator.learn(asked, estimator.reserve(asked), used(int(1000 * factor), 10))
        # An estimate that was too low is corrected by the first answer, one too high later.
        assert estimator.reserve(asked) >= max(1300, 1000 * factor) + 50, answers
    estimator.learn(asked, 0, used(int(1000 * factor), 10))
    assert 1000 * factor + 50 <= estimator.reserve(asked) <= 1000 * factor * 1.1 + 51
    other = job(1000, 50, model="another")
    assert estimator.reserve(other) == 1350


def test_the_output_of_jobs_without_a_limit_is_learnt_from_their_like() -> None:
    estimator = TokenEstimator()
    for _ in range(20):
        estimator.learn(job(100, 5), 0, used(100, 5))  # cut short by its limit
    assert estimator.reserve(job(0)) == FIRST_OUTPUT_TOKENS
    for _ in range(20):
        estimator.learn(job(100), 0, used(100, 300))
    assert 300 <= estimator.reserve(job(0)) <= 330
    assert estimator.reserve(job(0, 7)) == 7
    estimator.learn(job(100), 0, used(100, 9000))
    assert 300 < estimator.reserve(job(0)) <= 9900


def test_a_few_large_jobs_outweigh_many_small_ones() -> None:
    """A limit on tokens is broken by tokens: a tenth of them may lie in one job of a hundred."""
    estimator = TokenEstimator()
    for _ in range(100):
        estimator.learn(job(100, 1), 0, used(50, 1))
    estimator.learn(job(1200, 1), 0, used(2400, 1))
    assert 2400 <= estimator.reserve(job(1200, 0)) <= 2640


def test_an_answer_longer_than_expected_counts_from_the_first() -> None:
    estimator = TokenEstimator()
    estimator.learn(job(100), 0, used(100, 30_000))
    assert 30_000 <= estimator.reserve(job(0)) <= 33_000


@pytest.mark.slow
@given(
    seed=st.integers(0, 2**32),
    factor=st.floats(0.1, 10),
    spread=st.floats(0, 0.8),
    mean_output=st.integers(1, 5000),
)
def test_reservations_cover_what_is_used_without_waste(
    seed: int, factor: float, spread: float, mean_output: int
) -> None:
    rng = random.Random(seed)
    estimator = TokenEstimator()
    reserved_tokens = used_tokens = 0
    for n in range(300):
        estimate = rng.randint(50, 5000)
        billed = math.ceil(estimate * factor * math.exp(rng.gauss(0, spread)))
        output = rng.randint(0, 2 * mean_output)
        asked = job(estimate)
        reserved = estimator.reserve(asked)
        estimator.learn(asked, reserved, used(billed, output))
        if n >= 100:
            reserved_tokens += reserved
            used_tokens += billed + output
    assert reserved_tokens >= used_tokens
    # The quantile of a log-normal lies exp(1.645 spread) above the middle, of a uniform at 1.9
    # times its mean; 1.3 for chance and for the width of a bucket.
    assert reserved_tokens <= used_tokens * 1.3 * max(2, math.exp(1.645 * spread))


def test_totals_show_reserved_beside_used_by_model() -> None:
    estimator = TokenEstimator()
    estimator.learn(job(10), 40, used(12, 20))
    estimator.learn(job(10), 41, used(None, 7))
    estimator.learn(job(10), 42, used(None, None))
    estimator.learn(job(10, model="b"), 5, used(3, None))
    estimator.learn(job(0, model="i", url="/v1/images/generations"), 0, used(9, 9))
    totals = estimator.totals()
    assert totals == {
        "m": EstimateTotals(answers=2, reserved_tokens=81, used_tokens=39),
        "b": EstimateTotals(answers=1, reserved_tokens=5, used_tokens=3),
    }
    totals["m"].answers = 99
    assert estimator.totals()["m"].answers == 2


def test_a_body_that_was_estimated_as_nothing_teaches_nothing() -> None:
    estimator = TokenEstimator()
    estimator.learn(job(0, 5), 5, used(100, 5))
    assert estimator.reserve(job(1000, 0)) == 1300
