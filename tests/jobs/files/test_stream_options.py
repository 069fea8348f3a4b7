"""Usage, asked for in a stream by the fewest bytes that do it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs.files.dialects import parse_line
from headrace.jobs.job import Job

ADDED = b'"stream_options":{"include_usage":true}'


def sent(body: bytes, url: str = "/v1/chat/completions") -> bytes:
    line = b'{"custom_id":"a","url":"%s","body":%s}' % (url.encode(), body)
    job = parse_line(line, 1)
    assert isinstance(job, Job)
    return job.body


@pytest.mark.parametrize(
    ("written", "on_the_wire"),
    [
        # Nothing set: a member is appended.
        (b'{"model":"m","messages":[],"stream":true}', None),
        (b'{ "stream" : true, "model":"m",\t"messages":[ ] }', None),
        # Set to anything: unchanged.
        *(
            (b'{"model":"m","messages":[],"stream":true,"stream_options":%s}' % options, b"same")
            for options in (
                b'{"include_usage":true}',
                b'{"include_usage": false}',
                b'{"include_usage":null}',
                b'{"include_usage":"yes","x":1}',
                b"[]",
                b'"none"',
                b"7",
            )
        ),
        # Not a stream: unchanged.
        (b'{"model":"m","messages":[]}', b"same"),
        (b'{"model":"m","messages":[],"stream":false}', b"same"),
        (b'{"model":"m","messages":[],"stream":null}', b"same"),
        # Options without it: it is added to them.
        (
            b'{"model":"m","messages":[],"stream":true,"stream_options":{ }}',
            b'{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true }}',
        ),
        (
            b'{"stream_options" : { "x":1}, "model":"m","messages":[],"stream":true}',
            b'{"stream_options" : {"include_usage":true, "x":1}, '
            b'"model":"m","messages":[],"stream":true}',
        ),
        (
            b'{"stream_options":null,"model":"m","messages":[],"stream":true}',
            b'{"stream_options":{"include_usage":true},"model":"m","messages":[],"stream":true}',
        ),
        # The same text deeper down, before and after, and inside a string.
        (
            b'{"tools":[{"stream_options":{}}],"stream_options":{},"x":{"stream_options":{}},'
            b'"model":"m","messages":[],"stream":true}',
            b"meaning",
        ),
        (
            b'{"stream_options":{},"model":"\\"stream_options\\":{}","messages":[],"stream":true}',
            b'{"stream_options":{"include_usage":true},'
            b'"model":"\\"stream_options\\":{}","messages":[],"stream":true}',
        ),
        (
            b'{"tools":[{"stream_options": {}}], "stream_options": {}, '
            b'"model":"m","messages":[],"stream":true}',
            b'{"tools":[{"stream_options": {}}], "stream_options": {"include_usage":true}, '
            b'"model":"m","messages":[],"stream":true}',
        ),
        # A key with an escape in it, and one written twice: the last one counts.
        (b'{"stream\\u005foptions":{},"model":"m","messages":[],"stream":true}', b"meaning"),
        (
            b'{"stream_options":{"include_usage":true},"stream_options":{"a":1},'
            b'"model":"m","messages":[],"stream":true}',
            b'{"stream_options":{"include_usage":true},"stream_options":{"include_usage":true,"a":1},'
            b'"model":"m","messages":[],"stream":true}',
        ),
    ],
)
def test_usage_is_asked_for_where_a_chat_stream_does_not_say(
    written: bytes, on_the_wire: bytes | None
) -> None:
    body = sent(written)
    if on_the_wire is None:
        assert body == written[:-1] + b"," + ADDED + b"}"
    elif on_the_wire == b"meaning":
        wanted = json.loads(written)
        wanted["stream_options"]["include_usage"] = True
        assert json.loads(body) == wanted
    else:
        assert body == (written if on_the_wire == b"same" else on_the_wire)


@pytest.mark.parametrize("url", ["/v1/messages", "/v1/search/completions"])
def test_other_streams_are_left_alone(url: str) -> None:
    body = b'{"model":"m","messages":[],"stream":true,"max_tokens":9}'
    assert sent(body, url) == body


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["stream_options", "include_usage", "a", "}", '"'])
            | st.text(max_size=4),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@pytest.mark.slow
@given(
    others=st.dictionaries(st.sampled_from(["stream_options", "tools", "z"]), values, max_size=3),
    last=st.booleans(),
    indent=st.sampled_from([None, 1]),
)
def test_the_meaning_of_all_else_stays(
    others: dict[str, Any], last: bool, indent: int | None
) -> None:
    needed: dict[str, Any] = {"model": "m", "messages": [], "stream": True}
    body = needed | others if last else others | needed
    found = json.loads(sent(json.dumps(body, indent=indent).encode()))
    options = body.get("stream_options")
    if options is None:
        body["stream_options"] = {"include_usage": True}
    elif isinstance(options, dict):
        body["stream_options"] = {"include_usage": True} | options
    assert found == body
