"""Jobs that are asked again: what is sent then, and what of the job stays."""

import json
from typing import Any

import msgspec
import pytest

from headrace.jobs import Job
from headrace.jobs.files import build_job
from headrace.jobs.forms import asked_again


def job(url: str = "/v1/chat/completions", **fields: Any) -> Job:
    body = {"model": "m", "messages": [{"role": "user", "content": "q"}], "max_tokens": 9, **fields}
    return build_job(
        json.dumps(body).encode(),
        url=url,
        custom_id="a",
        number=5,
        metadata='{"k":1}',
        expected='"x"',
    )


@pytest.mark.parametrize("url", ["/v1/chat/completions", "/v1/messages"])
def test_the_answer_and_then_what_is_wrong_with_it_come_last(url: str) -> None:
    made = asked_again(job(url), text='{"a": 1}\n', why="$.a: 1 is not of type 'string'")
    first, answer, complaint = json.loads(made.body)["messages"]
    assert first == {"role": "user", "content": "q"}
    assert answer == {"role": "assistant", "content": '{"a": 1}'}
    assert complaint["role"] == "user"
    assert "$.a: 1 is not of type 'string'" in complaint["content"]


def test_a_blank_answer_is_not_said_again() -> None:
    bodies = [asked_again(job(), text=text, why="none").body for text in (None, "", " \n")]
    roles = [[each["role"] for each in json.loads(body)["messages"]] for body in bodies]
    assert roles == [["user", "user"]] * 3


def test_the_job_stays_that_of_its_line_and_its_bounds_grow() -> None:
    before = job(stream=True, stream_options={"x": 1})
    made = asked_again(before, text="no", why="why")
    kept = ("index", "custom_id", "url", "model", "stream", "body_digest", "metadata", "expected")
    names = [*kept, "output_limit_tokens"]
    assert [getattr(made, each) for each in names] == [getattr(before, each) for each in names]
    assert made.input_estimate_tokens > before.input_estimate_tokens
    assert json.loads(made.body)["stream_options"] == {"x": 1, "include_usage": True}


def test_what_else_is_in_the_body_stays_as_it_was_written() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"\\u00e9 1.50"}],"seed":1.50e2}'
    made = asked_again(
        build_job(body, url="/v1/chat/completions", custom_id="a", number=1), text="x", why="y"
    )
    assert made.body.startswith(body[: body.index(b"}]")])
    assert b'"seed":1.50e2' in made.body
    again = asked_again(made, text="z", why="w")
    assert len(msgspec.json.decode(again.body)["messages"]) == 5
