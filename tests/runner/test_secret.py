"""The key in every spelling: what a service echoes never holds it in a form that can be read."""

import base64
import html
import json
import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import polars as pl
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from trio.testing import MockClock

from headrace.jobs import InputError
from headrace.runner import Secret
from headrace.runner.secret import Secrets, key_in
from tests.runner.conftest import KEY, Bench, Reply, Service, chat_line
from tests.runner.three_services import key_of, run_services, table

LONG = "sk-0123456789/abc+DEF=ghi"
PRINTABLE = string.ascii_letters + string.digits + string.punctuation

# How one character may be written, and what is said of them in this order: one reader each.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda c: c,
    "json": lambda c: f"\\u{ord(c):04x}",
    "JSON": lambda c: f"\\u{ord(c):04X}",
    "python": lambda c: f"\\x{ord(c):02x}",
    "url": lambda c: f"%{ord(c):02X}",
    "url, lower": lambda c: f"%{ord(c):02x}",
    "url twice": lambda c: f"%25{ord(c):02x}",
    "html": lambda c: f"&#{ord(c)};",
    "html, hex": lambda c: f"&#x{ord(c):x};",
    "html, padded": lambda c: f"&#000{ord(c)};",
    "html in json": lambda c: f"\\u0026#{ord(c)};",
    "url in json": lambda c: f"\\u0025{ord(c):02x}",
    "json in json": lambda c: f"\\\\u{ord(c):04x}",
    "json in url": lambda c: f"%5cu{ord(c):04x}",
}


def spelled(key: str, ways: list[str]) -> str:
    return "".join(SPELLINGS[way](each) for each, way in zip(key, ways * len(key), strict=False))


def undone(text: str) -> str:
    """What readers of the text see at last, by other means than the code's."""
    for _ in range(3):
        text = re.sub(r"\\u([0-9A-Fa-f]{4})", lambda code: chr(int(code[1], 16)), text)
        text = html.unescape(unquote(text))
    return text


@given(
    key=st.text(PRINTABLE.replace("\\", "").replace('"', ""), min_size=16, max_size=60),
    ways=st.lists(st.sampled_from([*SPELLINGS]), min_size=1, max_size=12),
)
@example(key=LONG, ways=["json"])
@example(key=LONG, ways=["as it is", "url"])
def test_a_key_is_found_whichever_of_its_characters_are_escaped(key: str, ways: list[str]) -> None:
    assume(undone(key) == key)  # one that is an escape itself may be undone once too often
    text = spelled(key, ways)
    assert Secret(key).redact(f"you sent <{text}>, and it is refused") == (
        "you sent <***>, and it is refused"
    )


@given(
    key=st.text(PRINTABLE, min_size=16, max_size=60),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
    slashes=st.booleans(),
)
@example(key='"%30000000000000', before="", after="", slashes=False)
def test_what_json_says_of_a_key_stays_json(
    key: str, before: str, after: str, slashes: bool
) -> None:
    text = json.dumps({"error": {"message": f"{before} {key} {after}"}, "n": [1, 2]})
    if slashes:
        text = text.replace("/", "\\/")
    redacted = json.loads(Secret(key).redact(text))
    assert "***" in redacted["error"]["message"]
    assert key not in redacted["error"]["message"]
    assert redacted["n"] == [1, 2]


def test_a_key_of_digits_leaves_numbers_where_it_was_one() -> None:
    key = Secret("123456789")
    echoed = '{"text": "123456789", "seed": 123456789, "exact": -0.123456789}'
    assert json.loads(key.redact_json(echoed)) == {"text": "1", "seed": 1, "exact": -0.1}
    assert json.loads(key.redact_json('{"text": "123456789"}')) == {"text": "***"}


@given(text=st.text('abc&#%;\\ux0123"/ é雨', max_size=80))
def test_what_holds_no_key_stays_as_it_is(text: str) -> None:
    assert Secret(LONG).redact(text) == text
    assert Secret(LONG).redact_bytes(text.encode()) == text.encode()


@given(cut=st.integers(0, len(LONG)))
def test_of_a_key_in_two_halves_one_is_taken_out(cut: int) -> None:
    secret = Secret(LONG)
    halves = secret.redact(f"<{LONG[:cut]}>"), secret.redact(f"<{LONG[cut:]}>")
    assert "<***>" in halves


@given(
    before=st.text(PRINTABLE, max_size=5),
    after=st.text(PRINTABLE, max_size=5),
    encode=st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]),
)
def test_base64_is_a_spelling_whatever_stands_beside_the_key(
    before: str, after: str, encode: Callable[[bytes], bytes]
) -> None:
    text = encode(f"{before}{LONG}{after}".encode()).decode()
    redacted = Secret(LONG).redact(f"Basic {text}")
    assert "***" in redacted
    assert len(redacted) < 30


