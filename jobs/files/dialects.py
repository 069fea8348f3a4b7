"""Parsing one line of a job file, in any of the dialects, into a job or a reject.

{"custom_id", "method", "url", "body", ...}    OpenAI batch; the canonical form
{"custom_id", "params"}                        Anthropic batch -> /v1/messages
{"model", "messages", ...}                     bare body -> chat; custom_id "line-<n>"
{"requests": [...]}                            a whole file: a document of the first two
[{...}, {...}]                                 likewise, of the first three
"""

import json
import re
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ..costs import SEARCHING_FIELDS, estimate_body_tokens, field_that_searches
from ..endpoints import ENDPOINTS, TOKEN_URLS
from ..errors import InputError
from ..job import NO_MODEL, Job, Reject
from ..other_endpoints import NO_OTHERS, OtherEndpoints, is_path
from .encoding import BOM
from .source import MIB, TOO_LONG
from .stream_options import with_usage_requested

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
KNOWN_URLS = ", ".join(ENDPOINTS)
ASK_FOR_OTHERS = "or give --any-endpoint"
# Of embeddings (vLLM): the numbers as they are in memory, without the JSON around them.
BYTES_FORMATS = ("bytes", "bytes_only")
# More than anybody needs; it keeps every sum of tokens within 64 bits.
LARGEST_LIMIT_TOKENS = 2**53
LIST = ord("[")  # the first byte of a JSON list

# The type of a line that is not an object, by its first byte.
_JSON_TYPES = {
    b"[": "a list",
    b'"': "a string",
    b"t": "true",
    b"f": "false",
    b"n": "null",
    **{b"%c" % digit: "a number" for digit in b"-0123456789"},
}
# Copied for each body, which costs less than a new hasher.
_NO_BODY = blake2b(digest_size=16)
HALF_PAIR = "not JSON: a \\ud800 to \\udfff escape without its other half"
_BYTES_IN_A_ROW = re.compile(rb"[\x80-\xff]{2}")
_UTF16_HALF = re.compile(rb"\xed[\xa0-\xbf]")
_ESCAPE_FAULTS = ("surrogate", "hex escape")
USERINFO = re.compile(r"(?<=//)[^/@\s]*@")
_CONSTANT = re.compile(rb"[^A-Za-z]?(NaN|-?Infinity)\b")
_AT_BYTE = re.compile(r"(?P<what>.*) \(byte (?P<byte>\d+)\)")


class _LineFields(msgspec.Struct, gc=False):
    """The keys of a line that tell the dialects apart. Their values are not parsed here (Raw), or
    are checked where they are used (Any)."""

    custom_id: Any = UNSET
    method: Any = UNSET
    url: Any = UNSET
    body: Raw | UnsetType = UNSET
    params: Raw | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET
    expected: Raw | UnsetType = UNSET
    model: Raw | UnsetType = UNSET
    messages: Raw | UnsetType = UNSET
    requests: Raw | UnsetType = UNSET


class _BodyFields(msgspec.Struct, gc=False):
    """The fields of a body that decide how it is sent and what is reserved for it."""

    model: Any = UNSET
    messages: Raw | UnsetType = UNSET
    prompt: Raw | UnsetType = UNSET
    stream: Any = None
    stream_options: Raw | UnsetType = UNSET
    max_tokens: Any = UNSET
    max_completion_tokens: Any = UNSET
    n: Any = None
    size: Any = None
    # By which a service may search the web.
    tools: Any = UNSET
    plugins: Any = UNSET
    web_search_options: Any = UNSET
    search_parameters: Any = UNSET
    enable_search: Any = UNSET
    enable_web_search: Any = UNSET
    search_options: Any = UNSET
    web_search: Any = UNSET


