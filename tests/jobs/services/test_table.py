"""`[[services]]` as they are given: what they hold, and each line for what they can't."""

from pathlib import Path
from typing import Any

import pytest

from headrace.jobs import (
    BaseUrls,
    InputError,
    Job,
    JobServices,
    ModelLimits,
    PriceTable,
    choose_services,
    routing_of,
    rules_of,
    services_in_settings,
    services_of,
)
from headrace.jobs.files.dialects import parse_line

WHOLE = """
[limits."b"]
rpm = 7

[[services]]
name = "one"
base-url = "https://one.example.com"
key-variable = "ONE_KEY"
auth = "api-key"
models = ["a", "b"]
rpm = 600
tpm = "none"
prices = "one.toml"
weight = 2
[services.limits."a"]
rpm = 100

[[services]]
name = "two"
base_url = { openai = "https://two.example.com", anthropic = "https://claude.example.com" }
models = ["b", "*"]
weight = 0.5
"""


def test_services_are_read_with_what_they_leave_to_others(tmp_path: Path) -> None:
    path = tmp_path / "headrace.toml"
    path.write_text(WHOLE)
    one, two = services_in_settings(path, rpm=60, tpm=1000)
    assert (one.name, one.urls, one.key_variable) == (
        "one",
        ("https://one.example.com", "https://one.example.com"),
        "ONE_KEY",
    )
    assert (one.auth, one.models, one.weight) == ("api-key", ("a", "b"), 2)
    assert (one.rpm, one.tpm, two.rpm, two.tpm) == (600, None, 60, 1000)
    assert one.prices == str(tmp_path / "one.toml")
    assert one.model_limits == {
        "a": ModelLimits(rpm=100, tpm=None),
        "b": ModelLimits(rpm=7, tpm=None),  # of all services, within each
    }
    assert two.model_limits == {"b": ModelLimits(rpm=7, tpm=1000)}
    assert (two.key_variable, two.auth, two.prices) == (None, None, None)
    assert two.urls == BaseUrls("https://two.example.com", "https://claude.example.com")


def test_a_job_without_a_bound_is_told_whose_prices_lack_it() -> None:
    services = services_of([service("east")], rpm=None, tpm=None)
    prices = PriceTable(currency="CNY", models={})
    rules = rules_of(services, {"east": prices}.get)
    job = parse_line(
        b'{"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}', 1
    )
    assert isinstance(job, Job)
    assert JobServices(routing_of(services, services), rules).why_not(job) == (
        "the price file of the service east has no model 'm', which --max-cost needs; add its "
        "prices"
    )


def test_a_file_without_services_has_none(tmp_path: Path) -> None:
    assert services_in_settings(tmp_path / "headrace.toml", rpm=None, tpm=None) == []


def service(name: str | None = "a", **fields: Any) -> dict[str, Any]:
    own = {"base_url": f"https://{name}.example.com", "key_variable": "KEY", "models": ["m"]}
    return {"name": name, **own, **fields}


def test_the_key_of_all_goes_to_one_host_unless_it_is_named() -> None:
    """Whoever names none may not know that it is sent to both."""
    unnamed = [service(each, models=[each], key_variable=None) for each in "ab"]
    with pytest.raises(InputError, match="HEADRACE_API_KEY would go to the hosts of both a and b"):
        services_of(unnamed, rpm=None, tpm=None)
    named = {**unnamed[1], "key_variable": "HEADRACE_API_KEY"}
    paths = {**unnamed[1], "base_url": "https://a.example.com/v4"}
    for second in (named, paths):
        services_of([unnamed[0], second], rpm=None, tpm=None)
    here = ("http://localhost:1", "http://127.0.0.1:2", "http://[::1]:3", "unix:/run/a.sock")
    local = [{"name": f"n{n}", "models": [str(n)], "base_url": url} for n, url in enumerate(here)]
    services_of(local, rpm=None, tpm=None)


def test_chosen_services_leave_the_models_of_the_others_alone() -> None:
    given = [service("a"), service("b", models=["n"]), service("c", models=["*"])]
    services = services_of(given, rpm=None, tpm=None)
    chosen = choose_services(services, ["c", "a"])
    assert [each.name for each in chosen] == ["a", "c"]
    routing = routing_of(services, chosen)
    assert [routing.service_of(model, 0) for model in "mnx"] == ["a", None, "c"]
    both = services_of(
        [service("a", weight=1), service("b", weight=1), service("c", models=["n"])],
        rpm=None,
        tpm=None,
    )
    assert (
        routing_of(both, both[2:]).why_none("m")
        == "the model 'm' is on a and b, left out by --service"
    )
    assert choose_services(services, []) == services


