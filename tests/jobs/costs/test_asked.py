"""What a body asks for that nothing bounds: seen in decoded JSON, whatever way it is written."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import CostBounds, Job, Price, PriceTable
from headrace.jobs.files.dialects import parse_line
from tests.jobs.costs.test_bound import CHAT, PRICE, bounds, job

MESSAGES, IMAGES = "/v1/messages", "/v1/images/generations"
SEARCH = "/v1/search/completions"
TWO, FIVE = Decimal(2), Decimal(5)
GENEROUS = Price(
    input=TWO,
    output=FIVE,
    search_request=TWO,
    web_search=TWO,
    images={"default": FIVE},
    max_input_tokens=1000,
    max_output_tokens=1000,
)
PART = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}


def asking(url: str = CHAT, **fields: Any) -> Job:
    return job(url, **{"max_tokens": 9, **fields})


def with_part(part: Any, url: str = CHAT) -> Job:
    return asking(url, messages=[{"role": "user", "content": [part]}])


def drawing(**fields: Any) -> Job:
    return job(IMAGES, **{"prompt": "a cat", **fields})


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (asking(n="10"), 'n is "10"'),
        (asking(n=0), "n is 0"),
        (asking(n=-1), "n is -1"),
        (asking(n=1.5), "n is 1.5"),
        (asking(n=True), "n is true"),
        (asking(MESSAGES, n=2), "n is 2"),
        (asking(best_of=5), "best_of"),
        (asking(web_search_options={}), "web_search_options"),
        (asking(web_search={"enable": True}), "web_search"),
        (asking(search_parameters={"mode": "on"}), "search_parameters"),
        (asking(enable_search=True), "enable_search"),
        (asking(plugins=[{"id": "web"}]), "plugins"),
        (asking(prediction={"type": "content", "content": "x"}), "prediction"),
        (asking(audio={"voice": "alloy"}), "audio"),
        (asking(modalities=["text", "audio"]), "modalities"),
        (asking(MESSAGES, mcp_servers=[{"url": "https://example.com"}]), "mcp_servers"),
        (asking(tools=[{"type": "web_search"}]), 'the tool "web_search"'),
        (asking(tools=[{"type": "builtin_function"}]), 'the tool "builtin_function"'),
        (asking(tools=[{"type": "mcp", "server_url": "x"}]), 'the tool "mcp"'),
        (asking(tools={"type": "function"}), "tools is not a list"),
        (asking(MESSAGES, tools=[{"type": "code_execution_20250825"}]), "code_execution"),
        (asking(MESSAGES, tools=[{"type": "mcp_toolset"}]), "mcp_toolset"),
        (asking(MESSAGES, tools=[{"type": "web_search_20250305"}]), "give it max_uses"),
        (asking(SEARCH, best_of=2), "best_of"),
        (asking(service_tier="priority"), 'service_tier "priority"'),
        (asking(MESSAGES, speed="fast"), 'speed "fast"'),
        (asking(MESSAGES, inference_geo="us"), 'inference_geo "us"'),
        (with_part({"type": "input_audio", "input_audio": {"data": "aGk="}}), "input_audio"),
        (with_part({"type": "audio_url", "audio_url": {"url": "u"}}), "audio_url"),
        (
            asking(messages=[{"role": "assistant", "content": None, "audio": {"id": "a"}}]),
            "audio",
        ),
        (asking(N=10), "N: some services take it for n"),
        (asking(Max_Tokens=10**6), "Max_Tokens: some services take it for max_tokens"),
        (asking(Best_Of=5), "Best_Of: some services"),
        (asking(MESSAGES, MCP_Servers=[]), "MCP_Servers: some services"),
        (drawing(n="10"), 'n is "10"'),
        (drawing(n=2.5), "n is 2.5"),
        (drawing(batch_size=4), "batch_size"),
        (drawing(num_images=4), "num_images"),
        (drawing(sequential_image_generation="auto"), "sequential_image_generation"),
        (drawing(prompt=["a cat", "a dog"]), "prompt is not a text"),
    ],
)
def test_what_nothing_bounds_is_refused_even_with_the_largest_price_file(
    asked: Job, says: str
) -> None:
    assert bounds(GENEROUS).of(asked) is None
    assert says in (bounds(GENEROUS).why_none(asked) or "")


@pytest.mark.parametrize(
    "asked",
    [
        with_part(PART),
        with_part({"image_url": "u"}),
        with_part({"type": "file", "file": {"file_id": "file-1"}}),
        with_part({"type": "input_file", "file_id": "file-1"}),
        with_part({"type": "text", "text": "", "file_id": "file-1"}),
        with_part({"type": "document", "source": {"type": "file", "file_id": "f"}}, MESSAGES),
        with_part({"type": "image", "source": {"type": "url", "url": "u"}}, MESSAGES),
        with_part({"type": "container_upload", "file_id": "f"}, MESSAGES),
        with_part({"type": "tool_result", "content": [{"type": "image"}]}, MESSAGES),
        with_part({"type": "of tomorrow"}),
        asking(messages=[{"role": "user", "content": PART}]),
        asking(messages=[{"role": "user", "content": "hi", "images": ["aGk="]}]),
        asking(MESSAGES, system=[{"type": "image"}]),
        asking(file_ids=["file-1"]),
        asking(previous_response_id="r"),
        asking(MESSAGES, container="c"),
    ],
)
def test_input_that_bytes_dont_bound_counts_as_the_models_longest(asked: Job) -> None:
    assert "set max_input_tokens" in (bounds().why_none(asked) or "")
    assert bounds(GENEROUS).of(asked) == Decimal(2 * 1000 + 5 * 9) / 1_000_000


@pytest.mark.parametrize(
    "asked",
    [
        asking(n=None, best_of=1, enable_search=False, plugins=[], modalities=["text"]),
        asking(n=2.0, audio=None),
        asking(tools=[{"type": "function", "function": {"name": "image_url"}}]),
        asking(tools=[{"type": "custom", "name": "file"}], tool_choice="auto"),
        asking(MESSAGES, tools=[{"name": "mine", "input_schema": {"type": "image"}}]),
        asking(MESSAGES, tools=[{"type": "bash_20250124", "name": "bash"}], n=1),
        asking(response_format={"type": "json_schema", "json_schema": {"type": "audio"}}),
        asking(messages=[{"role": "user", "content": '{"type": "image_url"}'}]),
        with_part({"type": "text", "text": '"web_search_options"'}),
        with_part("a string"),
        with_part({"type": "document", "source": {"type": "text", "data": "long"}}, MESSAGES),
        with_part({"type": "tool_result", "content": [{"type": "text", "text": "x"}]}, MESSAGES),
        asking(MESSAGES, system=[{"type": "text", "text": "be short"}]),
        asking(top_k=1, guided_json={"type": "image"}, chat_template_kwargs={"audio": True}),
        drawing(n=3.0, batch_size=1, quality="high", sequential_image_generation="disabled"),
    ],
)
def test_what_is_bounded_is_let_through(asked: Job) -> None:
    price = Price(images={"default": FIVE}) if asked.url == IMAGES else PRICE
    assert bounds(price).why_none(asked) is None
    assert bounds(price).of(asked) is not None


def escaped(text: str, which: int) -> str:
    """JSON text with every character of its strings, or every second one, as an escape."""
    out, inside = "", False
    for position, character in enumerate(text):
        if character == '"':
            inside = not inside
        if inside and character.isalpha() and position % which == 0:
            out += f"\\u{ord(character):04x}"
        else:
            out += character
    return out


@given(
    which=st.integers(1, 3),
    fields=st.sampled_from(
        [
            {"n": "10"},
            {"best_of": 3},
            {"web_search_options": {}},
            {"tools": [{"type": "web_search"}]},
            {"messages": [{"role": "user", "content": [PART]}]},
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            {"cache_control": {"ttl": "1h"}},
        ]
    ),
)
def test_an_escape_hides_nothing(which: int, fields: dict[str, Any]) -> None:
    """`"image\\u005furl"` was taken for a text, since bytes were looked at."""
    body = {"model": "m", "max_tokens": 9, "messages": [], **fields}
    line = '{"custom_id": "a", "url": "/v1/chat/completions", "body": '
    written = parse_line(
        (line + escaped(json.dumps(body), which).replace("\\u006d", "m") + "}").encode(), 1
    )
    assert isinstance(written, Job)
    assert bounds().of(written) is None


def test_a_body_nested_too_deeply_has_no_bound() -> None:
    body = b'{"model":"m","max_tokens":1,"messages":' + b"[" * 900 + b"]" * 900 + b"}"
    made = parse_line(b'{"custom_id":"a","url":"' + CHAT.encode() + b'","body":' + body + b"}", 1)
    assert isinstance(made, Job)
    table = CostBounds(PriceTable(currency="CNY", models={"m": PRICE}))
    assert "nested too deeply" in (table.why_none(made) or "")
