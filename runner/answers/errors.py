"""What is shaped like an error: its code, its words and the status that it means.

The reference and OpenAI put it under `error`, Anthropic beside `"type": "error"`, vLLM beside
`"object": "error"`, Google in a list with `status` as the word, FastAPI under `detail`, and many
gateways at the top (`{"code", "message"}`).
"""

import html
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .json_text import NotJSONError, decode, whole_characters

# Of an error's message. Whoever shows one takes the key out before it is cut to its final length.
MESSAGE_CHARACTERS_READ = 20_000
CODE_CHARACTERS_MAX = 200
# Where bodies say how long to wait: in seconds, or in milliseconds.
DELAYS = (
    *("retry_after", "retryAfter", "retry_after_s", "retry_after_seconds", "retryAfterSeconds"),
    *("retryDelay", "retry_delay", "retry-after"),
)
DELAYS_MS = ("retry_after_ms", "retryAfterMs")
DELAY_CHARACTERS_MAX = 100
LONGEST_DELAY = 1e15  # an epoch in milliseconds is less
HEADERS_MAX = 50
_IS_HEADER = re.compile(r"[ -~]{1,200}")
NO_CODES = ("none", "error", "about:blank")  # and a problem's address (RFC 9457)
# Codes that say that nothing is wrong.
NO_FAILURE = frozenset({"0", "200", "ok", "success", "none"})
# Fields of an answer: what has one of them, with something in it, is not merely an error.
ANSWER_FIELDS = (
    "choices",
    "content",
    "data",
    "output",
    "results",
    "embedding",
    "embeddings",
    "vectors",
)
# The status that a word means, where an answer of 200 names no number. Of each word its letters
# alone, without `error` or `exception` at its end.
STATUSES = {
    **dict.fromkeys(("authentication", "unauthorized", "invalidapikey", "incorrectapikey"), 401),
    **dict.fromkeys(("invalidauthentication", "unrecognizedclient"), 401),
    **dict.fromkeys(("insufficientquota", "billing", "insufficientbalance"), 402),
    **dict.fromkeys(("insufficientcredits", "paymentrequired"), 402),
    **dict.fromkeys(("permission", "permissiondenied", "forbidden", "accessdenied"), 403),
    **dict.fromkeys(("notfound", "modelnotfound", "resourcenotfound"), 404),
    **dict.fromkeys(("requesttoolarge", "payloadtoolarge"), 413),
    **dict.fromkeys(("invalidrequest", "invalidargument", "invalidparams", "badrequest"), 400),
    **dict.fromkeys(("contextlengthexceeded", "contextwindowexceeded", "validation"), 400),
    # Of responses (OpenAI): what is wrong with a prompt, and with its images.
    **dict.fromkeys(("invalidprompt", "invalidimage", "invalidimageformat"), 400),
    **dict.fromkeys(("invalidbaseimage", "invalidimageurl", "invalidimagemode"), 400),
    **dict.fromkeys(("imagetoolarge", "imagetoosmall", "imagefiletoolarge"), 400),
    **dict.fromkeys(("imageparse", "imagefilenotfound", "emptyimagefile"), 400),
    **dict.fromkeys(("unsupportedimagemediatype", "imagecontentpolicyviolation"), 400),
    **dict.fromkeys(("contentpolicyviolation", "contentfilter"), 400),
    **dict.fromkeys(("ratelimit", "ratelimited", "ratelimitexceeded", "toomanyrequests"), 429),
    **dict.fromkeys(("resourceexhausted", "throttling", "throttled"), 429),
    **dict.fromkeys(("server", "api", "internal", "internalserver"), 500),
    **dict.fromkeys(("upstream", "badgateway"), 502),
    **dict.fromkeys(("unavailable", "serviceunavailable", "engineoverloaded"), 503),
    **dict.fromkeys(("gatewaytimeout", "timeout", "deadlineexceeded", "modeltimeout"), 504),
    "overloaded": 529,
}
# The first event of a stream that was a failure from the start.
_EVENT = re.compile(rb"\s*(?:(?:event|id|retry)?:[^\r\n]*[\r\n]+)*data:[ \t]*([{\[][^\r\n]*)")
_NOT_LETTERS = re.compile(r"[^a-z]+")
# Where an error has its words; and where else, which says nothing of a body that may be an answer.
NAMES = ("message", "msg", "detail", "error_message", "error_msg")
OTHER_NAMES = (
    *("message", "msg", "Message", "errorMessage", "errmsg", "faultstring"),
    *NAMES[2:],
    *("error_description", "description", "reason", "title", "fault", "Error", "err"),
)
_PAGE = re.compile(r"\s*<[!?]?[a-z][\w:.-]*[\s>/]", re.IGNORECASE)
_LOWER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


