"""One trial: an account with secret prices, probes, and what `headrace prices fit` tells of it."""

import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import trio
from trio.testing import MockClock

from headrace.reports.price_fit import Fit, Observed, fit_prices, observe, open_runs

from .account import SecretAccount
from .secret_prices import (
    Name,
    Stretch,
    another_price,
    cost,
    probes,
    secret_prices,
    solvable,
    true_prices,
    used_by_log,
)

AMOUNT = 12  # decimals of the amounts that are compared
Between = Callable[[SecretAccount, int, int], None]


class Told(NamedTuple):
    """What came of a trial's prices.

    Args:
        exact: told, and right.
        wrong: told, and not right.
        ranges: told as a range that holds the truth.
        outside: told as a range that doesn't.
        silent: nothing is said of them but that nothing explains what was taken.
        missed: of `ranges`, those that could have been told: at 12 decimals by the equations, at
            fewer where no other list of prices was found that explains the figures as well.
        requests: how many it took.
        prices: how many secret prices there are.
        noted: whether the fit says that something is amiss, or rests on too little.
    """

    exact: int
    wrong: list[Name]
    ranges: int
    outside: list[Name]
    silent: int
    missed: list[Name]
    requests: int
    prices: int
    noted: bool
    fit: Fit
    observed: Observed


def trial(
    seed: int,
    decimals: int,
    *,
    tokens: int,
    between: Between | None = None,
    judged: bool = True,
    now: int = 1,
    **account: Any,
) -> Told:
    """Make secret prices of a seed, send the probes, and fit.

    Args:
        seed: of prices and probes.
        decimals: that the account shows.
        tokens: that long prompts have.
        between: called before each run with its number and how many there are.
        now: so many times the secret prices hold at the end.
        judged: whether to look for what could have been told.
        account: more of its settings.
    """
    rng = random.Random(seed)
    models = secret_prices(rng)
    planned = probes(rng, models, tokens=tokens)
    budget = rng.random() < 0.5

    async def made(folder: Path) -> SecretAccount:
        settings = {"output_tokens": 4 * tokens, "fault_header": True, **account}
        account_of = SecretAccount(folder, models, decimals=decimals, budget=budget, **settings)
        for number, probe in enumerate(planned):
            if between is not None:
                between(account_of, number, len(planned))
            await account_of.run(probe.lines, **probe.settings)
        return account_of

    with tempfile.TemporaryDirectory() as folder:
        of = trio.run(made, Path(folder), clock=MockClock(autojump_threshold=0))
        observed = observe(open_runs([str(run) for run in of.runs]))
        fit = fit_prices(observed)
    truth = {name: now * price for name, price in true_prices(models).items()}
    stretches = seen(of, decimals, models)
    if judged:
        assert all(each.low <= cost(each.used, truth) <= each.high for each in stretches)
    return _told(fit, observed, truth, stretches if judged else [], exact=decimals == AMOUNT)


def seen(of: SecretAccount, decimals: int, models: Any) -> list[Stretch]:
    """What the log and the shown figures say of each run."""
    unit = 0 if decimals == AMOUNT else 10 ** (AMOUNT - decimals)
    found = []
    for rows, figures in zip(of.used, of.figures, strict=True):
        taken = int((figures[0] - figures[-1]).scaleb(AMOUNT))
        found.append(Stretch(used_by_log(rows, models), taken - unit, taken + unit))
    return found


def _told(
    fit: Fit,
    observed: Observed,
    truth: dict[Name, int],
    stretches: Sequence[Stretch],
    *,
    exact: bool,
) -> Told:
    found = {(unit.model, unit.component): each for unit, each in fit.prices.items()}
    told = {name: each.told for name, each in found.items() if each.told is not None}
    ranges = {name: each for name, each in found.items() if each.told is None}
    if not stretches:
        could = set[Name]()
    elif exact:
        could = set(solvable([each.used for each in stretches], list(truth)))
    else:
        could = {name for name in ranges if not another_price(name, truth, stretches)}
    return Told(
        exact=sum(value == truth[name] for name, value in told.items()),
        wrong=[name for name, value in told.items() if value != truth[name]],
        ranges=sum(each.low <= truth[name] <= each.high for name, each in ranges.items()),
        outside=[n for n, each in ranges.items() if not each.low <= truth[n] <= each.high],
        silent=len(truth) - len(found),
        missed=sorted(could - told.keys()),
        requests=observed.attempts,
        prices=len(truth),
        noted=any(fit[1:]),
        fit=fit,
        observed=observed,
    )