class _MoreFields(_BodyFields, gc=False):
    """The same of endpoints beyond the reference: each field makes all bodies slower to read."""

    max_output_tokens: Any = UNSET
    input: Raw | UnsetType = UNSET
    query: Raw | UnsetType = UNSET
    documents: Raw | UnsetType = UNSET
    prompt_embeds: Raw | UnsetType = UNSET
    encoding_format: Any = UNSET


class _Document(msgspec.Struct):
    requests: list[Raw]


_decode_line = msgspec.json.Decoder(_LineFields).decode
_decode_body = msgspec.json.Decoder(_BodyFields).decode
_decode_more = msgspec.json.Decoder(_MoreFields).decode
_decode_document = msgspec.json.Decoder(_Document).decode
_decode_array = msgspec.json.Decoder(list[Raw]).decode


# What an endpoint's bodies are held to: the fields that they must have, and those that limit the
# output; whether they must have others than model and messages; whether it is in the reference,
# makes images, bills tokens, takes `n`, is asked for its usage, and may search the web as a tool.
# Plain tuples: a line is taken apart millions of times.
_Rules = tuple[tuple[str, ...], tuple[str, ...], bool, bool, bool, bool, bool, bool, bool]


def _rules_of(url: str) -> _Rules:
    endpoint = ENDPOINTS[url]
    return (
        endpoint.required,
        endpoint.limits,
        not {*endpoint.required} <= {"model", "messages"},
        endpoint.in_reference,
        endpoint.price == "images",
        url in TOKEN_URLS,
        endpoint.has_n,
        endpoint.asks_usage,
        endpoint.kind == "chat",
    )


_RULES = {url: _rules_of(url) for url in ENDPOINTS}


class BadLineError(Exception):
    """Why a line is not a job. Of the public functions, only `build_job` raises it."""


def parse_line(line: bytes, number: int, others: OtherEndpoints = NO_OTHERS) -> Job | Reject:
    """The job that a line holds, or the reject that says why it is not a job.

    The body is kept byte for byte, except that `stream_options.include_usage` is added to chat
    streams that do not set it.

    Args:
        line: without its line feed.
        number: from 1, of the line in the file or of the request in a document.
        others: the paths that are taken besides ENDPOINTS.
    """
    fields: _LineFields | None = None
    try:
        fields = _decoded(line)
        return _job(fields, line, number, others)
    except BadLineError as error:
        custom_id = fields.custom_id if fields is not None else None
        return make_reject(
            line, number, str(error), custom_id if isinstance(custom_id, str) else None
        )


def make_reject(line: bytes, number: int, reason: str, custom_id: str | None) -> Reject:
    """The record of a line that is not a job, with its text."""
    text = line.decode("utf-8", "backslashreplace").rstrip("\r")
    return Reject(line=number, reason=reason, text=text, custom_id=custom_id)


def document_lines(data: bytes, name: str, *, array: bool) -> Iterator[list[bytes]]:
    """The requests of a document as lines, in order, about a MiB at a time.

    Args:
        data: a `{"requests": [...]}` document, or a list of lines.
        name: of the file, for messages.
        array: whether it is the list.

    Raises:
        InputError: the document as a whole can't be parsed, and so it has no lines.
    """
    data = data.lstrip(BOM)  # its bytes are no JSON, whatever their number
    try:
        _check_utf8(data)
        requests = _decode_array(data) if array else _decode_document(data).requests
    except (BadLineError, msgspec.DecodeError, RecursionError) as error:
        reason = str(error) if isinstance(error, BadLineError) else not_json_words(data, error)
        what = "JSON array of jobs" if array else '{"requests": [...]} document'
        raise InputError(f"{name} is not a {what}: {reason}") from error
    lines: list[bytes] = []
    size_bytes = 0
    for request in requests:
        lines.append(bytes(request))
        size_bytes += len(lines[-1])
        if size_bytes >= MIB:
            yield lines
            lines, size_bytes = [], 0
    if lines:
        yield lines


