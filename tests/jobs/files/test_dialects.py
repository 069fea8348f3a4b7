"""Job files of other tools, and bodies that reach the wire byte for byte."""

import json
from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import ENDPOINTS, Job, Reject
from headrace.jobs.files.dialects import parse_line
from headrace.jobs.files.source import TOO_LONG

CHAT_BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


def job(line: bytes, number: int = 1) -> Job:
    parsed = parse_line(line, number)
    assert isinstance(parsed, Job), parsed
    return parsed


def reason(line: bytes) -> str:
    parsed = parse_line(line, 1)
    assert isinstance(parsed, Reject), parsed
    return parsed.reason


def canonical(body: bytes, url: str = "/v1/chat/completions", more: bytes = b"") -> bytes:
    return b'{"custom_id":"a","url":"%s","body":%s%s}' % (url.encode(), body, more)


def test_a_canonical_line() -> None:
    body = b'{ "model":"m","messages":[] ,"max_tokens":1e2, "seed":123456789012345678901234567890}'
    parsed = job(
        b' {"custom_id": "r-\\u4e2d", "method":"POST", "url": "/v1/chat/completions",'
        b' "body": ' + body + b' , "metadata": { "k" : [1, 2.50]}, "expected" :"x", "own": 1 }\r',
        8,
    )
    assert parsed == Job(
        index=7,
        custom_id="r-中",
        url="/v1/chat/completions",
        model="m",
        stream=False,
        body=body,
        body_digest=blake2b(body, digest_size=16).hexdigest(),
        input_estimate_tokens=parsed.input_estimate_tokens,
        output_limit_tokens=100,
        metadata='{ "k" : [1, 2.50]}',
        expected='"x"',
    )


def test_an_anthropic_line_goes_to_messages() -> None:
    body = b'{"model":"m","max_tokens":7,"messages":[],"stream":true}'
    parsed = job(b'{"custom_id":"a","params":' + body + b"}")
    assert (parsed.url, parsed.body, parsed.stream) == ("/v1/messages", body, True)
    assert parsed.output_limit_tokens == 7


def test_a_bare_body_is_a_chat_named_after_its_line() -> None:
    # metadata is a field of the chat API: it is sent, and not headrace's own.
    body = b'{"model":"m","messages":[],"metadata":{"a":"b"},"custom_id":"mine"}'
    parsed = job(b"  " + body + b"\r", 12)
    assert (parsed.custom_id, parsed.url, parsed.body) == ("line-12", "/v1/chat/completions", body)
    assert (parsed.index, parsed.metadata) == (11, None)


def test_a_key_that_is_there_twice_counts_as_its_last() -> None:
    parsed = job(
        b'{"custom_id":"x","custom_id":"y","url":"/v1/messages","url":"/v1/chat/completions",'
        b'"body":{},"body":{"model":"old","model":"m","messages":[],"stream":true,"stream":false}}'
    )
    assert (parsed.custom_id, parsed.model, parsed.stream) == ("y", "m", False)
    assert parsed.body == (
        b'{"model":"old","model":"m","messages":[],"stream":true,"stream":false}'
    )


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "n": 3}, 15),
        ({"n": 3}, None),
        ({"max_tokens": 5, "n": None}, 5),
        # Values that the server will judge set no limit.
        ({"max_tokens": None}, None),
        ({"max_tokens": "5"}, None),
        ({"max_tokens": -5}, None),
        ({"max_tokens": 0}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": 2.5}, None),
        ({"max_tokens": 5, "n": 0}, 5),
        ({"max_tokens": 10**40}, 2**53),
    ],
)
def test_the_output_limit(fields: dict[str, Any], limit: int | None) -> None:
    body = json.dumps({"model": "m", "messages": []} | fields).encode()
    assert job(canonical(body)).output_limit_tokens == limit


def test_the_output_limit_of_messages_knows_no_n() -> None:
    body = b'{"model":"m","messages":[],"max_tokens":5,"n":3,"max_completion_tokens":90}'
    assert job(canonical(body, "/v1/messages")).output_limit_tokens == 5


@pytest.mark.parametrize(
    ("fields", "images", "size"),
    [
        ({}, 1, None),
        ({"n": 3, "size": "64x64"}, 3, "64x64"),
        ({"n": "3", "size": 64}, 1, None),
        ({"n": None, "size": None, "max_tokens": 5}, 1, None),
    ],
)
def test_images_are_counted_instead_of_tokens(
    fields: dict[str, Any], images: int, size: str | None
) -> None:
    body = json.dumps({"model": "g", "prompt": "a cat"} | fields).encode()
    parsed = job(canonical(body, "/v1/images/generations"))
    assert (parsed.images, parsed.image_size) == (images, size)
    assert (parsed.input_estimate_tokens, parsed.output_limit_tokens) == (0, None)


