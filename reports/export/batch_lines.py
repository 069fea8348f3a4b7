"""Results as the lines that the batch services of OpenAI and Anthropic give back."""

import base64
import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from headrace.jobs import ENDPOINTS, InputError, read_run_file

from .vectors import RowVectors, with_vectors

# Where the runner put an image that came as base64, relative to the run.
STORED_IMAGE = re.compile(r"images/\d+-\d+\.[a-z]+")
# What the lines are made of.
BATCH_COLUMNS = (
    "index",
    "custom_id",
    "url",
    "status",
    "http_status",
    "error_code",
    "error_message",
    "request_id",
    "response",
)
# A body's bound, with room for what was left out of it.
IMAGE_BYTES_MAX = 512 * 1024 * 1024
# Goes through a whole text without making anything of it.
_anything: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)
MESSAGES = frozenset(path for path, each in ENDPOINTS.items() if each.kind == "messages")
# HTTP status -> Anthropic's word for the error; what is not here is `api_error`.
ANTHROPIC_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
ANTHROPIC_WORDS = frozenset({*ANTHROPIC_ERRORS.values(), "api_error"})


class Line(NamedTuple):
    """One line without its end, and whether it belongs into the file of errors."""

    data: bytes
    is_error: bool


def openai_line(row: dict[str, Any], run: Path, vectors: RowVectors | None = None) -> Line:
    """A result as a line of OpenAI's output file, or of its error file.

    An answer with an HTTP error status is a `response` there too; `error` is for jobs that got no
    usable answer. Images are put back in as base64, and vectors as they came.
    """
    succeeded = row["status"] == "succeeded"
    status, body = row["http_status"], row["response"]
    response = error = None
    if succeeded or (status is not None and status >= 400):
        said = {"message": row["error_message"], "type": row["error_code"], "param": None}
        response = {
            "status_code": status,
            "request_id": row["request_id"] or "",
            "body": {"error": said | {"code": row["error_code"]}}
            if body is None
            else _raw(with_vectors(_with_images(body, run), vectors)),
        }
    else:
        error = {"code": row["error_code"], "message": row["error_message"]}
    line = {
        "id": f"batch_req_{row['index']}",
        "custom_id": row["custom_id"],
        "response": response,
        "error": error,
    }
    return Line(msgspec.json.encode(line), not succeeded)


def anthropic_line(row: dict[str, Any]) -> bytes:
    """A result of a messages job as a line of Anthropic's results."""
    if row["status"] == "succeeded":
        result: dict[str, Any] = {"type": "succeeded", "message": _raw(row["response"])}
    else:
        result = {"type": "errored", "error": _anthropic_error(row)}
    return msgspec.json.encode({"custom_id": row["custom_id"], "result": result})


def _anthropic_error(row: dict[str, Any]) -> dict[str, Any]:
    """The error that the service gave where it is one of Anthropic's, else one by its status."""
    code, status = row["error_code"], row["http_status"]
    word = code if code in ANTHROPIC_WORDS else ANTHROPIC_ERRORS.get(status, "api_error")
    if row["error_code"] == "timeout":
        word = "timeout_error"
    error = {"type": word, "message": row["error_message"] or code or "no answer"}
    return {"type": "error", "error": error, "request_id": row["request_id"]}


def _raw(text: str) -> msgspec.Raw:
    """JSON text as it is, on one line: a line end in JSON is never within a string.

    What is not JSON, or so deep that few could read the line, is put in as a text.
    """
    if not is_json(text):
        return msgspec.Raw(msgspec.json.encode(text))
    return msgspec.Raw(text.replace("\r", " ").replace("\n", " ").encode())


def is_json(text: str) -> bool:
    """Whether the text is one JSON value that can be read."""
    try:
        _anything.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def json_or_none(text: str | None) -> msgspec.Raw | None:
    """JSON text to be put into other JSON."""
    return None if text is None else _raw(text)


def _with_images(response: str, run: Path) -> str:
    """The body of an images answer with its images as base64, as they came."""
    if '"images/' not in response or not is_json(response):
        return response
    body = msgspec.json.decode(response)
    images = body.get("data") if isinstance(body, dict) else None
    if not isinstance(images, list):
        return response
    for each in images:
        name = each.get("b64_json") if isinstance(each, dict) else None
        if isinstance(name, str) and STORED_IMAGE.fullmatch(name):
            each["b64_json"] = _base64(run, name)
    return msgspec.json.encode(body).decode()


def _base64(run: Path, name: str) -> str:
    try:
        image = read_run_file(run, name, most_bytes=IMAGE_BYTES_MAX)
        return base64.b64encode(image).decode()
    except OSError as error:
        raise InputError(
            f"the image {run / name} can't be read ({error.strerror}); restore it"
        ) from error
