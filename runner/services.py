"""The services of a run, ready to be sent to: their URLs, keys, limits and prices."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from headrace.jobs import (
    BaseUrls,
    GivenService,
    InputError,
    JobServices,
    KeySentAs,
    Limits,
    ModelLimits,
    PriceTable,
    ServiceRecord,
    check_one_currency,
    load_prices,
    routing_of,
    rules_of,
    services_of,
)

from .defaults import KEY_VARIABLE
from .secret import Secret, Secrets, key_in
from .transport import transport_to


class ServiceSettings(NamedTuple):
    """One service; see `jobs.GivenService`. `prices` are None where it has those of all."""

    name: str
    urls: BaseUrls
    key: Secret
    key_variable: str
    auth: KeySentAs | None
    models: tuple[str, ...]
    weight: float | None
    rpm: int | None
    tpm: int | None
    model_limits: Mapping[str, ModelLimits]
    prices: PriceTable | None

    def record(self, concurrency: int | None) -> ServiceRecord:
        """As run.json has it."""
        openai, anthropic = self.urls
        return ServiceRecord(
            name=self.name,
            base_url=openai,
            anthropic_base_url=None if anthropic == openai else anthropic,
            auth=self.auth,
            models=list(self.models),
            weight=self.weight,
            limits=Limits(
                rpm=self.rpm, tpm=self.tpm, concurrency=concurrency, models=dict(self.model_limits)
            ),
            prices=self.prices,
        )

    @property
    def as_settings(self) -> dict[str, Any]:
        """The fields of a run's settings that are this service's."""
        openai, anthropic = self.urls
        return {
            "base_url": openai,
            "anthropic_base_url": None if anthropic == openai else anthropic,
            "key": self.key,
            "service": self.name,
            "auth": self.auth,
            "key_variable": self.key_variable,
            "rpm": self.rpm,
            "tpm": self.tpm,
            "model_limits": self.model_limits,
        }


class Services(NamedTuple):
    """All services of a run, and how they were given."""

    each: tuple[ServiceSettings, ...]
    given: "ChosenServices"
    keys: Secrets  # of all, those that were not chosen included: whichever is echoed is taken out

    @property
    def left_out(self) -> list[str]:
        """The names of those that were not chosen."""
        chosen = {each.name for each in self.given.chosen}
        return [each.name for each in self.given.known if each.name not in chosen]

    def own_prices(self, name: str | None) -> PriceTable | None:
        """The prices of a service that has its own."""
        return next((each.prices for each in self.each if each.name == name), None)

    def job_services(
        self, prices_of: Callable[[str | None], PriceTable | None] | None, *, by_digest: bool
    ) -> JobServices:
        """What jobs are held to. With `prices_of` their costs must be bounded."""
        rules = rules_of(self.each, prices_of)
        return JobServices(routing_of(*self.given), rules, by_digest=by_digest)


class ChosenServices(NamedTuple):
    """The services that there are, and those of them that a command was told to use."""

    known: Sequence[GivenService]
    chosen: Sequence[GivenService]


def services_from(
    given: ChosenServices | Sequence[Mapping[str, Any] | GivenService],
    key: Secret | str | None,
    *,
    rpm: int | None,
    tpm: int | None,
    model_limits: Mapping[str, ModelLimits] | None = None,
    prices: PriceTable | None,
    http2: bool,
    environment: Mapping[str, str] = os.environ,
) -> Services:
    """The services of a command or a program, ready to be sent to.

    Args:
        given: as they were chosen from a file; or mappings with the names of its tables.
        key: of those services that name no variable for theirs; None is that of the environment.
        rpm: of services that set none, where these are mappings.
        tpm: likewise.
        model_limits: likewise, of single models.
        prices: of services that have no price file.
        http2: whether it is asked for, which the URLs must allow.
        environment: where the keys are.

    Raises:
        InputError: for a URL, key or price file that can't be used, and for two currencies.
    """
    if not isinstance(given, ChosenServices):
        tables = {
            model: {"rpm": each.rpm or "none", "tpm": each.tpm or "none"}
            for model, each in (model_limits or {}).items()
        }
        known = services_of(given, rpm=rpm, tpm=tpm, limits=tables)
        given = ChosenServices(known, known)
    found = tuple(
        _service(each, key, http2=http2, environment=environment) for each in given.chosen
    )
    check_one_currency({each.name: each.prices or prices for each in found})
    others = {each.key_variable or KEY_VARIABLE for each in given.known} & environment.keys()
    keys = [*(each.key for each in found), *(Secret(environment[name].strip()) for name in others)]
    return Services(found, given, Secrets(keys))


def _service(
    given: GivenService,
    key: Secret | str | None,
    *,
    http2: bool,
    environment: Mapping[str, str],
) -> ServiceSettings:
    variable = given.key_variable or KEY_VARIABLE
    try:
        transport_to(*given.urls, http2=http2)  # so far as that says what is wrong
        if variable != KEY_VARIABLE or key is None:
            key = key_in(variable, environment)
        prices = None if given.prices is None else load_prices(Path(given.prices))
    except InputError as error:
        raise InputError(f"service {given.name}: {error.message}") from error
    return ServiceSettings(
        name=given.name,
        urls=given.urls,
        key=key if isinstance(key, Secret) else Secret(key),
        key_variable=variable,
        auth=given.auth,
        models=given.models,
        weight=given.weight,
        rpm=given.rpm,
        tpm=given.tpm,
        model_limits=given.model_limits,
        prices=prices,
    )