NO_HEADERS: Mapping[str, str] = {}


class ErrorBody(NamedTuple):
    """The code, message and request id of an error, each None where it has none.

    `status` is the HTTP status that it means, by its own number or word, and `retry_delay` how long
    it says to wait, as it is written ("34.07s"). `headers` are those of the service behind, by
    their names in lower case, where a proxy repeats them.
    """

    code: str | None
    message: str | None
    request_id: str | None
    status: int | None = None
    retry_delay: str | None = None
    headers: Mapping[str, str] = NO_HEADERS


def read_error(data: bytes) -> ErrorBody:
    """The error in the body of an answer that is one by its status: its JSON, else its words."""
    try:
        body, _ = decode(data)
    except NotJSONError:
        if (event := _EVENT.match(data, 0, MESSAGE_CHARACTERS_READ)) is not None:
            return read_error(event[1])
        return ErrorBody(None, _words_of(data.decode("utf-8", "replace")), None)
    if isinstance(body, str):
        return ErrorBody(None, _folded(body), None)
    found = error_of(body) or _error_at_top(body, OTHER_NAMES)
    return found or ErrorBody(None, _folded(data.decode("utf-8", "replace")), None)


def error_of(body: Any, *, named: bool = False) -> ErrorBody | None:
    """The error that a JSON body is, or holds; None where it is none.

    `named` is set where the event that bore it was itself called an error.
    """
    if isinstance(body, list) and body:
        return error_of(body[0], named=named)
    if not isinstance(body, Mapping):
        return ErrorBody(None, _folded(str(body)), None) if named else None
    error = body.get("error") or body.get("errors") or _failed_response(body)
    if error and not (error is True and "message" not in body):
        return _error_in(error, body)
    kind = body.get("object"), body.get("type")
    if named or any(map(says_error, kind)):
        return _error_at_top(body) or ErrorBody(None, None, _word(body.get("request_id")))
    if any(body.get(name) for name in ANSWER_FIELDS) or body.get("usage"):
        return None
    if "choices" in body or isinstance(kind[1], str):  # an empty answer, or an event of a stream
        return None
    return _error_at_top(body)


