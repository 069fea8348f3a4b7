"""Endpoints that are not in the table: their paths, and the places of their usage."""

from pathlib import Path

import pytest

from headrace.jobs import (
    InputError,
    Job,
    OtherEndpoints,
    other_endpoints_from,
    usage_places,
)
from headrace.jobs.files.dialects import parse_line
from headrace.jobs.other_endpoints import is_path

ANY = OtherEndpoints(any=True)
LINE = b'{"custom_id":"a","url":"/v1/score","body":{"text_1":"x"}}'


@pytest.mark.parametrize("url", ["/v1/score", "/rerank", "/a/b-c/d_e.f:embed", "/v1/x%20y", "/a/"])
def test_a_path_is_taken_where_any_is(url: str) -> None:
    assert is_path(url)
    assert ANY.take(url)
    assert not OtherEndpoints().take(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "v1/score",
        "http://a.test/v1/x",
        "//a.test/x",
        "/a//b",
        "/a/%2E%2e/b",
        "/a/.%2e",
        "/a?b=1",
        "/a#b",
        "/a b",
        "/a\r\nb",
        "/../x",
        "/a/./b",
        "/a/..",
        "/café",
    ],
)
def test_what_is_more_or_less_than_a_path_is_not_taken(url: str) -> None:
    assert not ANY.take(url)


def test_bytes_may_be_asked_for_where_any_answer_is_one() -> None:
    body = b'{"input":"x","encoding_format":"bytes"}'
    line = b'{"custom_id":"a","url":"/pooling","body":%s}' % body
    job = parse_line(line, 1, ANY)
    assert isinstance(job, Job)
    assert job.body == body


def test_a_job_of_another_path_needs_no_model_and_reserves_no_tokens() -> None:
    job = parse_line(LINE, 1, ANY)
    assert isinstance(job, Job)
    assert (job.url, job.model, job.input_estimate_tokens, job.output_limit_tokens) == (
        "/v1/score",
        "default",
        0,
        0,
    )


def settings(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "headrace.toml"
    path.write_text(text)
    return path


def test_a_table_names_places_with_either_spelling(tmp_path: Path) -> None:
    path = settings(
        tmp_path,
        '[endpoints."/v1/score"]\ninput-tokens = "usage.x"\noutput_tokens = "a.0.b"\n'
        '[endpoints."/v1/rank"]\n',
    )
    found = other_endpoints_from(path)
    assert found.named == {
        "/v1/score": {"input_tokens": ("usage", "x"), "output_tokens": ("a", "0", "b")},
        "/v1/rank": {},
    }
    assert found.take("/v1/rank")
    assert not found.take("/v1/other")


def test_no_settings_name_no_endpoint(tmp_path: Path) -> None:
    assert other_endpoints_from(tmp_path / "none.toml", any_endpoint=True) == ANY


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("endpoints = 3", "endpoints are tables"),
        ('[endpoints]\n"/v1/x" = 1', "is not a table"),
        ('[endpoints."v1/x"]', "is not a path; write one such as /v1/score"),
        (
            '[endpoints."/v1/x"]\ninput-token = "u"',
            "holds 'input-token'; it may hold input-tokens, cached-input-tokens, "
            "cache-write-tokens, output-tokens, reasoning-tokens, searches; did you mean "
            "'input-tokens'?",
        ),
        ('[endpoints."/v1/x"]\ninput-tokens = 1', "input-tokens is 1; write a place such as"),
        ('[endpoints."/v1/x"]\ninput-tokens = "a..b"', 'write a place such as "usage.x"'),
        ("[endpoints", "can't be used"),
    ],
)
def test_what_is_wrong_is_said_with_its_file(tmp_path: Path, text: str, says: str) -> None:
    path = settings(tmp_path, text)
    with pytest.raises(InputError) as raised:
        other_endpoints_from(path)
    assert str(path) in raised.value.message
    assert says in raised.value.message


def test_places_may_have_been_taken_apart_already() -> None:
    """As a load run's workers are told them."""
    told = {"/v1/score": {"input_tokens": ["usage", "x"]}}
    assert usage_places(told) == {"/v1/score": {"input_tokens": ("usage", "x")}}