BAD: list[tuple[Any, str]] = [
    ([], r"services is empty; write \[\[services\]\] for each"),
    ("deepseek", "services is a list of tables"),
    (["deepseek"], r"\[\[services\]\] 1 is not a table"),
    ([service(name=None)], r"\[\[services\]\] 1 has no name; write name"),
    ([service("Deep Seek")], "the name 'Deep Seek' is not lower-case letters"),
    ([service("a" * 41)], "at most 40"),
    ([service("all")], "reports call all services together all; rename it"),
    ([service(), service()], "two services are called a; rename one"),
    ([service(base_url=None)], r"\[\[services\]\] a has no base-url; write base-url"),
    ([service(base_url={"gemini": "https://x"})], "base-url holds 'gemini'; it may hold openai"),
    (
        [service(base_url="https://x/v1/chat?x=1")],
        r"\[\[services\]\] a: the base URL ends in a query or a #",
    ),
    ([service(base_url="ftp://x")], r"\[\[services\]\] a: the base URL is 'ftp://x'; write it"),
    (
        [service(base_url="https://x?key=sk-123456", key_variable="EAST_KEY")],
        "a key belongs in EAST_KEY",
    ),
    ([service(base_url={})], r"\[\[services\]\] a has no base-url; write base-url"),
    ([service(models=[])], "has no models; write models"),
    ([service(models="m")], r'models is a list; write models = \["m"\]'),
    ([service(models=["m", 3])], "the model 3 is not a name"),
    ([service(models=["m", "m"])], "has the model 'm' 2 times; leave it there once"),
    ([service(key="sk-123456")], "a key does not belong in a file; name the variable"),
    ([service(token="sk-123456")], "a key does not belong in a file; name the variable"),
    ([service(key_variable="sk-123456")], "key-variable is the name of an environment variable"),
    ([service(auth="basic")], "auth is 'basic'; it is bearer, x-api-key or api-key"),
    ([service(rpm=0)], r"\[\[services\]\] a rpm is 0; it is a whole number of at least 1"),
    ([service(tpm="many")], "tpm is 'many'"),
    ([service(rpm=10**30)], "it is a whole number of at least 1"),  # no run.json could hold it
    ([service(weight=0)], "weight is 0; it is a number above 0"),
    ([service(weight=True)], "weight is True; it is a number above 0"),
    ([service(weight=1e7)], "it is a number above 0 and at most 1,000,000"),
    (
        [service("a", weight=1e-300), service("b", weight=1)],
        "the model 'm' is on a and b, and the weight of a gives it less than one job in a million;",
    ),
    ([service(weight=float("nan"))], "weight is nan; it is a number above 0"),
    ([service(prices=3)], "prices is 3; it names a price file"),
    ([service(limits={"n": {"rpm": 1}})], "limits the model 'n', which it does not have"),
    (
        [service("a"), service("rest", models=["*"], limits={"m": {"rpm": 1}})],
        r"\[\[services\]\] rest limits the model 'm', which goes to a, where it is named",
    ),
    ([service(limits={"m": {"rps": 1}})], r'\[services.limits."m"\] holds \'rps\''),
    ([service(limits=[1])], r'limits are tables, like \[services.limits."gpt-image-2"\]'),
    ([service(modells=["m"])], "holds 'modells'; it may hold .*, limits; did you mean 'models'"),
    ([service(tokens_per_minute=3)], "holds 'tokens_per_minute'; it may hold name"),
    ([service(**{"base-url": "https://b"})], "base_url is there twice, with - and with _"),
    (
        [service("a", weight=1), service("b")],
        "the model 'm' is on a and b: give each a weight, .* \\(b has none\\)",
    ),
    ([service("a"), service("b")], r"\(a and b have none\)"),
    (
        [service("a", models=["*"]), service("b", models=["*"], weight=1)],
        "a and b each have the models '\\*'.*leave it to one",
    ),
]


@pytest.mark.parametrize(("given", "said"), BAD)
def test_what_is_not_a_service_is_told_in_one_line(given: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        services_of(given, rpm=60, tpm=None)
    assert "\n" not in refused.value.message
    assert "sk-123456" not in refused.value.message


def test_a_name_that_no_service_has_is_told_with_those_that_there_are() -> None:
    services = services_of([service("deepseek"), service("b", models=["n"])], rpm=None, tpm=None)
    with pytest.raises(InputError, match="there is no such service; did you mean 'deepseek'"):
        choose_services(services, ["deepsek"])


@pytest.mark.parametrize(
    ("text", "said"),
    [("services = []", "services is empty"), ("[[services]", "can't be used")],
)
def test_a_file_that_names_services_has_to_hold_some(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "headrace.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        services_in_settings(path, rpm=None, tpm=None)


def test_a_limit_of_all_services_holds_where_jobs_of_the_model_go_and_nowhere_else() -> None:
    given = [
        service("a", weight=1),
        service("b", weight=1, limits={"m": {"rpm": 5}}),
        service("rest", models=["*"], limits={"other": {"rpm": 6}}),
    ]
    limits = {name: {"rpm": 7} for name in ("m", "x", "other")}
    a, b, rest = services_of(given, rpm=None, tpm=None, limits=limits)
    assert {name: each.rpm for name, each in a.model_limits.items()} == {"m": 7}
    assert {name: each.rpm for name, each in b.model_limits.items()} == {"m": 5}
    assert {name: each.rpm for name, each in rest.model_limits.items()} == {"x": 7, "other": 6}
