"""Fitted prices as a price file, and a price file held against an account, as text."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from headrace.jobs import TOKEN_PRICES, counted, printable, show_amount, toml_text

from .check import ModelCheck, PriceCheck
from .fit import Fit, PriceRange
from .observed import Observed, Unit, as_price, smallest

# In the order and by the names of the price file.
KEYS = (*TOKEN_PRICES, "search_request")


def fit_toml(fit: Fit, observed: Observed) -> str:
    """The prices that are told, as a price file; the ranges of the others as comments."""
    lines = [f"# {words}" for words in _about(fit, observed)]
    lines += [f"currency = {toml_text(observed.currency)}", *([] if fit.prices else ["[models]"])]
    source = f"fitted to {counted(len(smallest(observed.observations)), 'stretch', 'stretches')}"
    for model in sorted({unit.model for unit in fit.prices}):
        lines += ["", f"[models.{toml_text(model)}]"]
        for key in KEYS:
            if (found := fit.prices.get(Unit(model, key))) is not None:
                lines.append(_entry(key, found))
        since = max(
            (
                each.before
                for each in fit.changes
                if any(unit.model == model for unit in each.earlier.prices)
            ),
            default=None,
        )
        if since is not None:
            lines.append(f"valid_from = {since:%Y-%m-%d}")
        lines.append(f"source = {toml_text(source + ' of an account')}")
        if (image := fit.prices.get(Unit(model, "image"))) is not None:
            lines += ["", f"[models.{toml_text(model)}.images]", _entry("default", image)]
    return "\n".join(lines) + "\n"


def fit_notes(fit: Fit, observed: Observed) -> Iterator[str]:
    """What is to be known beside the prices."""
    for group in fit.together:
        names = _names([unit for unit in group if fit.prices[unit].told is None])
        if names:
            yield (
                f"{names} can't be told apart: add a run that uses them in other proportions, or "
                "several"
            )
    for change in fit.changes:
        was = "; ".join(
            f"{_name(unit)} {range_words(found)}" for unit, found in change.earlier.prices.items()
        )
        yield (
            f"the prices changed between {change.after:%Y-%m-%d %H:%M:%S} and "
            f"{change.before:%Y-%m-%d %H:%M:%S} UTC; before: {was}"
        )
    for each in fit.odd:
        yield (
            f"what was taken between {each.began:%Y-%m-%d %H:%M:%S} and "
            f"{each.ended:%Y-%m-%d %H:%M:%S} UTC doesn't go with the rest and is left out: the key "
            "was used elsewhere, something was billed that no answer tells, or the prices have "
            "changed since"
        )
    if fit.unexplained:
        images = any(unit.component == "image" for unit in fit.unexplained)
        sizes = ", or images of several sizes were made (give runs of one size)" if images else ""
        yield (
            f"no prices explain what was taken for {_names(fit.unexplained)}: the key was used "
            "elsewhere, something else is billed (such as a fee for each request), or long inputs "
            f"cost more (bands are not fitted; see `prices check`){sizes}"
        )
    if fit.rounded:
        yield (
            f"what was taken for {_names(fit.rounded)} is explained where each charge is rounded "
            "by itself: the ranges allow for that, and runs of one long request each narrow them"
        )
    if fit.prices and not fit.rounded and observed.hides_rounding:
        yield (
            "should this service round each charge by itself, to the "
            f"{counted(observed.decimals, 'decimal')} that it shows, prices may be off by more: "
            "runs of one request each leave nothing to that"
        )
    if fit.unchecked:
        yield (
            f"nothing checks {_names(fit.unchecked)}: as few stretches as prices go together "
            "whatever else was billed; add a run that uses them in other proportions"
        )
    if fit.changes or fit.odd or fit.unexplained:
        yield from observed.perhaps_several
    yield from observed.notes


def fit_data(fit: Fit, observed: Observed) -> dict[str, Any]:
    """The same as data: `models` as in a price file, `ranges` of what is not told exactly, and
    `undetermined` for what can't be told apart."""
    return {
        "currency": observed.currency,
        "decimals": observed.decimals,
        "intervals": len(smallest(observed.observations)),
        "requests": observed.attempts,
        "models": _models(
            {
                unit: as_price(found.low)
                for unit, found in fit.prices.items()
                if found.told is not None
            }
        ),
        "ranges": _models(
            {unit: _range_data(found) for unit, found in fit.prices.items() if found.told is None}
        ),
        "undetermined": [
            names
            for group in fit.together
            if (names := _listed([unit for unit in group if fit.prices[unit].told is None]))
        ],
        "unexplained": _listed(fit.unexplained),
        "rounded": _listed(fit.rounded),
        "unchecked": _listed(fit.unchecked),
        "changes": [
            {
                "after": change.after,
                "before": change.before,
                "earlier": _models(
                    {
                        unit: {"low": as_price(found.low), "high": as_price(found.high)}
                        for unit, found in change.earlier.prices.items()
                    }
                ),
            }
            for change in fit.changes
        ],
        "left_out": [{"began": each.began, "ended": each.ended} for each in fit.odd],
        "notes": [*fit_notes(fit, observed)],
    }


