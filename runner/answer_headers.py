"""What the headers of an answer say of it: its name, its label, and whether to send it again."""

from headrace.jobs import Usage

from .answers import ErrorBody, amount_of
from .limits import NOTHING_SAID, ServiceLimits, service_limits
from .retries import Failure
from .transport import Headers

# Headers that name a request, besides the two that most services have.
ID_HEADERS = (
    b"x-litellm-call-id",
    b"x-amzn-requestid",
    b"apim-request-id",
    b"x-ms-request-id",
    b"x-generation-id",
    b"x-correlation-id",
    b"x-trace-id",
    b"cf-ray",
)

COST_HEADER = b"x-litellm-response-cost"

HeaderMap = dict[bytes, bytes]  # an answer's headers, by their names in lower case


def request_id_in(headers: HeaderMap) -> str | None:
    """The name of a request, also where a service or a proxy has its own header for it."""
    named = headers.get(b"x-request-id") or headers.get(b"request-id")
    if not named:
        named = next((headers[name] for name in ID_HEADERS if name in headers), None)
    return named.decode("latin-1") if named else None


def content_type(headers: Headers) -> bytes:
    """The label of a body, empty where it has none."""
    return next((value for name, value in headers if name == b"content-type"), b"")


def limits_repeated(error: ErrorBody | None) -> ServiceLimits:
    """The limits that an error's body repeats from the headers of the service behind it."""
    if error is None or not error.headers:
        return NOTHING_SAID
    return service_limits({name.encode(): value.encode() for name, value in error.headers.items()})


def told_to_retry(failure: Failure, status: int, headers: HeaderMap) -> Failure:
    """A failure with its answer's status, and with what its x-should-retry says."""
    if failure.status is None:
        failure = failure._replace(status=status)
    told = headers.get(b"x-should-retry", b"").strip().lower()
    if told in (b"true", b"false"):
        failure = failure._replace(retry_told=told == b"true")
    return failure


def with_cost_in(headers: HeaderMap, usage: Usage) -> Usage:
    """The usage with the cost that litellm's proxy tells in a header, where it has none itself."""
    told = amount_of(headers[COST_HEADER].decode("latin-1"))
    if usage.reported_cost is not None or told is None:
        return usage
    return usage._replace(reported_cost=told)
