"""What each fault does to an answer, and which lists of faults are refused."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import h11
import pytest

from headrace.gateway import Fault, GatewayError, parse_faults

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

Bodies = Callable[..., dict[str, Any]]
PATH = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("429", "RATE_LIMIT"),
        ("500", "INTERNAL_ERROR"),
        ("502", "UPSTREAM_ERROR"),
        ("504", "GATEWAY_TIMEOUT"),
    ],
)
async def test_a_status_fault_is_the_reference_s_error_and_free(
    gateway_of: Any, connect: "Connect", chat: Bodies, kind: str, code: str
) -> None:
    gateway = gateway_of(faults=(Fault(kind, 1.0),))  # type: ignore[arg-type]
    client = await connect(gateway)
    response = await client.post(PATH, chat())
    assert response.error[:2] == (int(kind), code)
    assert gateway.ledger.balance == Decimal(100)
    assert gateway.log_rows[0].fault == kind
    assert ("retry-after" in response.headers) is (kind == "429")
    # The connection stays open.
    assert (await client.request("GET", "/v1/balance")).status == 200


@pytest.mark.parametrize(
    "fault",
    [
        "429;retry-after=" + "9" * 5000,
        "429-date;retry-after=" + "9" * 14,
        "stall;for=" + "9" * 400 + "h",
    ],
)
async def test_a_fault_that_cannot_be_is_a_400(
    gateway_of: Any, connect: "Connect", chat: Bodies, fault: str
) -> None:
    # Such headers ended the whole server: a number of 5,000 digits, a date after the year 9999.
    gateway = gateway_of(fault_header=True)
    client = await connect(gateway)
    client.headers["x-headrace-fault"] = fault
    refused = await client.post(PATH, chat())
    assert refused.error[:2] == (400, "INVALID_PARAMS")
    assert "Invalid header x-headrace-fault: " in refused.error[2]


async def test_a_reset_comes_before_any_byte(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    gateway = gateway_of(faults=(Fault("reset", 1.0),))
    client = await connect(gateway)
    with pytest.raises(h11.RemoteProtocolError):
        await client.post(PATH, chat())
    [row] = gateway.log_rows
    assert (row.status, row.first_byte_s, row.charge, row.fault) == (None, None, 0, "reset")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_cut_breaks_the_body_off(
    gateway_of: Any, connect: "Connect", chat: Bodies, stream: bool
) -> None:
    gateway = gateway_of(faults=(Fault("cut", 1.0),), output_tokens=9)
    client = await connect(gateway)
    with pytest.raises(h11.RemoteProtocolError):
        await client.post(PATH, chat(stream=stream))
    [row] = gateway.log_rows
    assert (row.status, row.charge, row.output_tokens) == (200, 0, 0)
    assert row.output_events == (4 if stream else 0)


async def test_a_malformed_answer_is_a_200_that_is_not_json(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    client = await connect(gateway_of(faults=(Fault("malformed", 1.0),), output_tokens=9))
    whole = await client.post(PATH, chat())
    assert whole.status == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        _ = whole.json
    streamed = await client.post(PATH, chat(stream=True))
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        _ = streamed.events
    assert streamed.body.endswith(b"data: [DONE]\n\n")


async def test_a_retry_draws_anew_and_the_draws_do_not_depend_on_the_order(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    bodies = [chat() for _ in range(30)]

    async def outcomes(order: list[dict[str, Any]]) -> dict[str, list[int]]:
        gateway = gateway_of(faults=parse_faults("500=0.5"), rpm=None, tpm=None, seed=7)
        client = await connect(gateway)
        seen: dict[str, list[int]] = {}
        for body in order:
            status = (await client.post(PATH, body)).status
            seen.setdefault(body["messages"][0]["content"], []).append(status)
        return seen

    first = await outcomes(bodies + bodies + bodies)
    assert await outcomes(bodies[::-1] + bodies[::-1] + bodies) == first
    drawn = [status for statuses in first.values() for status in statuses]
    # 90 draws at one half: 45 expected, and 5 standard deviations around.
    assert 21 <= drawn.count(500) <= 69
    assert len({tuple(statuses) for statuses in first.values()}) > 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("503=0.1,nonsense=0.1", "no fault is called 'nonsense'"),
        ("500", "'500' is not a fault: write 500=RATE"),
        ("500=x", "'500=x' is not a fault: write 500=RATE"),
        ("500=1.5", "the rate of 500 is 1.5; it must be between 0 and 1"),
        ("500=0.6,502=0.6", "add up to more than 1"),
        ("500@x", "'500@x' is not a fault: write 500=RATE"),
        ("500+twice=1", "after \\+ comes billed or free"),
        ("stall; for=9=1", "for is '9'; write a time"),
        ("stall; how=9s=1", "the options are for=TIME and retry-after=TEXT"),
    ],
)
def test_an_invalid_list_of_faults_is_refused(text: str, reason: str) -> None:
    with pytest.raises(GatewayError, match=reason):
        parse_faults(text)


def test_a_list_of_faults_is_read() -> None:
    assert parse_faults("429=0.02, reset=0.01") == (
        Fault("429", 0.02),
        Fault("reset", 0.01),
    )
    assert parse_faults("") == ()
    assert parse_faults("500+billed@3, stall+free; for=9s=1, 429; retry-after=x@1") == (
        Fault("500", nth=(3,), billed=True),
        Fault("stall", 1.0, billed=False, for_s=9.0),
        Fault("429", nth=(1,), retry_after="x"),
    )