def test_a_character_that_is_no_part_of_the_key_is_left_alone() -> None:
    text = r'{"a": "<b>é é &lt;&#60; 50%3D C:\\Users \/"}'
    assert Secret(LONG).redact(text) == text


def test_a_placeholder_is_not_a_secret() -> None:
    assert Secret("EMPTY").redact("EMPTY fields") == "EMPTY fields"


@pytest.mark.parametrize(
    "text", ["\\" * 300_000, "%25" * 100_000, "&#0" * 100_000, "&amp;" * 60_000]
)
def test_a_long_run_of_escapes_takes_no_longer_than_it_is(text: str) -> None:
    assert Secret(LONG).redact(text) == text  # (a square of its length would be an hour)


def everything_in(run: Path) -> str:
    """All that a run has written, Parquet read."""
    texts = []
    for path in sorted(run.rglob("*")):
        if path.suffix == ".parquet":
            texts.append(json.dumps(pl.read_parquet(path).to_dicts(), default=str))
        elif path.is_file():
            texts.append(path.read_bytes().decode("latin-1"))
    return "\n".join(texts)


@pytest.mark.parametrize("way", ["json", "url", "html in json"])
async def test_no_file_of_a_run_has_the_key_however_a_service_spells_it(
    bench: Bench, service: Service, autojump_clock: Any, way: str
) -> None:
    assert KEY in undone(f"<{spelled(KEY, [way])}>")

    def echo(status: int, words: str) -> Reply:
        return Reply(status, words.replace("KEY", spelled(KEY, [way])).encode())

    message = '{"message": {"role": "assistant", "content": "KEY"}, "finish_reason": "stop"}'
    bodies = {
        "answer": (200, '{"id": "KEY", "choices": [' + message + '], "usage": {"KEY": 1}}'),
        "error": (400, '{"error": {"code": "KEY", "message": "no KEY", "request_id": "KEY"}}'),
        "tier": (200, '{"service_tier": "KEY", "choices": [' + message + '], "usage": {"a": 1}}'),
        "page": (200, '{"id": "c", "content": "KEY", "broken'),
    }
    service.answer = lambda seen: echo(*bodies[seen.content])
    service.balance = lambda: echo(
        200, '{"currency": "CNY", "balance": 5, "api_key": {"id": "KEY", "name": "my KEY"}}'
    )
    bench.write(*(chat_line(name, name) for name in bodies))
    ran = await bench.run(service)
    written = everything_in(ran.directory)
    assert KEY not in undone(written)
    assert "***" in written


# -- several services, each of which echoes the keys of all

NAMES = "abc"
AUTHS = ("bearer", "x-api-key", "api-key")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
MESSAGE = '{"message": {"role": "assistant", "content": "KEYS"}, "finish_reason": "KEYS"}'
TOOL = '{"id": "KEYS", "type": "function", "function": {"name": "f", "arguments": "KEYS"}}'
# What is answered to a job of this text: the status, the body, and a header.
SAID: dict[str, tuple[int, str, tuple[str, str]]] = {
    "answer": (200, f'{{"id": "KEYS", "choices": [{MESSAGE}]}}', ("x-request-id", "KEYS")),
    "tool": (200, f'{{"choices": [{{"message": {{"tool_calls": [{TOOL}]}}}}]}}', ("x-a", "KEYS")),
    "tier": (200, f'{{"service_tier": "KEYS", "choices": [{MESSAGE}]}}', ("x-a", "KEYS")),
    "error": (400, '{"error": {"code": "KEYS", "message": "KEYS"}}', ("x-request-id", "KEYS")),
    "page": (503, "no KEYS", ("content-type", "text/KEYS")),
    "moved": (302, "", ("location", "http://b.test/KEYS")),
    "packed": (200, "KEYS", ("content-encoding", "KEYS")),
    "broken": (200, '{"id": "c", "content": "KEYS", "broken', ("x-a", "KEYS")),
}
LINKS = (
    '{"data": [{"url": "http://NAME.test/1.png", "revised_prompt": "KEYS"}, '
    '{"url": "http://NAME.test/2.png"}, {"url": "https://KEYS.test/3.png"}, '
    '{"url": "http://b.test/4.png"}]}'
)