def _decoded(line: bytes) -> _LineFields:
    _check_utf8(line)
    try:
        return _decode_line(line)
    except (msgspec.DecodeError, RecursionError) as error:
        if line.endswith(TOO_LONG):
            raise BadLineError("the line is longer than 64 MiB; split the job") from error
        raise BadLineError(not_json_words(line, error)) from error


def _check_utf8(data: bytes) -> None:
    # The decoder validates only strings that it keeps, so this is checked first.
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            if _UTF16_HALF.match(data, error.start):
                raise BadLineError(
                    f"half of a surrogate pair at byte {error.start + 1}; write the whole character"
                ) from error
            raise BadLineError(
                f"not UTF-8 from byte {error.start + 1} on{_likely(data)}; save the file as UTF-8"
            ) from error


def _likely(data: bytes) -> str:
    """What a line that is not UTF-8 is likely stored in. Letters of western Europe stand alone
    among ASCII; of other scripts two bytes or more follow one another."""
    if _BYTES_IN_A_ROW.search(data):
        return ", but in another encoding (GB18030, Shift_JIS or the like)"
    return ", but in Latin-1 or Windows-1252, as `iconv -f WINDOWS-1252 -t UTF-8` reads it"


def not_json_words(data: bytes, error: Exception) -> str:
    """Why a line can't be decoded, and what to do.

    Args:
        data: the line.
        error: what msgspec raised for it.
    """
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, msgspec.ValidationError):
        json_type = _JSON_TYPES.get(data.lstrip()[:1])
        if json_type is not None:
            return f"not a JSON object but {json_type}; write one object per line"
        return f"unexpected JSON: {error}"
    place = _AT_BYTE.search(str(error))
    if place is None or any(word in place["what"] for word in _ESCAPE_FAULTS):
        # The decoder also says "truncated" of an escape for half of a surrogate pair.
        try:
            json.loads(data)
        except (ValueError, RecursionError):
            if place is None:
                return f"not JSON: unexpected end at {_position(data, len(data))}"
        else:
            return HALF_PAIR
    what, offset_bytes = place["what"].removeprefix("JSON is malformed: "), int(place["byte"])
    if what == "trailing characters":
        offset_bytes -= 1  # the decoder is past the first of them
    where = _position(data, offset_bytes)
    if constant := _CONSTANT.match(data, max(0, offset_bytes - len(b"-"))):
        return f"not JSON: {constant[1].decode()} at {where}; write null, or leave the key out"
    if not data.strip(b"\0"):
        return "nothing but zero bytes, as after a crash of the machine; take the line out"
    if data.lstrip().startswith((b"{'", b"{ '")):
        return "Python's own form, with single quotes; write the line with json.dumps"
    return f"not JSON: {what} at {where}"


def _position(data: bytes, offset_bytes: int) -> str:
    before = data[:offset_bytes].decode("utf-8", "replace")
    line = before.count("\n")
    column = len(before) - before.rfind("\n")
    return f"line {line + 1}, column {column}" if b"\n" in data else f"column {column}"


