"""What a night may spend, so that its day keeps to its budget: its run, and its judge's votes.

The day is that of the night and that of its start, which differ where `--date` says so, or where a
night is resumed past midnight: what other nights sent on either counts.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.jobs import InputError, load_prices

from ..errors import OutOfMoneyError
from .eval_file import EvalFile
from .runs_directory import RunsDirectory, has_ended

if TYPE_CHECKING:
    from headrace.reports import Spent

PRICES = "--prices="


class DailyBudget:
    """The budget of the day on which a night is run.

    Args:
        amount: of the day.
        runs: where its nights are.
        day: the night's date.
        now: when it is started, in UTC.
    """

    def __init__(self, amount: Decimal, runs: RunsDirectory, day: str, now: datetime) -> None:
        self._amount = amount
        self._runs = runs
        self._day = day
        self._days = {date.fromisoformat(day), now.astimezone(UTC).date()}

    def for_run(self) -> Decimal:
        """What the night's run may come to, all its sessions together. Raises OutOfMoneyError where
        it has something left to ask, and nothing is left for it."""
        spent = self._spent()
        left = self._left(spent)
        if not left and not has_ended(self._runs.night(self._day)):
            raise self._nothing_left(spent)
        # A night that is done sends nothing more; its cost stands.
        return spent.by_run + left or self._amount

    def for_judge(self) -> Decimal:
        """What the votes of the night's judge may come to. Raises OutOfMoneyError where nothing is
        left for the first of them."""
        spent = self._spent()
        if not (found := spent.by_judge + self._left(spent)):
            raise self._nothing_left(spent)
        return found

    def _spent(self) -> "Spent":
        from headrace.reports import spent_by

        others = [self._runs.night(each) for each in self._runs.dates() if each != self._day]
        return spent_by(self._runs.night(self._day), others, self._days)

    def _left(self, spent: "Spent") -> Decimal:
        return max(self._amount - spent.on_day, Decimal(0))

    def _nothing_left(self, spent: "Spent") -> OutOfMoneyError:
        return OutOfMoneyError(
            f"the budget of {self._day} is spent: its runs in {self._runs.path} come to "
            f"{spent.on_day:f} of {self._amount:f} (max-cost in [run])"
        )


def check_judge_priced(eval_file: EvalFile, defaults: Mapping[str, Any]) -> None:
    """Refuse a judge whose votes the budget can't count, before anything is sent.

    Args:
        eval_file: which may have neither.
        defaults: of the flags of `run`, from headrace.toml.

    Raises:
        InputError: it has no prices, or some in another currency than the night's.
    """
    if eval_file.judge is None or eval_file.budget is None:
        return
    from headrace.reports import read_judge

    default = defaults.get("prices")
    found = read_judge(eval_file.judge).run.get("prices", default)
    if found is None:
        raise InputError(
            f"{eval_file.judge}: no prices below [run], and max-cost in {eval_file.path} is of all "
            'that a day spends, the judge\'s votes too; write prices = "prices.toml"'
        )
    own = next((each[len(PRICES) :] for each in flags_with(eval_file.flags, PRICES)), default)
    if own is None:
        return  # which the run refuses in its own words
    night, judge = (load_prices(Path(str(each))).currency for each in (own, found))
    if night != judge:
        raise InputError(
            f"{eval_file.judge}: its prices are in {judge}, those of the night in {night}, and one "
            "max-cost can't hold both; price them in one currency"
        )


def flags_with(flags: Sequence[str], start: str) -> list[str]:
    """The flags that begin so."""
    return [each for each in flags if each.startswith(start)]
