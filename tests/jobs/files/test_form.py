"""What a job file is as a whole, told by its beginning."""

import io
import json

import pytest

from headrace.jobs import InputError, form_of
from headrace.jobs.files.source import Source

JOB = b'{"custom_id":"a","url":"/v1/chat/completions","body":{"model":"m","messages":[]}}'
PRETTY = json.dumps(json.loads(JOB), indent=2).encode()


def form(data: bytes) -> str:
    return form_of(Source("jobs", read=io.BytesIO(data).read))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "lines"),
        (b" \r\n\t", "lines"),
        (JOB, "lines"),
        (JOB + b"\r" + JOB, "lines"),
        (b"\xef\xbb\xbf\xef\xbb\xbf" + JOB + b"\n", "lines"),
        (b'{"requests"', "requests"),
        (b'\n{ \n "requests" : [', "requests"),
        (b'{"custom', "lines"),
        (b'{"requests_', "lines"),
        (b"[" + JOB + b"," + JOB + b"]", "array"),
        (b"[\n" + JOB + b",\n" + JOB + b"\n]\n", "array"),
        (b"[" + PRETTY + b"]", "array"),
        (b"[]", "array"),
        (b"[INFO] starting\n[INFO] writing\n" + JOB, "lines"),
        (b"nonsense", "lines"),
    ],
)
def test_the_beginning_tells_the_form(data: bytes, expected: str) -> None:
    assert form(data) == expected


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"custom_id,model,prompt\r\n1,m,hello\r\n", "looks like CSV"),
        (b'custom_id;prompt\n1;"a long\ncell"\n', "looks like CSV"),
        (b"custom_id\tprompt\n1\thello\n", "looks like tab-separated text"),
        (b"<!doctype html><title>Log in</title>", "is a web page or XML"),
        (PRETTY + b"\n" + PRETTY, "is pretty-printed JSON, each object over several lines"),
        (PRETTY.replace(b"\n", b"\r\n"), "is pretty-printed JSON"),
        (JOB + b",\n" + JOB + b",\n", "has lines that end in commas"),
        (repr(json.loads(JOB)).encode() + b"\n", "has lines in Python's own form"),
        (b"[" + JOB + b"]\n[" + JOB + b"]\n", "has a JSON list on each line"),
    ],
)
def test_a_fault_of_the_whole_file_is_one_line_that_says_what_to_do(data: bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        form(data)
    assert caught.value.message.startswith(f"jobs {said}")
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "first",
    [
        b"custom_id,model\n1,m",
        b"<p>",
        b"{",
        b'{"custom_id": "a",\n"url": "x",',
        JOB + b",",
        b"{'custom_id': 'a'}\n{'custom_id': 'b'}",
        b"[" + JOB + b"]",
    ],
)
def test_a_bad_line_before_a_good_one_is_a_fault_of_that_line_alone(first: bytes) -> None:
    assert form(first + b"\n" + JOB + b"\n") == "lines"


def test_a_slow_pipe_waits_for_nothing_but_its_first_line() -> None:
    deliveries = [JOB[:9], JOB[9:] + b"\n"]
    assert form_of(Source("-", read=lambda most: deliveries.pop(0))) == "lines"
    assert not deliveries