def _job(fields: _LineFields, line: bytes, number: int, others: OtherEndpoints) -> Job:
    raw: Raw
    if fields.body is not UNSET:
        raw, url = fields.body, fields.url
        # (Here and below: the decoder gives no subclasses, and isinstance() takes longer.)
        if type(url) is not str or (url not in ENDPOINTS and not others.take(url)):
            raise BadLineError(_wrong_url(url))
    elif fields.params is not UNSET:
        raw, url = fields.params, MESSAGES
    elif fields.messages is not UNSET:
        return build_job(line.strip(), url=CHAT, custom_id=f"line-{number}", number=number)
    elif fields.requests is not UNSET:
        raise BadLineError(
            'a {"requests": [...]} document must be alone in its file, with "requests" first'
        )
    elif fields.model is not UNSET:
        raise BadLineError(
            'no messages; add them, or write {"custom_id": ..., "url": ..., "body": {...}}'
        )
    else:
        raise BadLineError('no body; write {"custom_id": ..., "url": ..., "body": {...}}')
    custom_id = fields.custom_id
    if custom_id is UNSET or custom_id is None:
        raise BadLineError("no custom_id; give each line one of its own")
    if type(custom_id) is not str:
        raise BadLineError("custom_id is not a string; put it in quotes")
    if not custom_id:
        raise BadLineError("custom_id is empty; give each line one of its own")
    if fields.method != "POST" and fields.method is not UNSET:
        raise BadLineError(f'method is {_as_json(fields.method)}; write "POST" or leave it out')
    metadata, expected = fields.metadata, fields.expected
    return build_job(
        bytes(raw),
        url=url,
        custom_id=custom_id,
        number=number,
        metadata=None if metadata is UNSET else bytes(metadata).decode(),
        expected=None if expected is UNSET else bytes(expected).decode(),
    )


def build_job(
    body: bytes,
    *,
    url: str,
    custom_id: str,
    number: int,
    metadata: str | None = None,
    expected: str | None = None,
) -> Job:
    """The job that sends `body`.

    Args:
        body: a JSON object in UTF-8.
        url: one of ENDPOINTS, or another path.
        custom_id: the job's id.
        number: from 1, of the line in its file.
        metadata: JSON text, or None.
        expected: JSON text, or None.

    Raises:
        BadLineError: where the body is not one that `url` takes.
    """
    if not body.startswith(b"{"):
        if body.startswith(b'"{'):
            raise BadLineError("the body is JSON in a string; write the object itself")
        raise BadLineError('the body is not a JSON object; write {"model": ..., ...}')
    rules = _RULES[url] if url in _RULES else _rules_of(url)
    required, limits, needs_more, plain, images, counts_tokens, has_n, asks_usage, searches = rules
    try:
        known = _decode_body(body) if plain else _decode_more(body)
    except msgspec.ValidationError as error:
        raise BadLineError(f"the body can't be sent: {error}") from error
    model, stream, messages = known.model, known.stream, known.messages
    if needs_more or model is UNSET or messages is UNSET:
        for name in required:
            if getattr(known, name) is UNSET and not _stands_instead(known, name, url):
                raise BadLineError(f"the body has no {name}, which {url} needs")
    if model is UNSET:  # only where the endpoint needs none
        model = NO_MODEL
    elif type(model) is not str or not model:
        raise BadLineError(f"model is {_as_json(model)}; write a model's name in quotes")
    if stream is not None and type(stream) is not bool:
        raise BadLineError(f"stream is {_as_json(stream)}; write true or false")
    if messages is not UNSET and limits and memoryview(messages)[0] != LIST:
        raise BadLineError('messages is not a list; write [{"role": "user", "content": ...}]')
    estimate_tokens = estimate_body_tokens(body) if counts_tokens else 0
    if stream and asks_usage:
        options = known.stream_options
        body = with_usage_requested(body, None if options is UNSET else bytes(options))
    hasher = _NO_BODY.copy()
    hasher.update(body)
    count = 1 if known.n is None else _positive_integer(known.n) or 1
    answers = count if has_n else 1
    if isinstance(known, _MoreFields):
        if (form := known.encoding_format) in BYTES_FORMATS and url in ENDPOINTS:
            raise BadLineError(
                f"encoding_format is {_as_json(form)}, whose answers are not JSON; "
                'write "base64" or "float"'
            )
        answers *= _inputs(known, url)
    return Job(
        index=number - 1,
        custom_id=custom_id,
        url=url,
        model=model,
        stream=stream is True,
        body=body,
        body_digest=hasher.hexdigest(),
        input_estimate_tokens=estimate_tokens,
        output_limit_tokens=_limit(known, limits, answers) if limits else None if images else 0,
        answers=answers,
        image_size=known.size if images and type(known.size) is str else None,
        images=count if images else 0,
        web_search=_web_search(known) if searches else None,
        metadata=metadata,
        expected=expected,
    )


