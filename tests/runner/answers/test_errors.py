"""The words of an error, in whatever a service wrapped them: known beforehand, and read back."""

import html
import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.runner.answers import read_error
from headrace.runner.answers.errors import CODE_CHARACTERS_MAX, MESSAGE_CHARACTERS_READ, error_of

# Words that say something: no mark of HTML or JSON, nothing that folding takes away.
WORD = st.text(string.ascii_letters + "äßéЖ水🌊", min_size=1, max_size=8)
WORDS = st.lists(WORD, min_size=1, max_size=6)
BLANKS = st.text(" \t\r\n\u00a0\u2003", min_size=1, max_size=3)


@st.composite
def spaced(draw: st.DrawFn) -> tuple[str, str]:
    """Words with blanks of any kind between and around them, and the words alone."""
    words = draw(WORDS)
    text = draw(BLANKS).join(["", *words, ""]) if draw(st.booleans()) else " ".join(words)
    return text, " ".join(words)


@st.composite
def json_errors(draw: st.DrawFn) -> tuple[Any, str]:
    """A JSON body in the manner of one service, and the words of its error."""
    text, said = draw(spaced())
    forms: list[Any] = [
        {"error": {"message": text, "code": None, "type": "x"}},
        {"error": text},
        {"message": text},
        {"msg": text},
        {"detail": text},
        {"error": {"detail": text}},
        {"object": "error", "message": text},
        {"type": "error", "error": {"type": "overloaded_error", "message": text}},
        {"error_message": text, "error_code": 7},
        {"error": "word", "message": text},
        {"error": True, "message": text},
        [{"error": {"message": text, "status": "X"}}, {"error": {"message": "another"}}],
        {"error": [{"message": text}, {"message": "another"}]},
        {"detail": {"message": text, "x": 1}},
        {"success": False, "errors": [{"code": 7, "message": text}], "result": {}},
        {"type": "about:blank", "title": "short", "detail": text, "status": 503},
        {"title": text, "status": 503},
        {"__type": "ThrottlingException", "Message": text},
        {"error_description": text},
        {"fault": {"faultstring": text, "detail": {"errorcode": "x"}}},
        {"Error": {"Code": "x", "Message": text}},
    ]
    return draw(st.sampled_from(forms)), said


@given(json_errors(), st.booleans(), st.sampled_from(["utf-8", "utf-8-sig"]))
def test_the_words_of_any_json_are_read_back(
    made: tuple[Any, str], as_ascii: bool, encoding: str
) -> None:
    body, said = made
    found = read_error(json.dumps(body, ensure_ascii=as_ascii).encode(encoding))
    assert found.message == said


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (
            {"error": {"code": "429", "type": "rate_limit_error", "message": "m"}},
            "rate_limit_error",
            429,
        ),
        ({"error": {"code": None, "type": "server_error", "message": "m"}}, "server_error", 500),
        ({"error": {"code": 503, "message": "m"}}, "503", 503),
        (
            {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m"}},
            "RESOURCE_EXHAUSTED",
            429,
        ),
        ({"error_code": "busy", "error_msg": "m", "code": 200}, "busy", None),
        ({"__type": "ThrottlingException", "message": "m"}, "ThrottlingException", 429),
        ({"errors": [{"code": 7009, "message": "m"}]}, "7009", None),
        ({"type": "about:blank", "title": "m", "status": 503}, "503", 503),
        ({"message": "m", "statusCode": "502"}, None, 502),
    ],
)
def test_the_code_is_a_word_where_there_is_one(
    body: dict[str, Any], code: str | None, status: int | None
) -> None:
    found = read_error(json.dumps(body).encode())
    assert (found.message, found.code, found.status) == ("m", code, status)


def test_words_and_delays_are_found_further_inside() -> None:
    """OpenRouter's provider, a problem by its address, and a text alone."""
    raw = json.dumps({"error": {"message": "engine is busy"}})
    error = {"message": "Provider returned error", "code": 429, "metadata": {"raw": raw}}
    assert read_error(json.dumps({"error": error}).encode()).message == (
        "Provider returned error: engine is busy"
    )
    problem = {"type": "https://a.test/p", "title": "m", "retry_after": 12.5}
    found = read_error(json.dumps(problem).encode())
    assert (found.code, found.message, found.retry_delay) == (None, "m", "12.500000")
    assert read_error(b'"overloaded"').message == "overloaded"
    assert read_error(b'{"errors": {"model": ["is bad"]}}').message == "{'model': ['is bad']}"
    assert read_error(b"<a:Fault><a:Text>No  way</a:Text></a:Fault>").message == "No way"


