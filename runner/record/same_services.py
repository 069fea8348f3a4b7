"""Whether a run may be resumed by the services that are given now, and which it then has."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import msgspec
import polars as pl

from headrace.jobs import (
    Attempt,
    Decided,
    Ended,
    Manifest,
    Result,
    Sent,
    ServiceRecord,
    may_be_billed,
    sealed_rows,
    unbilled,
)

from ..errors import RunDirectoryError
from .journal import journalled


def refuse_other_services(
    path: Path, known: Manifest, fresh: Manifest, *, left_out: Collection[str]
) -> None:
    """A service that has answered stays what and where it is; others may be added, and `left_out`
    are those that a session does without. Rows of a run have services or they have none.

    Raises RunDirectoryError, with nothing touched.
    """
    before, now = _base_urls(known), _base_urls(fresh)
    for name, urls in before.items():
        if urls == now.get(name) or name in left_out or not _has_answers(path, name):
            continue
        where = " and ".join(dict.fromkeys(urls))
        if name is None:
            without = ", without [[services]]" if fresh.services else ""
            said = f"was begun at {where}{without}; resume it there"
        elif name in now:
            said = f"has answers of the service {name} from {where}; resume it there"
        else:
            said = (
                f"has answers of the service {name}; resume it with that in headrace.toml, which "
                "--service may leave out"
            )
        raise RunDirectoryError(f"{path} {said}, or choose another --out")
    if bool(known.services) == bool(fresh.services) or not _has_attempts(path):
        return
    names = [each.name for each in known.services]
    if names:
        with_these = f"{'the services' if len(names) > 1 else 'the service'} {' and '.join(names)}"
        said = f"has requests to {with_these}; resume it with [[services]]"
    else:
        said = f"has requests to {known.base_url}, without [[services]]; resume it without them"
    raise RunDirectoryError(f"{path} {said}, or choose another --out")


def services_now(path: Path, known: Manifest, fresh: Manifest) -> list[ServiceRecord]:
    """The services of a run that is resumed: those that are given, with the prices that they had
    where none are given now; and those that are gone, where they have answers or may have billed
    something: a report tells them apart."""
    prices = {each.name: each.prices for each in known.services}
    given = [
        msgspec.structs.replace(each, prices=each.prices or prices.get(each.name))
        for each in fresh.services
    ]
    names = {each.name for each in given}
    gone = [each for each in known.services if each.name not in names]
    return given + [
        each for each in gone if _has_answers(path, each.name) or _may_have_billed(path, each.name)
    ]


def _base_urls(manifest: Manifest) -> dict[str | None, tuple[str, str]]:
    """Where each service is, by its name; that of a run without several has none."""
    of_all: list[Manifest | ServiceRecord] = [*manifest.services] or [manifest]
    found = {}
    for each in of_all:
        assert each.base_url is not None
        name = None if isinstance(each, Manifest) else each.name
        found[name] = (each.base_url, each.anthropic_base_url or each.base_url)
    return found


def _has_answers(path: Path, service: str | None) -> bool:
    """Whether anything has succeeded or cost something there: a wrong URL binds nobody to it."""
    return (
        _any_row(path / "results", Result, service, pl.col("status") == "succeeded")
        or _any_row(path / "attempts", Attempt, service, pl.col("cost") > 0)
        or any(
            isinstance(record, Decided | Ended)
            and record.result is not None
            and record.result.status == "succeeded"
            and record.result.service == service
            for record in journalled(path)
        )
        or _any_journalled(path, service, lambda attempt: bool(attempt.cost))
    )


def _may_have_billed(path: Path, service: str) -> bool:
    return _any_row(path / "attempts", Attempt, service, unbilled()) or (
        _any_journalled(path, service, may_be_billed)
    )


def _has_attempts(path: Path) -> bool:
    return _any_row(path / "attempts", Attempt, None, pl.lit(value=True)) or any(
        isinstance(record, Sent | Ended) for record in journalled(path)
    )


def _any_row(
    table: Path, kind: type[Attempt | Result], service: str | None, condition: pl.Expr
) -> bool:
    """Whether a table has a row of a service, or of any where there are none, which is so."""
    if service is not None:
        condition &= pl.col("service") == service
    try:
        for part in table.glob("*.parquet"):  # one by one: some may be of schema 1
            rows = sealed_rows([part], kind).filter(condition)
            if len(rows.select("index").head(1).collect()):
                return True
    except pl.exceptions.PolarsError as error:
        raise RunDirectoryError(
            f"a part in {table} can't be read ({error}); restore it, or choose another --out"
        ) from error
    return False


def _any_journalled(path: Path, service: str | None, condition: Callable[[Attempt], bool]) -> bool:
    """Whether the journal has such an attempt of a service; one that never ended is lost."""
    return any(each.service == service and condition(each) for each in _attempts(path))


def _attempts(path: Path) -> Iterator[Attempt]:
    for record in journalled(path):
        if isinstance(record, Ended):
            yield record.attempt
        elif isinstance(record, Sent):
            yield record.lost()
