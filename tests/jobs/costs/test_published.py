"""Published price lists, in the forms of litellm and models.dev."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from headrace.jobs import InputError, Price, PriceBand, Published, published_prices

LITELLM = {
    "sample_spec": {"litellm_provider": "one of", "input_cost_per_token": "USD"},
    "fallback_generalizations": {"rules": []},
    "gpt-x": {
        "litellm_provider": "openai",
        "input_cost_per_token": 2.5e-06,
        "cache_read_input_token_cost": 1.25e-06,
        "output_cost_per_token": 1e-05,
        "output_cost_per_reasoning_token": 1.2e-05,
        "input_cost_per_token_batches": 1e-06,
        "max_input_tokens": 128000,
        "max_output_tokens": 16384,
    },
    "azure/gpt-x": {"litellm_provider": "azure", "input_cost_per_token": 2.75e-06},
    "claude-x": {
        "litellm_provider": "anthropic",
        "input_cost_per_token": 3e-06,
        "input_cost_per_token_above_200k_tokens": 6e-06,
        "cache_creation_input_token_cost": 3.75e-06,
        "cache_creation_input_token_cost_above_1hr": 6e-06,
        "cache_read_input_token_cost_above_200k_tokens": 6e-07,
        "output_cost_per_token": 1.5e-05,
    },
    "painter": {"litellm_provider": "openai", "output_cost_per_image": 0.04},
    "reranker": {"litellm_provider": "cohere", "input_cost_per_query": 0.002},
    "speech": {"litellm_provider": "openai", "input_cost_per_second": 0.0001},
    "fine": {"litellm_provider": "openai", "input_cost_per_token": 1.23456789e-08},
    "tiered": {"litellm_provider": "dashscope", "tiered_pricing": [{"range": [0, 1]}]},
    "odd": {"litellm_provider": "openai", "input_cost_per_token": -1},
    "worded": {"litellm_provider": "openai", "input_cost_per_token": "1"},
}
MODELS_DEV: dict[str, Any] = {
    "openai": {
        "id": "openai",
        "models": {
            "gpt-x": {
                "cost": {"input": 1.25, "output": 10, "cache_read": 0.125, "reasoning": 12},
                "limit": {"context": 400000, "output": 128000},
            },
            "free": {"limit": {"context": 1}},
        },
    },
    "google": {
        "id": "google",
        "models": {
            "gemini-x": {
                "cost": {
                    "input": 1.25,
                    "output": 10,
                    "context_over_200k": {"input": 2.5, "output": 15},
                },
            },
        },
    },
}


def imported(tmp_path: Path, data: Any, **asked: Any) -> Published:
    file = tmp_path / "list.json"
    file.write_text(data if isinstance(data, str) else json.dumps(data))
    return published_prices(file, **asked)


def test_litellms_prices_of_one_token_are_ours_of_a_million(tmp_path: Path) -> None:
    found = imported(tmp_path, LITELLM)
    assert found.table.currency == "USD"
    assert sorted(found.table.models) == ["azure/gpt-x", "claude-x", "gpt-x", "painter", "reranker"]
    assert found.table.models["gpt-x"] == Price(
        input=Decimal("2.5"),
        cached_input=Decimal("1.25"),
        output=Decimal(10),
        reasoning=Decimal(12),
        max_input_tokens=128000,
        max_output_tokens=16384,
    )
    assert found.table.models["painter"].images == {"default": Decimal("0.04")}
    assert found.table.models["reranker"].search_request == Decimal("0.002")


def test_prices_above_so_many_tokens_are_bands(tmp_path: Path) -> None:
    price = imported(tmp_path, LITELLM, models=["claude-x"]).table.models["claude-x"]
    assert (price.cache_write, price.cache_write_1h) == (Decimal("3.75"), Decimal(6))
    assert price.bands == (
        PriceBand(from_input_tokens=200_001, input=Decimal(6), cached_input=Decimal("0.6")),
    )
    google = imported(tmp_path, MODELS_DEV).table.models["gemini-x"]
    assert google.bands == (
        PriceBand(from_input_tokens=200_001, input=Decimal("2.5"), output=Decimal(15)),
    )


def of_litellm(tmp_path: Path, **entry: Any) -> Price:
    data = {"m": {"litellm_provider": "x", **entry}}
    return imported(tmp_path, data).table.models["m"]


def test_each_key_of_litellm_has_bands_of_its_own(tmp_path: Path) -> None:
    hourly = "cache_creation_input_token_cost_above_1hr"
    price = of_litellm(
        tmp_path,
        input_cost_per_token=3e-06,
        **{f"{hourly}": 6e-06, f"{hourly}_above_200k_tokens": 1.2e-05},
        output_cost_per_token_above_128000_tokens=2e-05,
        input_cost_per_token_above_200k_tokens_priority=9e-06,
    )
    assert price.bands == (
        PriceBand(from_input_tokens=128_001, output=Decimal(20)),
        PriceBand(from_input_tokens=200_001, cache_write_1h=Decimal(12)),
    )


def test_what_a_cache_hit_costs_may_have_either_name(tmp_path: Path) -> None:
    hit = {"input_cost_per_token": 1.4e-07, "input_cost_per_token_cache_hit": 1.4e-08}
    assert of_litellm(tmp_path, **hit).cached_input == Decimal("0.014")
    both = of_litellm(tmp_path, **hit, cache_read_input_token_cost=2.8e-08)
    assert both.cached_input == Decimal("0.028")


@pytest.mark.parametrize(
    ("written", "price"),
    [
        (2.7499999999999998e-07, "0.275"),  # a sum that was made in floats
        (7.000000000000001e-08, "0.07"),
        (1e-07, "0.1"),
        (-0.0, "0"),
        (0, "0"),
    ],
)
def test_a_number_is_what_was_meant_by_it(tmp_path: Path, written: float, price: str) -> None:
    found = of_litellm(tmp_path, input_cost_per_token=written).input
    assert str(found) == price


@pytest.mark.parametrize("limit", [1e308, 2.5, "128k", 0, -1, True, None])
def test_what_is_not_a_number_of_tokens_is_no_limit(tmp_path: Path, limit: Any) -> None:
    assert of_litellm(tmp_path, input_cost_per_token=1e-6, max_input_tokens=limit) == Price(
        input=Decimal(1)
    )


def of_models_dev(tmp_path: Path, **cost: Any) -> Published:
    return imported(tmp_path, {"p": {"models": {"m": {"cost": {"input": 5, **cost}}}}})


def test_tiers_go_before_what_models_dev_had_in_their_place(tmp_path: Path) -> None:
    over = {"input": 10, "cache_read": 1}
    tiers = [{**over, "tier": {"type": "context", "size": 272_000}}]
    price = of_models_dev(tmp_path, tiers=tiers, context_over_200k=over).table.models["m"]
    assert price.bands == (
        PriceBand(from_input_tokens=272_001, input=Decimal(10), cached_input=Decimal(1)),
    )


@pytest.mark.parametrize(
    "tiers",
    [
        {"input": 1},
        ["x"],
        [{"input": 1}],
        [{"input": 1, "tier": {"type": "hour", "size": 8}}],
        [{"input": 1, "tier": {"type": "context", "size": "200k"}}],
    ],
)
def test_tiers_that_no_band_can_hold_are_never_passed_over(tmp_path: Path, tiers: Any) -> None:
    with pytest.raises(InputError, match="'m': it has tiers by something else than the context"):
        of_models_dev(tmp_path, tiers=tiers)


def test_a_file_that_is_not_text_is_refused_in_a_line(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_bytes(b"\xd7\x00\xff")
    with pytest.raises(InputError, match=r"is not a published price list: .* save it as UTF-8"):
        published_prices(file)


def test_what_no_price_file_can_hold_is_left_out_and_said(tmp_path: Path) -> None:
    assert imported(tmp_path, LITELLM).notes == [
        "left out: 'fine': 0.0123456789 has more than 6 decimals",
        "left out: 'tiered': it has tiered_pricing; write its bands by hand",
        "left out: 'odd': -1 is not a price",
        "left out: 1 more model of this kind",
        "left out: 1 model without a price of tokens, images or searches, such as 'speech'",
    ]


def test_what_a_price_file_has_no_place_for_is_left_aside_and_said(tmp_path: Path) -> None:
    """Prices of sound and of images that are given, and models that have no others."""
    tokens = {"litellm_provider": "openai", "input_cost_per_token": 1e-06}
    data = {
        "hearing": {**tokens, "input_cost_per_audio_token": 1e-05, "input_cost_per_image": 0.001},
        "hearing-too": {**tokens, "input_cost_per_audio_token": 1e-05},
        "plain": {
            **tokens,
            "input_cost_per_token_batches": 5e-07,
            "input_cost_per_token_flex": 5e-07,
            "output_cost_per_pixel": 0.0,
        },
        "256-x-256/painter": {"litellm_provider": "openai", "input_cost_per_pixel": 2.4e-07},
    }
    found = imported(tmp_path, data)
    assert [*found.table.models] == ["hearing", "hearing-too", "plain"]
    assert found.notes == [
        "left aside: input_cost_per_audio_token of 2 models, which a price file has no place for",
        "left aside: input_cost_per_image of 1 model, which a price file has no place for",
        "left out: 1 model without a price of tokens, images or searches, such as "
        "'256-x-256/painter'",
    ]


def test_models_dev_has_prices_of_sound_that_are_left_aside(tmp_path: Path) -> None:
    cost = {"input": 1.25, "output": 10, "input_audio": 3, "output_audio": 0}
    data = {"google": {"id": "google", "models": {"gemini-x": {"cost": cost}}}}
    assert imported(tmp_path, data).notes == [
        "left aside: input_audio of 1 model, which a price file has no place for"
    ]


@pytest.mark.parametrize("data", [MODELS_DEV, {"providers": MODELS_DEV}])
def test_models_dev_has_prices_of_a_million(tmp_path: Path, data: Any) -> None:
    found = imported(tmp_path, data)
    assert sorted(found.table.models) == ["gemini-x", "gpt-x"]
    assert found.table.models["gpt-x"] == Price(
        input=Decimal("1.25"),
        cached_input=Decimal("0.125"),
        output=Decimal(10),
        reasoning=Decimal(12),
        max_input_tokens=400_000,
        max_output_tokens=128_000,
    )


def test_a_providers_models_are_called_as_it_calls_them(tmp_path: Path) -> None:
    found = imported(tmp_path, LITELLM, provider="azure")
    assert list(found.table.models) == ["gpt-x"]
    assert found.table.models["gpt-x"].input == Decimal("2.75")


def test_a_model_of_several_prices_wants_its_provider(tmp_path: Path) -> None:
    copied = {**MODELS_DEV, "reseller": {"models": {"gpt-x": {"cost": {"input": 9}}}}}
    with pytest.raises(InputError, match=r"such as gpt-x \(openai, reseller\): give --provider"):
        imported(tmp_path, copied)
    same = {**MODELS_DEV, "mirror": MODELS_DEV["openai"]}
    assert sorted(imported(tmp_path, same).table.models) == ["gemini-x", "gpt-x"]


@pytest.mark.parametrize(
    ("data", "asked", "words"),
    [
        ("[", {}, "is not a published price list"),
        ("[]", {}, "is not a published price list"),
        ({"a": {"b": 1}}, {}, "is neither litellm's"),
        (LITELLM, {"provider": "opemai"}, "no provider 'opemai'; did you mean 'openai'"),
        (LITELLM, {"models": ["nothing*"]}, "no prices of tokens or images of what was asked for"),
    ],
)
def test_what_is_not_one_is_refused_in_a_line(
    tmp_path: Path, data: Any, asked: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError) as refused:
        imported(tmp_path, data, **asked)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*nowhere\.json: No such file"):
        published_prices(tmp_path / "nowhere.json")
