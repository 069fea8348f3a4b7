"""What answers cost on hardware that is paid for by the hour."""

from decimal import Decimal

import pytest

from headrace.jobs import LoadFacts
from headrace.reports.load import HardwareCost, Rates, hardware_words, token_rates
from headrace.reports.load.hardware import hardware_cost


def facts(cost_per_hour: str | None) -> LoadFacts:
    return LoadFacts(
        shape="users",
        asked="8 users",
        open_loop=False,
        users=8,
        rate_per_s=None,
        prompts="",
        model=None,
        url=None,
        stream=None,
        warmup_s=0.0,
        duration_s=1.0,
        requests=None,
        concurrency_limit=None,
        objectives=[],
        seed=1,
        cost_per_hour=None if cost_per_hour is None else Decimal(cost_per_hour),
    )


def rates(*, requests: float = 2.0, tokens_in: float = 3000.0, out: float = 1000.0) -> Rates:
    return Rates(
        due_per_s=requests,
        requests_per_s=requests,
        goodput_per_s=None,
        input_tokens_per_s=tokens_in,
        output_tokens_per_s=out,
        in_flight=1.0,
    )


def test_it_is_the_hours_price_over_what_an_hour_brings() -> None:
    """An hour brings 3.6 million output tokens, 14.4 million in all, and 7,200 answers."""
    found = hardware_cost(facts("7.20"), rates())
    assert found == HardwareCost(
        per_hour=Decimal("7.20"),
        per_million_output_tokens=Decimal(2),
        per_million_tokens=Decimal("0.5"),
        per_thousand_requests=Decimal(1),
    )
    assert hardware_words(found) == (
        "at 7.2 an hour: 2 per million output tokens, 0.5 per million tokens in and out, "
        "1 per thousand answers"
    )


def test_no_amount_is_too_large_to_be_told() -> None:
    found = hardware_cost(facts("1e30"), rates(out=1.0))
    assert found is not None
    assert str(found.per_thousand_requests) == "138888888888888888888888888888.888889"


def test_what_did_not_come_has_no_cost() -> None:
    found = hardware_cost(facts("1"), rates(requests=0.0, tokens_in=0.0, out=0.0))
    assert found is not None
    assert found.per_million_output_tokens is found.per_thousand_requests is None
    assert hardware_words(found) == "at 1 an hour: nothing was answered"


def test_what_has_no_output_is_not_said_to_cost_nothing() -> None:
    """Of embeddings, which are priced by their input."""
    found = hardware_cost(facts("7.20"), rates(out=0.0))
    assert found is not None
    assert "output" not in hardware_words(found)
    assert [name for name, _ in token_rates(rates(out=0.0))] == ["input tokens"]


@pytest.mark.parametrize(("cost", "known"), [(None, rates()), ("1", None)])
def test_without_a_price_or_a_rate_there_is_none(cost: str | None, known: Rates | None) -> None:
    assert hardware_cost(facts(cost), known) is None
