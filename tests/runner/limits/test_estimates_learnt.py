"""What is reserved for English, Chinese, code and images, learnt from the answers' usage."""

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from headrace.gateway import DEFAULT_PRICES, ModelPrice, PriceTable
from headrace.reports import summarise
from tests.runner.conftest import Bench

ROOT = Path(__file__).resolve().parents[3]
# The opening of the Analects, and of the Art of War.
CHINESE = (
    "子曰学而时习之不亦说乎有朋自远方来不亦乐乎人不知而不愠不亦君子乎"
    "孙子曰兵者国之大事死生之地存亡之道不可不察也故经之以五事校之以计而索其情"
)
JOBS = 60


def slices(text: str, size: int) -> list[str]:
    """`JOBS` pieces of a text, of random lengths around `size`, from all over it."""
    rng = random.Random(size)
    pieces = []
    for _ in range(JOBS):
        length = rng.randint(size // 2, size * 3 // 2)
        start = rng.randrange(max(1, len(text) - length))
        pieces.append(text[start : start + length])
    return pieces


def english() -> list[str]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return slices("\n".join(page.read_text(encoding="utf-8") for page in pages), 3000)


def code() -> list[str]:
    sources = sorted((ROOT / "jobs").rglob("*.py"))
    return slices("\n".join(source.read_text(encoding="utf-8") for source in sources), 3000)


def chinese() -> list[str]:
    return slices(CHINESE * 100, 1500)


def models(*names: str) -> PriceTable:
    return PriceTable(models={**DEFAULT_PRICES.models, **{name: ModelPrice() for name in names}})


@pytest.mark.slow
async def test_each_model_is_learnt_for_itself_and_the_report_shows_it(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """The gateway counts 0.3 tokens a character and 0.6 a Chinese one, of the text alone."""
    kinds = {"english": english(), "code": code(), "chinese": chinese()}
    lines = []
    for n in range(JOBS):
        for kind, pieces in kinds.items():
            messages = [{"role": "user", "content": pieces[n]}]
            body = {"model": kind, "max_tokens": 20, "messages": messages}
            line = {"custom_id": f"{kind}-{n}", "url": "/v1/chat/completions", "body": body}
            lines.append(json.dumps(line, ensure_ascii=n % 2 == 0).encode())
    bench.write(*lines)
    gateway = bench.gateway(prices=models(*kinds), output_tokens=20, rpm=None, tpm=None)
    ran = await bench.run_on(gateway, concurrency=1)
    assert ran.outcome.succeeded == len(lines)
    shown = summarise(ran.directory).limits.estimates
    assert set(shown) == set(kinds)
    for kind in kinds:
        answers = ran.attempts.filter(ran.attempts["model"] == kind)
        used = sum(answers["input_tokens"].to_list()) + sum(answers["output_tokens"].to_list())
        estimates = shown[kind]
        assert (estimates.answers, estimates.used_tokens) == (JOBS, used)
        # Enough, and little more: the first eight have a margin of 30 % at least.
        assert used <= estimates.reserved_tokens <= 1.25 * used, kind


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["chat", "messages"])
async def test_pictures_in_a_request_are_learnt_whatever_their_size(
    bench: Bench, service: Any, autojump_clock: MockClock, protocol: str
) -> None:
    """Each is billed as 1,100 tokens, and is anything from 3 kB to 90 kB of base64."""
    rng = random.Random(1)
    lines = []
    for n in range(JOBS):
        image = base64.b64encode(rng.randbytes(rng.randint(2_000, 65_000))).decode()
        part: dict[str, Any] = {
            "type": "image_url",
            "image_url": {"url": f"data:image/png;base64,{image}"},
        }
        url = "/v1/chat/completions"
        if protocol == "messages":
            source = {"type": "base64", "media_type": "image/png", "data": image}
            part, url = {"type": "image", "source": source}, "/v1/messages"
        content = [{"type": "text", "text": "What is this?"}, part]
        messages = [{"role": "user", "content": content}]
        body = {"model": "m", "max_tokens": 10, "messages": messages}
        lines.append(json.dumps({"custom_id": f"{n}", "url": url, "body": body}).encode())
    bench.write(*lines)
    usage = {"prompt_tokens": 1100, "completion_tokens": 10, "input_tokens": 1100}
    answer = {
        "choices": [{"index": 0, "message": {"content": "a cat"}, "finish_reason": "stop"}],
        "content": [{"type": "text", "text": "a cat"}],
        "usage": {**usage, "output_tokens": 10},
    }
    service.answer = lambda seen: service.fine()._replace(body=json.dumps(answer).encode())
    ran = await bench.run(service, concurrency=1)
    assert ran.outcome.succeeded == JOBS
    [estimates] = summarise(ran.directory).limits.estimates.values()
    assert estimates.used_tokens == JOBS * 1110
    assert 1 <= estimates.reserved_tokens / estimates.used_tokens <= 1.25