class Echo:
    """What a service says where it tells the keys of all services in this spelling."""

    def __init__(self, service: Service, name: str, way: str) -> None:
        self._service = service
        self._name = name
        self._keys = "+".join(spelled(key_of(each), [way]) for each in NAMES)
        service.answer = self.answer
        service.balance = self.get

    def _reply(self, status: int, body: str, header: tuple[str, str]) -> Reply:
        name, value = header
        text = body.replace("KEYS", self._keys).replace("NAME", self._name)
        return Reply(status, text.encode(), ((name, value.replace("KEYS", self._keys)),))

    def answer(self, seen: Any) -> Reply:
        if "images" in seen.path:
            return self._reply(200, LINKS, ("x-a", "KEYS"))
        return self._reply(*SAID[seen.content])

    def get(self) -> Reply:
        path = self._service.gets[-1].path
        if path == "/1.png":
            plain = " ".join(map(key_of, NAMES)).encode()
            return Reply(200, PNG + plain, (("content-type", "image/png"),))
        if path == "/2.png":
            return self._reply(200, "KEYS", ("content-type", "text/KEYS"))
        key = '{"id": "KEYS", "name": "my KEYS"}'
        body = f'{{"currency": "CNY", "balance": 5, "api_key": {key}}}'
        return self._reply(200, body, ("x-a", "KEYS"))


@pytest.mark.slow
@pytest.mark.usefixtures("no_sync")
@pytest.mark.parametrize("way", ["as it is", "json", "url", "html in json"])
async def test_no_file_of_a_run_has_the_key_of_any_service_whichever_says_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock, way: str
) -> None:
    services = {name: Service() for name in NAMES}
    for name, service in services.items():
        Echo(service, name, way)
    lines = []
    for name in NAMES:
        lines += [chat_line(f"{name}-{text}", text, model=name) for text in SAID]
        body = {"model": name, "prompt": "cat", "n": 4}
        line = {"custom_id": f"{name}-image", "url": "/v1/images/generations", "body": body}
        lines.append(json.dumps(line).encode())
    bench.write(*lines)
    announced: list[str] = []

    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no connection to {request.url}")

    ran = await run_services(
        bench,
        services,
        *(table(n, n, auth=auth) for n, auth in zip(NAMES, AUTHS, strict=True)),
        monkeypatch=monkeypatch,
        attempts=2,
        download=True,
        environment={
            "announce": announced.append,
            "foreign": httpx.MockTransport(unreachable),
        },
    )
    assert ran.outcome.succeeded + ran.outcome.failed == len(lines)
    written = undone(f"{everything_in(ran.directory)} {announced} {ran.outcome}")
    assert [name for name in NAMES if key_of(name) in written] == []
    assert written.count("***") > 100
    assert len([*(ran.directory / "images").iterdir()]) == 3
    for name, service in services.items():
        seen = [*service.posts, *service.gets]
        told = {value for each in seen for value in each.headers.values()}
        assert [each for each in NAMES if any(key_of(each) in value for value in told)] == [name]


@given(st.lists(st.text("abc", min_size=6, max_size=20), min_size=2, max_size=4))
def test_keys_that_hold_others_are_taken_out_whole(keys: list[str]) -> None:
    hidden = Secrets(map(Secret, keys))
    text = "-".join(keys)
    assert not {*"abc"} & {*hidden.redact(text)}
    assert not {*b"abc"} & {*hidden.redact_bytes(text.encode())}
    assert not {*b"abc"} & {*hidden.blot_out(text.encode())}


def test_what_is_asked_of_one_key_is_asked_of_each() -> None:
    short, longer, digits = "sk-a-key-of-one", "sk-a-key-of-one-and-of-another", "9876543210123456"
    keys = Secrets(map(Secret, (short, longer, digits)))
    assert keys.redact(f"{longer} {short}") == "*** ***"
    assert keys.redact_json(f'{{"{short}": {digits}}}') == '{"***": 1}'
    for each in (short, longer, digits):
        assert keys.may_be_in(f"x {each}")
        encoded = base64.b64encode(each.encode()).decode()
        assert each not in keys.redact(each, spelled=False)
        assert keys.redact(encoded, spelled=False) == encoded != keys.redact(encoded)
    assert not keys.may_be_in("sk-")


def test_a_key_is_taken_without_the_blanks_around_it_and_no_other_is() -> None:
    assert key_in("KEY", {"KEY": " sk-x1\n"}).reveal() == "sk-x1"
    for odd in ("sk x1", "sk-\u00e9", "sk-\x7f1", "a\nb"):
        with pytest.raises(InputError, match="KEY holds characters that no key has"):
            key_in("KEY", {"KEY": odd})
    with pytest.raises(InputError, match="no key: set KEY"):
        key_in("KEY", {"KEY": " "})
