"""What a load run sends, by endpoint."""

from typing import Any

import pytest
from trio.testing import MockClock

from headrace.jobs import InputError


@pytest.mark.parametrize(
    ("url", "streamed"),
    [
        ("/v1/embeddings", False),
        ("/v1/rerank", False),
        ("/v1/moderations", False),
        ("/v1/responses", True),
        ("/v1/completions", True),
    ],
)
async def test_a_load_run_makes_its_prompts_for_each(
    traffic: Any, autojump_clock: MockClock, url: str, streamed: bool
) -> None:
    served = traffic.gateway(output_tokens=6, ttft_s=0.1, itl_s=0.01)
    asked = {"users": 2, "requests": 6, "prompt_tokens": "40", "turns": "1"}
    ran = await traffic.on(served, url=url, **asked)
    assert (ran.outcome.exit_code, ran.outcome.succeeded) == (0, 6)
    rows = [row for row in served.log_rows if row.method == "POST"]
    assert {(row.path, row.stream) for row in rows} == {(url, streamed)}
    ttfts = ran.attempts["ttft_s"].to_list()
    assert ttfts == pytest.approx([0.1] * 6) if streamed else [None] * 6
    assert ran.facts.prompts == "40 tokens in" + (", 128 out" if streamed else "")


async def test_a_load_run_asks_for_no_length_that_there_is_not(traffic: Any) -> None:
    with pytest.raises(InputError, match="have no length; leave --output-tokens out"):
        await traffic.on(
            traffic.gateway(), url="/v1/rerank", users=1, requests=1, output_tokens="9"
        )
    with pytest.raises(InputError, match="does not take conversations"):
        await traffic.on(traffic.gateway(), url="/v1/embeddings", users=1, requests=1, turns="2")
    with pytest.raises(InputError, match="by --jobs and --any-endpoint"):
        await traffic.on(traffic.gateway(), url="/v1/score", users=1, requests=1)