def _failed_response(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """MiniMax's, which stands beside every answer, with a code of 0."""
    told = body.get("base_resp")
    if not isinstance(told, Mapping) or not told.get("status_code"):
        return None
    return {"code": told["status_code"], "message": told.get("status_msg")}


def error_of_event(data: Any, name: str) -> ErrorBody | None:
    """The error that an event of a stream is, or holds; None where it is none.

    An event of another name is progress of some kind, and one without a name needs more than words
    to be an error: many services tell how far they are.
    """
    named = says_error(name)
    if isinstance(data, Mapping) and not named and not data.get("error"):
        said_so = any(map(says_error, (data.get("object"), data.get("type"))))
        if not said_so and (name != "message" or not _tells_failure(data)):
            return None
    return error_of(data, named=named)


def _tells_failure(data: Mapping[str, Any]) -> bool:
    """Whether an event without an `error` has what only errors have beside their words."""
    if "detail" in data or data.get("errors") or _failed_response(data) is not None:
        return True
    if (_status(data, None) or 0) >= 400:
        return True
    codes = (data.get("code"), data.get("error_code"))
    return any(code and str(code).lower() not in NO_FAILURE for code in codes)


def says_error(kind: object) -> bool:
    """Whether an `object`, a `type` or the name of an event is that of an error: `error`,
    `server_error`, `InternalServerError`, `ThrottlingException`."""
    return isinstance(kind, str) and kind.lower().endswith(("error", "exception"))


def _error_in(error: Any, body: Mapping[str, Any]) -> ErrorBody:
    request_id = _word(body.get("request_id"))
    if isinstance(error, list) and error:
        error = error[0]
    if not isinstance(error, Mapping):
        said = _folded(str(error)) if error is not True else None
        code, message = _code(body, ("code", "type")), _message(body, NAMES)
        if message is not None and said is not None and code is None and " " not in said:
            code = said[:CODE_CHARACTERS_MAX]  # a word, with the words beside it
        return ErrorBody(code, message or said, request_id, _status(body, code or said))
    code = _code(error, ("code", "status", "type"))
    message = _message(error)
    if message is None and code is None:
        message = _folded(str(dict(error)))
    inner = error.get("metadata")
    if message and isinstance(inner, Mapping) and isinstance(raw := inner.get("raw"), str):
        said = read_error(raw.encode("utf-8", "replace")).message  # OpenRouter's, of its provider
        message = _folded(f"{message}: {said}") if said else message
    return ErrorBody(
        code,
        message,
        _word(error.get("request_id")) or request_id,
        _status(error, code) or _status(body, None),
        _retry_delay(error) or _retry_delay(body),
        _headers_in(error),
    )


def _error_at_top(body: Any, words: tuple[str, ...] = NAMES) -> ErrorBody | None:
    """The error that a body is itself; None where it has no words for one."""
    if not isinstance(body, Mapping):
        return None
    message = _message(body, words)
    if message is None:
        return None
    names = ("code", "status", "error_code", "type", "__type", "Code", "errorCode")
    code = _code({k: v for k, v in body.items() if v != "error"}, names)
    request_id, delay = _word(body.get("request_id")), _retry_delay(body)
    return ErrorBody(code, message, request_id, _status(body, code), delay)


def _message(error: Mapping[str, Any], names: tuple[str, ...] = OTHER_NAMES) -> str | None:
    for name in names:
        value = error.get(name)
        if isinstance(value, str) and value.strip():
            return _folded(value)
        if isinstance(value, list) and value:  # FastAPI's, one for each fault
            return _folded("; ".join(_fault(each) for each in value[:5]))
        if isinstance(value, Mapping) and value and "role" not in value:
            return _message(value) or _folded(str(dict(value)))
    return None


def _fault(each: Any) -> str:
    if not isinstance(each, Mapping):
        return str(each)
    where = each.get("loc")
    place = ".".join(map(str, where)) if isinstance(where, list) else ""
    said = str(each.get("msg", each))
    return f"{place}: {said}" if place else said


def _code(error: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """Its word, else its number: OpenAI's code may be null or a number, with the word in `type`."""
    values = [error.get(name) for name in names]
    words = [v.strip() for v in values if isinstance(v, str) and not v.strip().isdecimal()]
    words = [word for word in words if word and word.lower() not in NO_CODES and "://" not in word]
    if words:
        return str(whole_characters(words[0][:CODE_CHARACTERS_MAX]))
    return next((str(v)[:CODE_CHARACTERS_MAX] for v in values if _number(v) is not None), None)


def _status(error: Mapping[str, Any], code: str | None) -> int | None:
    """The HTTP status that an error means, by its number, else by its word."""
    for name in ("status", "status_code", "statusCode", "code", "http_status"):
        number = _number(error.get(name))
        if number is not None and 400 <= number < 600:
            return number
    for word in (code, _word(error.get("type")), _word(error.get("code"))):
        if word is not None and (status := _status_of_word(word)) is not None:
            return status
    return None


def _status_of_word(word: str) -> int | None:
    letters = _NOT_LETTERS.sub("", word.lower())
    for ending in ("error", "exception"):
        letters = letters.removesuffix(ending)
    return STATUSES.get(letters)


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 7:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _retry_delay(error: Mapping[str, Any]) -> str | None:
    """How long it says to wait, beside the words or among the details, as Google's RetryInfo."""
    details = error.get("details")
    inner = (error.get("metadata"), error.get("detail"), details)
    for each in (error, *inner, *(details if isinstance(details, list) else ())):
        if isinstance(each, Mapping) and (delay := _delay_in(each)) is not None:
            return delay
    return None


def _delay_in(told: Mapping[str, Any]) -> str | None:
    for names, unit in ((DELAYS, ""), (DELAYS_MS, "ms")):
        for name in names:
            value = told.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                if 0 <= value < LONGEST_DELAY:
                    return f"{value:f}{unit}"
            elif isinstance(value, str) and value.strip():
                return value.strip()[:DELAY_CHARACTERS_MAX] + unit
    return None


def _headers_in(error: Mapping[str, Any]) -> Mapping[str, str]:
    """OpenRouter's, of its own limits and of its provider's."""
    metadata = error.get("metadata")
    told = metadata.get("headers") if isinstance(metadata, Mapping) else None
    if not isinstance(told, Mapping):
        return NO_HEADERS
    return {
        str(name).lower(): value if isinstance(value, str) else str(value)
        for name, value in list(told.items())[:HEADERS_MAX]
        if isinstance(value, str | int | float) and _IS_HEADER.fullmatch(f"{name}{value}")
    }


def _word(value: Any) -> str | None:
    return whole_characters(value) if isinstance(value, str) else None


def _words_of(text: str) -> str | None:
    """What a page says: of HTML its title, else its text without the tags."""
    head = text[: 4 * MESSAGE_CHARACTERS_READ]
    if (title := _title_of(head)) is not None:
        return _folded(html.unescape(title))
    if _PAGE.match(head):
        head = html.unescape(_without_tags(head))
    return _folded(head)


def _title_of(page: str) -> str | None:
    """What stands between the first `<title>` and its end; None where that is nothing.

    Found from mark to mark, and so is what follows: a pattern that looks for an end from each
    beginning takes the square of the page's length where there is none.
    """
    lower = page.translate(_LOWER)  # each letter stays in its place
    begin = lower.find("<title")
    inside = lower.find(">", begin) + 1 if begin >= 0 else 0
    end = lower.find("</title>", inside) if inside else -1
    title = page[inside:end] if end >= 0 else ""
    return title if title.strip() else None


def _without_tags(page: str) -> str:
    """A page's text, without tags and what scripts and styles hold."""
    lower = page.translate(_LOWER)
    texts: list[str] = []
    position = 0
    while (begin := lower.find("<", position)) >= 0:
        texts.append(page[position:begin])
        name = next((name for name in ("script", "style") if lower.startswith(name, begin + 1)), "")
        position = lower.find(f"</{name}", begin + 1) if name else begin
        end = lower.find(">", position) if position >= 0 else -1
        if end < 0:
            return " ".join(texts if name else [*texts, page[begin:]])
        position = end + 1
    return " ".join([*texts, page[position:]])


def _folded(text: str) -> str | None:
    """Its words, white space folded; bytes that are not text are counted, not shown."""
    text = whole_characters(text[:MESSAGE_CHARACTERS_READ])
    lost = text.count("\ufffd")
    words = " ".join(text.replace("\ufffd", " ").split()) if lost else " ".join(text.split())
    if lost and lost * 3 > len(words):
        return f"{lost} bytes that are not text"
    return words or None