@st.composite
def pages(draw: st.DrawFn) -> tuple[str, str]:
    """A page of HTML with a title, or without one; and what it says."""
    (text, said), (body, other) = draw(spaced()), draw(spaced())
    tag = draw(st.sampled_from(["title", "TITLE", 'title lang="en"']))
    escaped = html.escape(text) if draw(st.booleans()) else text
    head = draw(st.sampled_from(["<!DOCTYPE html>\n<html>", "<html>", "\n <HTML lang=en>"]))
    style = "<style>.a { color: red }</style><script>let title = '<b>';</script>"
    end = tag.split()[0]
    if draw(st.booleans()):
        return f"{head}<head>{style}<{tag}>{escaped}</{end}></head><body>{body}</body></html>", said
    return f"{head}<head>{style}</head><body><h1>{body}</h1></body></html>", other


@given(pages())
def test_of_html_the_title_is_read_else_the_text(made: tuple[str, str]) -> None:
    page, said = made
    assert read_error(page.encode()).message == said


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "message", "code", "detail", "type", "status", "errors", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.one_of(ANYTHING.map(lambda value: json.dumps(value).encode()), st.binary(max_size=60)))
def test_whatever_comes_its_words_are_whole_folded_and_bounded(data: bytes) -> None:
    found = read_error(data)
    message, code = found.message or "", found.code or ""
    assert message == " ".join(message.split())
    assert "\ufffd" not in message + code
    assert len(message) <= MESSAGE_CHARACTERS_READ
    assert len(code) <= CODE_CHARACTERS_MAX
    assert (message + code).encode("utf-8", "strict") is not None
    assert found.status is None or 400 <= found.status < 600


@settings(deadline=None)
@given(WORD, st.integers(MESSAGE_CHARACTERS_READ, 10**5), st.booleans())
def test_words_without_end_are_cut(word: str, count: int, as_json: bool) -> None:
    text = word * (count // len(word) + 1)
    body: Any = {"error": {"message": text, "code": text}}
    found = read_error((json.dumps(body) if as_json else text).encode())
    assert found.message == text[:MESSAGE_CHARACTERS_READ]
    assert found.code == (text[:CODE_CHARACTERS_MAX] if as_json else None)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("<html><TITLE lang=en>502 &amp; gone</title><p>more</html>", "502 & gone"),
        ("<html><title> </title><body>Bad <b>Gateway</b></html>", "Bad Gateway"),
        ("<!doctype html><style>p {}</style><p>Gone<script>x('<b>')</script>!", "Gone !"),
        ("<html>1 < 2", "1 < 2"),
        ("<html>İİ<title>x</title>", "x"),
        ("<html>" + "<title" * 20_000, "<title" * 3333),
        ("<html>" + "<title>" * 11_427, None),
        ("<html>" + "<script>" * 20_000, None),
        ("<html>so" + "<style " * 20_000, "so"),
        ("<html>so" + "<" * 70_000 + ">far", "so far"),
    ],
)
def test_a_page_says_its_title_or_its_text_however_it_is_broken(
    page: str, says: str | None
) -> None:
    """A page of beginnings without an end held the loop for half a minute."""
    said = read_error(page.encode()).message
    assert (said is None) == (says is None)
    assert (said or "").startswith(says or "")


@pytest.mark.parametrize(
    ("body", "delay"),
    [
        ({"error": {"message": "m", "retry_after": "30"}}, "30"),
        ({"error": {"message": "m"}, "retryAfter": "PT30S"}, "PT30S"),
        ({"error": {"message": "m", "metadata": {"retry_after_seconds": 12}}}, "12.000000"),
        ({"error": {"message": "m", "retry_after_ms": 1200}}, "1200.000000ms"),
        ({"error": {"message": "m", "details": {"retry_after": 30}}}, "30.000000"),
        ({"error": {"message": "m", "details": [{}, {"retryDelay": "34.07s"}]}}, "34.07s"),
        ({"detail": {"message": "m", "retry_after": 30}}, "30.000000"),
        ({"error": {"message": "m", "retry_after": True}}, None),
        ({"error": {"message": "m", "retry_after": -1}}, None),
        ({"error": {"message": "m", "retry_after": 10**400}}, None),
        ({"error": {"message": "m", "retry_after": None}}, None),
    ],
)
def test_a_delay_in_any_of_its_places(body: dict[str, Any], delay: str | None) -> None:
    found = error_of(body)
    assert found is not None
    assert (found.message, found.retry_delay) == ("m", delay)


def test_headers_that_an_error_repeats_are_kept_as_far_as_they_are_some() -> None:
    told = {
        "X-RateLimit-Limit": "20",
        "Retry-After": 7,
        "bad\n": "x",
        "list": [1],
        "long": "x" * 999,
    }
    found = error_of({"error": {"message": "m", "metadata": {"headers": told}}})
    assert found is not None
    assert found.headers == {"x-ratelimit-limit": "20", "retry-after": "7"}


@pytest.mark.parametrize("before", [b"", b"event: error\n", b": ping\n\nid: 4\r\nevent: error\r\n"])
def test_an_error_that_came_as_an_event_is_read(before: bytes) -> None:
    """Of a stream that was refused: its words were the JSON of the event, `data:` and all."""
    found = read_error(
        before + b'data: {"error": {"code": "x", "message": "m"}}\n\ndata: [DONE]\n\n'
    )
    assert (found.code, found.message) == ("x", "m")