ALL_URLS = (
    "/v1/chat/completions, /v1/messages, /v1/search/completions, /v1/images/generations, "
    "/v1/responses, /v1/completions, /v1/embeddings, /v1/rerank, /v1/moderations"
)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"hello", "not JSON: invalid character at column 1"),
        (
            b'{"custom_id": "\xc3\xa9\xc3\xa9", oops}',
            "not JSON: object keys must be strings at column 21",
        ),
        (b'{"custom_id": "a", "bo', "not JSON: unexpected end at column 23"),
        (b'{"a":NaN}', "not JSON: NaN at column 6; write null, or leave the key out"),
        (b'{"a":1} {"b":2}', "not JSON: trailing characters at column 9"),
        (b'{"a":"\\ud83d"}', "not JSON: a \\ud800 to \\udfff escape without its other half"),
        (b'{"a":' + b"[" * 100_000, "nested too deeply"),
        (
            b"caf\xe9",
            "not UTF-8 from byte 4 on, but in Latin-1 or Windows-1252, as "
            "`iconv -f WINDOWS-1252 -t UTF-8` reads it; save the file as UTF-8",
        ),
        (
            "咖啡".encode("gb18030"),
            "not UTF-8 from byte 1 on, but in another encoding (GB18030, Shift_JIS or the like); "
            "save the file as UTF-8",
        ),
        (
            b"\xff\xfe{\x00}\x00",
            "not UTF-8 from byte 1 on, but in another encoding (GB18030, Shift_JIS or the like); "
            "save the file as UTF-8",
        ),
        (b"[1]", "not a JSON object but a list; write one object per line"),
        (b"3", "not a JSON object but a number; write one object per line"),
        (b'"x"', "not a JSON object but a string; write one object per line"),
        (b"null", "not a JSON object but null; write one object per line"),
        (b"x" * 50 + TOO_LONG, "the line is longer than 64 MiB; split the job"),
        (b"{}", 'no body; write {"custom_id": ..., "url": ..., "body": {...}}'),
        (
            b'{"model":"m","prompt":"x"}',
            'no messages; add them, or write {"custom_id": ..., "url": ..., "body": {...}}',
        ),
        (
            b'{"a":1,"requests":[]}',
            'a {"requests": [...]} document must be alone in its file, with "requests" first',
        ),
        (canonical(b"null"), 'the body is not a JSON object; write {"model": ..., ...}'),
        (canonical(b"[]"), 'the body is not a JSON object; write {"model": ..., ...}'),
        (canonical(b"{}"), "the body has no model, which /v1/chat/completions needs"),
        (canonical(b'{"model":"m"}'), "the body has no messages, which /v1/chat/completions needs"),
        (
            canonical(b'{"model":"m","messages":[]}', "/v1/messages"),
            "the body has no max_tokens, which /v1/messages needs",
        ),
        (
            canonical(b'{"model":"m"}', "/v1/images/generations"),
            "the body has no prompt, which /v1/images/generations needs",
        ),
        (
            canonical(b'{"model":7,"messages":[]}'),
            "model is 7; write a model's name in quotes",
        ),
        (
            canonical(b'{"model":"","messages":[]}'),
            'model is ""; write a model\'s name in quotes',
        ),
        (
            canonical(b'{"model":"m","messages":"hi"}'),
            'messages is not a list; write [{"role": "user", "content": ...}]',
        ),
        (
            canonical(b'{"model":"m","messages":[],"stream":"true"}'),
            'stream is "true"; write true or false',
        ),
        (canonical(b'{"model":"m","messages":[],"stream":1}'), "stream is 1; write true or false"),
        (
            b'{"url":"/v1/chat/completions","body":%s}' % CHAT_BODY,
            "no custom_id; give each line one of its own",
        ),
        (
            b'{"custom_id":5,"params":{}}',
            "custom_id is not a string; put it in quotes",
        ),
        (b'{"custom_id":"","params":{}}', "custom_id is empty; give each line one of its own"),
        (
            canonical(CHAT_BODY, more=b',"method":"GET"'),
            'method is "GET"; write "POST" or leave it out',
        ),
        (
            canonical(CHAT_BODY, more=b',"method":null'),
            'method is null; write "POST" or leave it out',
        ),
        (b'{"custom_id":"a","body":{}}', f"no url; write one of {ALL_URLS}"),
        (b'{"custom_id":"a","body":{},"url":3}', f"url is 3; write one of {ALL_URLS}"),
        (
            canonical(CHAT_BODY, "/v1/score"),
            f'unknown url "/v1/score"; write one of {ALL_URLS}, or give --any-endpoint',
        ),
        *(
            (canonical(CHAT_BODY, url), f'url is "{url}"; write "/v1/chat/completions"')
            for url in (
                "https://api.example.com/v1/chat/completions",
                "http://host:8000/chat/completions?x=1",
                "v1/chat/completions",
                "/v1/chat/completions/",
            )
        ),
        *(
            (
                canonical(CHAT_BODY, url),
                f'url is "{url}"; write "/v1{url}", or give --any-endpoint to send it as it is',
            )
            for url in ("/chat/completions", "/messages")
        ),
        (
            canonical(b'{"input":"x"}', "/openai/deployments/d/embeddings?api-version=1"),
            'url is "/openai/deployments/d/embeddings?api-version=1"; write "/v1/embeddings", '
            "and give what stands around it to --base-url",
        ),
        (
            canonical(b"{}", "/v1/score?x=1"),
            'unknown url "/v1/score?x=1", which is more than a path; with --any-endpoint it may be '
            '"/v1/score"',
        ),
        (
            canonical(
                b'{"model":"m","input":"x","encoding_format":"bytes_only"}', "/v1/embeddings"
            ),
            'encoding_format is "bytes_only", whose answers are not JSON; write "base64" or '
            '"float"',
        ),
        (
            canonical(b'{"prompt":{"id":"p"}}', "/v1/embeddings"),
            "the body has no model, which /v1/embeddings needs",
        ),
        (
            canonical(CHAT_BODY, "https://me:my-key@api.example.com/v1/messages"),
            'url is "https://***@api.example.com/v1/messages"; write "/v1/messages"',
        ),
    ],
)
def test_a_line_that_is_not_a_job_gets_a_reason_that_says_what_to_do(line: bytes, why: str) -> None:
    assert reason(line) == why


