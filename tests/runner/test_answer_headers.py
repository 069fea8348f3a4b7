"""What the headers of an answer say, and those that the body of an error repeats."""

import json

import pytest
import trio
from trio.testing import MockClock

from tests.runner.test_client import Wired, answer, event, job


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", ["429 Too Many Requests", "200 OK"])
async def test_headers_that_an_error_repeats_count_as_its_own(
    nursery: trio.Nursery, autojump_clock: MockClock, status: str, *, stream: bool
) -> None:
    """OpenRouter's: what its own limits are, and when they are reset."""
    told = {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}
    error = {"code": 429, "message": "Rate limit exceeded", "metadata": {"headers": told}}
    body = event({"error": error}) if stream else json.dumps({"error": error}).encode()
    outcome = await Wired(nursery, answer(body, status=status)).send(job(stream=stream))
    assert outcome.failure is not None
    assert (outcome.failure.status, outcome.failure.retry_after_s) == (429, 30.0)
    assert (outcome.limits.rpm, outcome.limits.remaining) == (20, 0)