def _listed(units: Sequence[Unit]) -> list[dict[str, str]]:
    return [{"model": unit.model, "price": unit.component} for unit in units]


def check_lines(check: PriceCheck) -> Iterator[str]:
    """A check for a terminal, a line each."""
    currency = printable(check.currency)
    width = max((len(printable(each.model)) for each in check.models), default=0)
    for each in check.models:
        yield f"{printable(each.model):{width}}  {each.verdict:8}  {_model_words(each, currency)}"
    for apart in check.differences:
        models = ", ".join(printable(model) for model in apart.models)
        yield (
            f"{apart.began:%Y-%m-%d %H:%M:%S} to {apart.ended:%H:%M:%S} UTC, {models}: the file "
            f"says {show_amount(apart.computed)} {currency}, the account took "
            f"{_between(apart.account_low, apart.account_high)}"
        )
    yield from check.notes
    stretches = counted(check.intervals, "stretch", "stretches")
    if check.verdict == "unknown" and not check.intervals:
        yield "nothing to compare: no two readings of the account with requests in between"
    else:
        yield f"{check.verdict}, over {stretches} between readings of the account"


def range_words(found: PriceRange) -> str:
    """A price, or from where to where."""
    if found.told is not None:
        return show_amount(as_price(found.told))
    return f"{show_amount(as_price(found.low))} to {show_amount(as_price(found.high))}"


def _about(fit: Fit, observed: Observed) -> Iterator[str]:
    stretches = counted(len(smallest(observed.observations)), "stretch", "stretches")
    yield (
        f"Fitted to {counted(observed.attempts, 'request')} in {stretches} between readings of an "
        f"account that shows {counted(observed.decimals, 'decimal')}."
    )
    for words in fit_notes(fit, observed):
        yield f"{words[:1].upper()}{words[1:]}."


def _entry(key: str, found: PriceRange) -> str:
    if found.told is not None:
        return f"{key} = {show_amount(as_price(found.told))}"
    return f"# {key}: {range_words(found)}{_roundest_words(found)}"


def _roundest_words(found: PriceRange) -> str:
    round_one = found.roundest
    return "" if round_one is None else f", of which {show_amount(as_price(round_one))} is roundest"


def _range_data(found: PriceRange) -> dict[str, Decimal | None]:
    round_one = found.roundest
    return {
        "low": as_price(found.low),
        "high": as_price(found.high),
        "roundest": None if round_one is None else as_price(round_one),
    }


def _models(values: dict[Unit, Any]) -> dict[str, dict[str, Any]]:
    models: dict[str, dict[str, Any]] = {}
    for unit, value in values.items():
        entry = models.setdefault(unit.model, {})
        if unit.component == "image":
            entry["images"] = {"default": value}
        else:
            entry[unit.component] = value
    return models


def _model_words(each: ModelCheck, currency: str) -> str:
    if each.lacks:
        return f"the file has no {', '.join(each.lacks)} of it"
    computed = "" if each.computed is None else show_amount(each.computed)
    if each.account_high is None:
        return f"{computed} {currency} by the file; the account doesn't tell it from the others"
    account = _between(each.account_low, each.account_high)
    return f"{computed} {currency} by the file, {account} by the account"


def _between(low: Decimal | None, high: Decimal) -> str:
    if low is None:
        return f"at most {show_amount(high)}"
    return show_amount(low) if low == high else f"{show_amount(low)} to {show_amount(high)}"


def _name(unit: Unit) -> str:
    return f"{printable(unit.component)} of {printable(unit.model)}"


def _names(units: Sequence[Unit]) -> str:
    return ", ".join(_name(unit) for unit in units)
