"""What a run was told: its file, limits, arguments and prices, as rows to read."""

from typing import NamedTuple

from headrace.jobs import (
    TOKEN_PRICES,
    Limits,
    Manifest,
    ModelLimits,
    Price,
    PriceBand,
    PriceTable,
    ServiceRecord,
    show_amount,
)


class PriceRow(NamedTuple):
    """One model's prices as they stand in the price file."""

    model: str
    prices: str


class SettingsTable(NamedTuple):
    """`facts` and each session's `arguments` are names and values."""

    facts: list[tuple[str, str]]
    sessions: list[tuple[str, list[tuple[str, str]]]]
    prices: list[PriceRow]


def settings_of(manifest: Manifest) -> SettingsTable:
    """Everything in run.json that a reader may ask for. It holds no key."""
    facts = [
        ("kind", manifest.kind),
        *([] if manifest.base_url is None else [("gateway", manifest.base_url)]),
        ("headrace", manifest.headrace),
        ("schema", str(manifest.schema_version)),
    ]
    if (file := manifest.job_file) is not None:
        of_file = [("job file", file.path)]
        if file.size_bytes is not None:
            of_file.append(("its size", f"{file.size_bytes:,} bytes"))
        facts[-2:-2] = of_file
    facts += [(f"service {each.name}", _service(each)) for each in manifest.services]
    sessions = []
    for number, session in enumerate(manifest.sessions, 1):
        ended = "" if session.ended_at is None else f" to {session.ended_at:%Y-%m-%d %H:%M:%S}"
        limits = session.limits
        rows = [
            (
                "state",
                session.state if session.reason is None else f"{session.state}: {session.reason}",
            ),
        ]
        if not manifest.services:  # which have their own
            rows += [
                ("requests per minute", _limit(limits.rpm)),
                ("tokens per minute", _limit(limits.tpm)),
            ]
        rows.append(
            ("concurrency", "auto" if limits.concurrency is None else f"{limits.concurrency:,}")
        )
        rows += [
            (name.replace("_", " "), _shown(value))
            for name, value in session.arguments.items()
            if value is not None and value is not False
        ]
        sessions.append(
            (f"Session {number}: {session.started_at:%Y-%m-%d %H:%M:%S}{ended} UTC", rows)
        )
    prices = [] if manifest.prices is None else _prices(manifest.prices)
    for each in manifest.services:
        own = [] if each.prices is None else _prices(each.prices)
        prices += [row._replace(model=f"{row.model} at {each.name}") for row in own]
    return SettingsTable(facts, sessions, prices)


def _service(service: ServiceRecord) -> str:
    """Where a service is, what goes there, and its limits."""
    urls = [service.base_url]
    if service.anthropic_base_url is not None:
        urls.append(f"{service.anthropic_base_url} for messages")
    models = ", ".join("all others" if each == "*" else each for each in service.models)
    weight = "" if service.weight is None else f", weight {service.weight:g}"
    limits = [_limits("", service.limits)]
    limits += [_limits(f"{model} ", own) for model, own in service.limits.models.items()]
    return f"{', '.join(urls)}; {models}{weight}; {'; '.join(limits)}"


def _limits(of: str, limits: Limits | ModelLimits) -> str:
    return f"{of}requests per minute {_limit(limits.rpm)}, tokens per minute {_limit(limits.tpm)}"


def _limit(limit: int | None) -> str:
    return "none" if limit is None else f"{limit:,}"


def _shown(value: object) -> str:
    return "yes" if value is True else str(value)


def _prices(table: PriceTable) -> list[PriceRow]:
    rows = []
    for model, price in table.models.items():
        said = [f"{tokens} per million tokens"] if (tokens := _tokens(price)) else []
        said += [
            f"from {band.from_input_tokens:,} input tokens on {_tokens(band)}"
            for band in price.bands
        ]
        if price.search_request is not None:
            said.append(f"{show_amount(price.search_request)} per search request")
        if price.web_search is not None:
            said.append(f"{show_amount(price.web_search)} per thousand web searches")
        said += [
            f"{show_amount(amount)} per image ({size})"
            for size, amount in (price.images or {}).items()
        ]
        rows.append(PriceRow(model, "; ".join(said)))
    return rows


def _tokens(prices: Price | PriceBand) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {show_amount(amount)}"
        for name in TOKEN_PRICES
        if (amount := getattr(prices, name)) is not None
    )