@pytest.mark.parametrize(
    ("url", "body", "model"),
    [
        ("/v1/responses", b'{"prompt":{"id":"pmpt_1","variables":{"a":"b"}}}', "default"),
        ("/v1/responses", b'{"model":"m","prompt":{"id":"pmpt_1"}}', "m"),
        ("/v1/embeddings", b'{"model":"m","messages":[{"role":"user","content":"x"}]}', "m"),
        ("/v1/completions", b'{"model":"m","prompt_embeds":"AAAA"}', "m"),
    ],
)
def test_a_field_may_stand_in_the_place_of_a_required_one(
    url: str, body: bytes, model: str
) -> None:
    parsed = job(canonical(body, url))
    assert (parsed.model, parsed.answers, parsed.body) == (model, 1, body)


@pytest.mark.parametrize(
    ("given_input", "answers"),
    [(b'"x"', 1), (b'["x","y"]', 2), (b'[{"type":"text","text":"x"},{"type":"image_url"}]', 1)],
)
def test_texts_are_judged_each_and_parts_together(given_input: bytes, answers: int) -> None:
    assert job(canonical(b'{"input":%s}' % given_input, "/v1/moderations")).answers == answers


def test_a_reject_has_the_line_as_it_stands_and_its_custom_id() -> None:
    rejected = parse_line(b'{"custom_id":"a"}\r', 9)
    assert rejected == Reject(
        line=9,
        reason='no body; write {"custom_id": ..., "url": ..., "body": {...}}',
        text='{"custom_id":"a"}',
        custom_id="a",
    )
    rejected = parse_line(b"caf\xe9 \xe4\xb8\xad", 1)
    assert isinstance(rejected, Reject)
    assert (rejected.text, rejected.custom_id) == ("caf\\xe9 中", None)


@given(line=st.binary(max_size=80))
def test_any_bytes_are_a_job_or_a_reject_that_can_be_written_down(line: bytes) -> None:
    parsed = parse_line(line, 1)
    assert isinstance(parsed, Reject)  # no job is that short and random
    assert json.loads(json.dumps(parsed.text)) == parsed.text
    parsed.text.encode()
    assert parsed.reason
    assert "\n" not in parsed.reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.slow
@given(
    url=st.sampled_from(sorted(ENDPOINTS)),
    fields=st.dictionaries(st.text(max_size=6), json_values, max_size=4),
    metadata=json_values,
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
)
def test_a_body_reaches_the_wire_byte_for_byte(
    url: str, fields: dict[str, Any], metadata: Any, indent: int | None, ascii_only: bool
) -> None:
    needed = {"model": "m", "messages": [], "prompt": "p", "max_tokens": 9}
    needed |= {"input": "i", "query": "q", "documents": ["d"]}
    body = json.dumps(fields | needed, indent=indent, ensure_ascii=ascii_only).encode()
    told = json.dumps(metadata, ensure_ascii=ascii_only).encode()
    parsed = job(canonical(body, url, b',"metadata":' + told))
    assert parsed.body == body
    assert parsed.metadata == told.decode()
    assert parsed.body_digest == blake2b(body, digest_size=16).hexdigest()


@pytest.mark.slow
@given(
    custom_id=json_values,
    method=json_values,
    url=json_values,
    body=json_values,
    known=st.booleans(),
)
def test_json_of_any_shape_is_a_job_or_a_reject(
    custom_id: Any, method: Any, url: Any, body: Any, known: bool
) -> None:
    line = {"custom_id": custom_id, "method": method, "url": url, "body": body}
    if known:
        line |= {"url": "/v1/chat/completions", "method": "POST"}
        if isinstance(body, dict):
            line["body"] = body | {"model": "m", "messages": []}
    parsed = parse_line(json.dumps(line).encode(), 1)
    good = known and isinstance(body, dict) and isinstance(custom_id, str) and custom_id != ""
    assert isinstance(parsed, Job) == good