def _web_search(known: _BodyFields) -> str | None:
    """The field by which a chat body lets the service search the web; None where it has none."""
    if (
        known.tools
        is known.plugins
        is known.web_search_options
        is known.search_parameters
        is known.enable_search
        is known.enable_web_search
        is known.search_options
        is known.web_search
        is UNSET
    ):
        return None
    given = {name: getattr(known, name) for name in SEARCHING_FIELDS}
    return field_that_searches({name: each for name, each in given.items() if each is not UNSET})


def _limit(known: _BodyFields, limits: tuple[str, ...], answers: int) -> int | None:
    """The output limit of a body, in tokens, of all its answers together."""
    tokens = _positive_integer(getattr(known, limits[0]))
    if len(limits) > 1 and (other := getattr(known, limits[1])) is not UNSET:
        tokens = max(tokens, _positive_integer(other))
    tokens *= answers
    # (A comparison is faster than min(), and this runs for every line.)
    return (tokens if tokens < LARGEST_LIMIT_TOKENS else LARGEST_LIMIT_TOKENS) or None


def _stands_instead(known: _BodyFields, name: str, url: str) -> bool:
    """Whether a required field that is missing has another one in its place."""
    others = ENDPOINTS[url].instead.get(name, ())
    return any(getattr(known, other) is not UNSET for other in others)


def _inputs(known: _MoreFields, url: str) -> int:
    """How many prompts or texts a body beyond the reference has that are answered each."""
    endpoint = ENDPOINTS[url]
    if endpoint.has_n and known.prompt is not UNSET:
        return _texts_in(known.prompt)
    if endpoint.success == "vectors" and known.input is not UNSET:
        return _texts_in(known.input)
    if endpoint.kind == "moderations" and known.input is not UNSET:
        return _texts_in(known.input, each=b'"')  # parts of one input are judged together
    return 1


def _texts_in(prompt: Raw, *, each: bytes = b'"[{') -> int:
    """How many prompts or inputs a body has: a text is one, and so is a list of tokens. `each` is
    how one of a list begins."""
    if memoryview(prompt)[0] != LIST:
        return 1
    prompts = _decode_array(prompt)
    return len(prompts) if prompts and memoryview(prompts[0])[0] in each else 1


def _positive_integer(value: Any) -> int:
    """A positive integer, also where it is written as 16.0. Anything else is 0, and left for the
    server to judge."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and value > 0 else 0


def _as_json(value: Any) -> str:
    text = "missing" if value is UNSET else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _wrong_url(url: Any) -> str:
    """What is wrong with a url that is not one of ENDPOINTS."""
    if url is UNSET:
        return f"no url; write one of {KNOWN_URLS}"
    if not isinstance(url, str):
        return f"url is {_as_json(url)}; write one of {KNOWN_URLS}"
    url = USERINFO.sub("***@", url)
    path, mark, _ = (urlsplit(url).path if "//" in url else url).partition("?")
    path = path.rstrip("/")
    for known in ENDPOINTS:
        if ("/" + path.lstrip("/")).endswith(known.removeprefix("/v1")):
            other = ""
            if mark:
                other = ", and give what stands around it to --base-url"
            elif is_path(url) and not url.endswith("/"):
                other = f", {ASK_FOR_OTHERS} to send it as it is"
            return f"url is {_as_json(url)}; write {_as_json(known)}{other}"
    if not is_path(url):
        if is_path(path):
            more = "which is more than a path; with --any-endpoint it may be"
            return f"unknown url {_as_json(url)}, {more} {_as_json(path)}"
        return f"unknown url {_as_json(url)}; write one of {KNOWN_URLS}"
    return f"unknown url {_as_json(url)}; write one of {KNOWN_URLS}, {ASK_FOR_OTHERS}"
