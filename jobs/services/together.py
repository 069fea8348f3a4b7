"""What services have to be together: names and models that tell them apart, and shares that jobs
can have. All of it is known before a job is read."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Protocol
from urllib.parse import urlsplit

from headrace.loopback import LOOPBACK, is_loopback
from headrace.settings_file import KEY_VARIABLE

from ..errors import InputError
from ..records import ModelLimits
from ..wording import suggested
from .routing import EVERY_OTHER_MODEL

# Of a share that is smaller, no file of that length would see a job.
SHARE_MIN = Fraction(1, 1_000_000)


class NamedService(Protocol):
    """What of a service is held against the others."""

    @property
    def name(self) -> str: ...

    @property
    def models(self) -> Sequence[str]: ...

    @property
    def weight(self) -> float | None: ...

    @property
    def model_limits(self) -> Mapping[str, ModelLimits]: ...

    @property
    def urls(self) -> Sequence[str]: ...

    @property
    def key_variable(self) -> str | None: ...


def check_together(services: Sequence[NamedService], where: str) -> None:
    """Raises InputError for two of one name, for a key that would go to several hosts though nobody
    said so, and for a model that it isn't clear who gets, or that somebody limits who doesn't."""
    _check_names(services, where)
    _check_keys(services, where)
    having = services_by_model(services)
    _check_models(having, where)
    for service in services:
        _check_limited(service, having, where)


def services_by_model(services: Iterable[NamedService]) -> dict[str, list[NamedService]]:
    """Those that name a model, for each; under `*` those for whatever no other has."""
    having: dict[str, list[NamedService]] = {}
    for service in services:
        for model in service.models:
            having.setdefault(model, []).append(service)
    return having


def _check_names(services: Sequence[NamedService], where: str) -> None:
    seen: set[str] = set()
    for service in services:
        if service.name in seen:
            raise InputError(f"{where}two services are called {service.name}; rename one")
        seen.add(service.name)


def _check_keys(services: Sequence[NamedService], where: str) -> None:
    """A key reaches its own service alone: that of all may be meant for one of them. (Those on
    this machine are not strangers to each other.)"""
    hosts = {
        each.name: {_host(url) for url in each.urls}
        for each in services
        if each.key_variable is None
    }
    for first, other in pairwise(hosts):
        if hosts[first] != hosts[other]:
            raise InputError(
                f"{where}{KEY_VARIABLE} would go to the hosts of both {first} and {other}: give "
                "each a key-variable of its own, or name that one where it is meant"
            )


def _host(url: str) -> str:
    host = urlsplit(url).hostname or LOOPBACK  # without one it is a Unix socket
    return LOOPBACK if is_loopback(host) else host


def _check_models(having: Mapping[str, Sequence[NamedService]], where: str) -> None:
    """Models of several services have a weight on each; and whatever no other has, one alone."""
    for model, each in having.items():
        if len(each) == 1:
            continue
        names = " and ".join(service.name for service in each)
        if model == EVERY_OTHER_MODEL:
            raise InputError(
                f"{where}{names} each have the models '*', whatever no other service has; leave it "
                "to one"
            )
        without = [service.name for service in each if service.weight is None]
        if without:
            raise InputError(
                f"{where}the model {model!r} is on {names}: give each a weight, its share of the "
                f"jobs ({' and '.join(without)} "
                f"{'has' if len(without) == 1 else 'have'} none), or leave the model to one"
            )
        weights = {service.name: Fraction(service.weight or 0) for service in each}
        for name, weight in weights.items():
            if weight < SHARE_MIN * sum(weights.values()):
                raise InputError(
                    f"{where}the model {model!r} is on {names}, and the weight of {name} gives it "
                    "less than one job in a million; give it more, or leave the model to the others"
                )


def _check_limited(
    service: NamedService, having: Mapping[str, Sequence[NamedService]], where: str
) -> None:
    for model in service.model_limits:
        if model in service.models:
            continue
        said = f"{where}[[services]] {service.name} limits the model {model!r}, which"
        if EVERY_OTHER_MODEL not in service.models:
            raise InputError(f"{said} it does not have{suggested(model, service.models)}")
        if others := having.get(model):
            names = " and ".join(each.name for each in others)
            raise InputError(f"{said} goes to {names}, where it is named; limit it there")
