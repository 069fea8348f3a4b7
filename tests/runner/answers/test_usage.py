"""Each provider's account of tokens, in headrace's one convention."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import Usage
from headrace.runner.answers.usage import NO_USAGE, anthropic_usage, openai_usage


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4}, Usage(input_tokens=9, output_tokens=4)),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 5},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(input_tokens=9, cached_input_tokens=5, output_tokens=4, reasoning_tokens=3),
        ),
        (
            # DeepSeek
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "prompt_cache_hit_tokens": 6,
                "prompt_cache_miss_tokens": 3,
            },
            Usage(input_tokens=9, cached_input_tokens=6, output_tokens=4),
        ),
        (
            # xAI: reasoning stands beside the completion, and only the total has it
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "total_tokens": 16,
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(input_tokens=9, output_tokens=7, reasoning_tokens=3),
        ),
        (
            # OpenRouter, of a model that bills what it writes to the cache
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "total_tokens": 13,
                "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 5},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
            Usage(9, 2, 5, 4, 0),
        ),
        (
            # OpenAI, of images
            {"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 1}},
            Usage(input_tokens=9, cached_input_tokens=1, output_tokens=4),
        ),
        ({"prompt_tokens": "9", "completion_tokens": True}, Usage(input_tokens=9)),
        ({"prompt_tokens": "", "completion_tokens": "-4"}, Usage()),
        ({"prompt_tokens": 9, "prompt_tokens_details": None}, Usage(input_tokens=9)),
        (None, Usage(why_unpriced=NO_USAGE)),
        ("lots", Usage(why_unpriced=NO_USAGE)),
    ],
)
def test_openai_input_includes_what_was_cached(raw: Any, usage: Usage) -> None:
    assert openai_usage({"usage": raw}) == usage


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({"input_tokens": 9, "output_tokens": 4}, Usage(input_tokens=9, output_tokens=4)),
        (
            {
                "input_tokens": 9,
                "output_tokens": 4,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 20,
            },
            Usage(
                input_tokens=129, cached_input_tokens=100, cache_write_tokens=20, output_tokens=4
            ),
        ),
        ({"output_tokens": 4, "cache_read_input_tokens": 3}, Usage(None, 3, None, 4)),
        (None, Usage(why_unpriced=NO_USAGE)),
    ],
)
def test_anthropic_input_leaves_the_cache_out_and_ours_takes_it_in(raw: Any, usage: Usage) -> None:
    assert anthropic_usage({"usage": raw}) == usage


@pytest.mark.parametrize(
    "count", [-1, 2**53 + 1, 2**63, 2**64, 10**30, 5.5, True, "7.", "+7", "٧", "9" * 17, None]
)
def test_what_is_no_count_of_tokens_is_none(count: Any) -> None:
    """A table has 64 bits for one, and a negative one would be money given back."""
    chat = {"prompt_tokens": count, "completion_tokens": count}
    assert openai_usage({"usage": chat}) == Usage()
    messages = {"input_tokens": count, "output_tokens": count}
    assert anthropic_usage({"usage": messages}) == Usage()


def test_the_largest_counts_add_up_within_64_bits() -> None:
    fields = "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"
    usage = anthropic_usage({"usage": dict.fromkeys(fields, 2**53)})
    assert usage.input_tokens == 3 * 2**53


COUNT = (
    st.none() | st.integers(-2, 60) | st.just(2**53) | st.just(7.0) | st.just("7") | st.booleans()
)


@given(
    usage=st.fixed_dictionaries(
        {},
        optional={
            "prompt_tokens": COUNT,
            "completion_tokens": COUNT,
            "total_tokens": COUNT,
            "prompt_tokens_details": st.none() | st.fixed_dictionaries({"cached_tokens": COUNT}),
            "completion_tokens_details": st.none()
            | st.fixed_dictionaries({}, optional={"reasoning_tokens": COUNT}),
        },
    ),
    adds_up=st.booleans(),
)
def test_what_stands_beside_the_references_usage_changes_nothing(
    usage: dict[str, Any], adds_up: bool
) -> None:
    """The reference's own usage is read by a shorter way, which must come to the same."""
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if adds_up and type(prompt) is type(completion) is int:
        usage["total_tokens"] = prompt + completion
    assert openai_usage({"usage": usage}) == openai_usage({"usage": {**usage, "tier": "x"}})
