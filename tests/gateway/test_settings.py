"""Settings of the gateway, from a file and from flags."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from headrace.gateway import Config, Fault, Gateway, GatewayError, Key, load_config
from headrace.gateway.latency import Latency, TimeDistribution

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

WHOLE = """
balance = 12.5
gift = 1
rpm = 600
tpm = "none"
window = "sliding"
seed = 7
prices = "prices.toml"
offline = ["old-model"]
output_tokens = 200
capacity = 64
cache = false
fault_header = true
log_headers = ["user-agent"]
log_chunks = true

[[keys]]
name = "first"
secret = "sk-first"
id = "11"
rpm = 5
tpm = 1000
daily_budget = 20.0
monthly_budget = 300
models = ["deepseek-v4-flash"]

[[keys]]
name = "second"
secret = "sk-second"
id = "12"
rpm = "none"
expired = true

[latency]
ttft = "lognormal:300ms:0.4"
itl = "10ms"

[latency.models."gpt-image-2"]
ttft = "8s"

[[faults]]
kind = "429"
rate = 0.02
retry_after = "60"

[[faults]]
kind = "stall"
nth = [1, 5]
for = "30s"
billed = false
"""
PRICES = '[models."m"]\ninput = 0.27\n'


def test_the_whole_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(PRICES)
    path = tmp_path / "gateway.toml"
    path.write_text(WHOLE)
    config = load_config(path)
    assert config.prices.models["m"].input == Decimal("0.27")
    times = TimeDistribution("lognormal", 0.3, 0.4)
    assert config == Config(
        balance=Decimal("12.5"),
        gift=Decimal(1),
        rpm=600,
        tpm=None,
        window="sliding",
        seed=7,
        prices=config.prices,
        offline=("old-model",),
        output_tokens=200,
        capacity=64,
        cache=False,
        fault_header=True,
        log_headers=("user-agent",),
        log_chunks=True,
        ttft_s=times,
        itl_s=0.01,
        latency={"gpt-image-2": Latency(8.0, 0.01)},
        faults=(
            Fault("429", rate=0.02, retry_after="60"),
            Fault("stall", nth=(1, 5), for_s=30.0, billed=False),
        ),
        keys=(
            Key(
                secret="sk-first",
                id="11",
                name="first",
                rpm=5,
                tpm=1000,
                daily_budget=Decimal(20),
                monthly_budget=Decimal(300),
                models=("deepseek-v4-flash",),
            ),
            Key(secret="sk-second", id="12", name="second", rpm=None, expired=True),
        ),
    )


def test_a_variant_is_named_or_left_to_chance(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(
        "[[faults]]\nkind = 'provider'\nrate = 0.1\n"
        "[[faults]]\nkind = 'provider'\nvariant = 'bom'\nnth = [2]\n"
    )
    faults = (Fault("provider", 0.1), Fault("provider", nth=(2,), variant="bom"))
    assert load_config(path).faults == faults


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text("")
    assert load_config(path) == Config()


def test_keys_without_secrets_get_their_own_from_the_seed(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text('[[keys]]\nname = "a"\n[[keys]]\nname = "b"\n')
    first, second = load_config(path).keys
    assert first.secret != second.secret
    assert first.id != second.id
    assert first.secret.startswith("sk-")
    assert first.secret not in repr(first)
    assert first.daily_budget is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rpm = 0", "rpm"),
        ("rpm = 'x'", "rpm"),
        ("unknown = 1", "unknown"),
        ("window = 'round'", "window"),
        ("balance = -1", "balance is -1"),
        ("balance = nan", "balance is NaN"),
        ("[[keys]]\n", "name"),
        ("[[keys]]\nname='a'\ndaily_budget = -1", "daily_budget of a is -1"),
        ("[[keys]]\nname='a'\nid='1'\n[[keys]]\nname='b'\nid='1'", "two keys have the same id"),
        ("[latency]\nttft = 'soon'", "latency.ttft is 'soon'"),
        ("[latency.models.m]\nitl = 'soon'", "latency.models.m.itl is 'soon'"),
        ("[[faults]]\nkind = 'nonsense'", "faults"),
        ("[[faults]]\nkind = '500'\nrate = 2", "rate"),
        ("[[faults]]\nkind = 'provider'\nvariant = 'x'", "no variant is called 'x'"),
        ("[[faults]]\nkind = '500'\nvariant = 'bom'", "500 has no variants"),
        ("answers = 'nowhere.jsonl'", "cannot read the answer file"),
        ("[[faults]]\nkind='500'\nrate=0.6\n[[faults]]\nkind='502'\nrate=0.6", "add up"),
        ("prices = 'nowhere.toml'", "cannot read the price file"),
        ("= 1", "is not a TOML config file"),
        (f"rpm = {'9' * 5000}", "is not a TOML config file"),
        (f"rpm = {'9' * 18}", "rpm"),
        (f"seed = {'9' * 39}", "the seed is too large"),
        (f"[[keys]]\nname='a'\ndaily_budget = {'9' * 25}", "write less than 10^24"),
    ],
)
def test_a_bad_file_is_refused_naming_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    with pytest.raises(GatewayError) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


async def test_each_key_has_its_own_limits_models_and_budgets(
    connect: "Connect", tmp_path: Path
) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(
        """
        balance = 10
        gift = 5
        [[keys]]
        name = "narrow"
        rpm = 1
        models = ["deepseek-v4-flash"]
        daily_budget = 0.1
        [[keys]]
        name = "wide"
        rpm = "none"
        [[keys]]
        name = "gone"
        expired = true
        """
    )
    gateway = Gateway(load_config(path))
    narrow, wide, gone = [await connect(gateway, key) for key in range(3)]
    chat: dict[str, Any] = {
        "model": "deepseek-v4-flash",
        "messages": [{"role": "user", "content": "Hello!"}],
    }
    image = {"model": "gpt-image-2", "prompt": "a mill"}
    assert (await narrow.balance())["balance"] == (await wide.balance())["balance"] == 15.0
    for client in (gone,):
        refused = await client.post("/v1/chat/completions", chat)
        assert refused.error == (401, "UNAUTHORIZED", "Invalid or expired API key.")
    refused = await narrow.post("/v1/images/generations", image)
    assert refused.error == (
        403,
        "FORBIDDEN",
        "This API key may not use the model gpt-image-2.",
    )
    assert (await narrow.post("/v1/chat/completions", chat)).status == 200
    assert (await narrow.post("/v1/chat/completions", chat)).status == 429
    assert {(await wide.post("/v1/images/generations", image)).status for _ in range(3)} == {200}
    balance = await narrow.balance()
    assert (balance["api_key"]["name"], balance["api_key"]["daily_budget"]) == ("narrow", 0.1)
    # The others' spending is the tenant's, not this key's.
    assert balance["api_key"]["daily_used"] < 0.01
    assert balance["balance"] < 14.26


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rpm": 0}, "rpm is 0; it must be above 0"),
        ({"tpm": -1}, "tpm is -1; it must be above 0"),
        ({"capacity": 0}, "capacity is 0; it must be above 0"),
        ({"keys": (Key(secret="a", id="1", name="x", rpm=0),)}, "rpm is 0"),
        ({"keys": (Key(secret="a", id="1", name="x"),) * 2}, "two keys have the same secret"),
        (
            {"keys": (Key(secret="a", id="1", name="x"), Key(secret="b", id="1", name="y"))},
            "two keys have the same id",
        ),
        ({"faults": (Fault("500", 2.0),)}, "the rate of 500 is 2.0"),
    ],
)
def test_a_config_that_does_not_fit_together_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(GatewayError, match=said):
        Gateway(Config(**fields))
