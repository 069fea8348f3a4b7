"""A run of several services, as one run of each: what belongs together only within a service.

Accounts, limits and prices are a service's own. Whatever compares readings of a balance, or a rate
with its limit, does it on one of these.
"""

import msgspec
import polars as pl

from headrace.jobs import InputError, Manifest, ServiceRecord, suggested

from .run import Run


def by_service(run: Run) -> dict[str, Run]:
    """The run once for each of its services, by name; {} where it has none of them.

    Each has the service's rows, readings, base URLs, prices and limits, and no services of its own.
    What is not told by service, such as rejected lines, none of them has.
    """
    return {each.name: _narrowed(run, each) for each in run.manifest.services}


def parts_of(run: Run) -> list[Run]:
    """The run by its services; itself, where it has none."""
    return list(by_service(run).values()) or [run]


def run_of_service(run: Run, name: str | None) -> Run:
    """The part of a run that one account can say something about.

    Args:
        run: the run.
        name: its service; None for the only one, or where it has none.

    Raises:
        InputError: it has no such service, or several and none is named.
    """
    found = by_service(run)
    if name is None:
        if len(found) > 1:
            raise InputError(
                f"{run.directory} has several services, each with an account of its own: name one "
                f"with --service ({', '.join(found)})"
            )
        return next(iter(found.values()), run)
    if not found:
        raise InputError(f"{run.directory} has no services; leave out --service for it")
    if name not in found:
        raise InputError(f"{run.directory} has no service {name!r}{suggested(name, list(found))}")
    if others := sharing_accounts(run).get(name):
        raise InputError(
            f"the service {name} in {run.directory} has its account in common with "
            f"{' and '.join(others)}, which doesn't tell them apart"
        )
    return found[name]


def sharing_accounts(run: Run) -> dict[str, list[str]]:
    """Services that had an account in common in any session, as whoever sent knew by their keys,
    each with the others of it: what one reading says was taken may be another's. {} where each has
    its own."""
    names = [each.name for each in run.manifest.services]
    together: dict[str, set[str]] = {name: set() for name in names}
    for session in run.manifest.sessions:
        for group in session.shared_accounts:
            for name in together.keys() & {*group}:
                together[name].update(group)
    found = {
        name: [other for other in names if other != name and other in others]
        for name, others in together.items()
    }
    return {name: others for name, others in found.items() if others}


def _narrowed(run: Run, service: ServiceRecord) -> Run:
    mine = pl.col("service").eq_missing(service.name)
    return run._replace(
        manifest=_manifest(run.manifest, service),
        results=run.results.filter(mine),
        attempts=run.attempts.filter(mine),
        readings=run.readings.filter(mine),
        rejected=0,
        under_way=[each for each in run.under_way if each.service == service.name],
        left_out=0,
    )


def _manifest(whole: Manifest, service: ServiceRecord) -> Manifest:
    return msgspec.structs.replace(
        whole,
        base_url=service.base_url,
        anthropic_base_url=service.anthropic_base_url,
        services=[],
        prices=whole.prices_of(service.name),
        sessions=[
            msgspec.structs.replace(
                session, limits=session.service_limits.get(service.name, service.limits)
            )
            for session in whole.sessions
        ],
    )
