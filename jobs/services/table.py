"""The services as they are given: `[[services]]` of headrace.toml, or mappings from a program.

    [[services]]
    name = "deepseek"
    base-url = "https://api.deepseek.com"
    key-variable = "DEEPSEEK_KEY"
    models = ["deepseek-chat"]
    [services.limits."deepseek-chat"]
    rpm = 100

Names may be written with - or _. What a key or a price file is, whoever needs it finds out.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from headrace.settings_file import KEY_VARIABLE, SettingsFileError, read_settings
from headrace.toml_keys import KeyTwiceError, snake_keys

from ..base_url import BaseUrls, checked_base_urls
from ..errors import InputError
from ..model_limits import limit_of, model_limits_in
from ..records import KeySentAs, ModelLimits
from ..wording import or_listed, suggested
from .routing import EVERY_OTHER_MODEL, RoutedService, Routing
from .together import check_together, services_by_model

SERVICES = "services"
AUTHS: tuple[KeySentAs, ...] = ("bearer", "x-api-key", "api-key")
FIELDS = (
    "name",
    "base_url",
    "key_variable",
    "auth",
    "models",
    "rpm",
    "tpm",
    "prices",
    "weight",
    "limits",
)
WEIGHT_MAX = 1_000_000
ALL = "all"  # what a column of services calls their sum
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What a key is called where somebody writes it down.
_KEYS = re.compile(r"key|token(?!s)|secret|password")


class GivenService(msgspec.Struct, frozen=True, kw_only=True):
    """One service as it was given, its form checked.

    Args:
        name: what it is called in tables, rows and flags.
        urls: where it is, for each protocol.
        key_variable: the environment variable that has its key; None is HEADRACE_API_KEY.
        auth: how the key is sent; None is by the url.
        models: exact names, `*` for whatever no other service has.
        weight: its share of the models that others have too.
        rpm: requests per minute; None for no limit.
        tpm: tokens per minute; None for no limit.
        model_limits: of models that have their own.
        prices: the price file; None is that of all.
    """

    name: str
    urls: BaseUrls
    key_variable: str | None = None
    auth: KeySentAs | None = None
    models: tuple[str, ...]
    weight: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    model_limits: dict[str, ModelLimits] = {}
    prices: str | None = None


def services_in_settings(path: Path, *, rpm: int | None, tpm: int | None) -> list[GivenService]:
    """The services of a settings file; none where it has none, or does not exist.

    Args:
        path: the settings file.
        rpm: requests per minute where a service sets none; None for no limit.
        tpm: tokens per minute, likewise.

    Raises:
        InputError: for anything that is not a service, and for services that don't fit together.
    """
    try:
        data = read_settings(path)
    except SettingsFileError as error:
        raise InputError(str(error)) from error
    if SERVICES not in data:
        return []
    found = services_of(
        data[SERVICES], rpm=rpm, tpm=tpm, limits=data.get("limits", {}), where=f"{path}: "
    )
    beside = path.parent
    return [
        each
        if each.prices is None
        else msgspec.structs.replace(each, prices=str(beside / each.prices))
        for each in found
    ]


def services_of(
    given: Any, *, rpm: int | None, tpm: int | None, limits: Any = None, where: str = ""
) -> list[GivenService]:
    """The services of a list of mappings, checked each and together.

    Args:
        given: the mappings; those that were read already stay as they are.
        rpm: requests per minute where a service sets none; None for no limit.
        tpm: tokens per minute, likewise.
        limits: of single models, by model, which hold within each service that has the model.
        where: what a message begins with.

    Raises:
        InputError: as for `services_in_settings`.
    """
    if not isinstance(given, list | tuple):
        raise InputError(f"{where}{SERVICES} is a list of tables; write [[{SERVICES}]] for each")
    fallback = {"rpm": rpm, "tpm": tpm}
    if not given:
        raise InputError(f"{where}{SERVICES} is empty; write [[{SERVICES}]] for each")
    found = [
        table
        if isinstance(table, GivenService)
        else _service(table, f"{where}[[{SERVICES}]] {number}", fallback)
        for number, table in enumerate(given, 1)
    ]
    check_together(found, where)
    return _with_common_limits(found, limits or {}, where)


def choose_services(services: Sequence[GivenService], names: Sequence[str]) -> list[GivenService]:
    """Those that are named, in their own order.

    Args:
        services: all that there are.
        names: of those that are wanted; without any all are.

    Raises:
        InputError: no service has that name.
    """
    known = [each.name for each in services]
    for name in names:
        if name not in known:
            raise InputError(f"--service {name}: there is no such service{or_listed(name, known)}")
    return [each for each in services if not names or each.name in names]


def no_services(name: str, path: Path) -> InputError:
    """What is said where --service names one, and there are none.

    Args:
        name: as it was given.
        path: the settings file.
    """
    return InputError(f"--service {name}: {path} has no [[services]] here")


def routing_of(services: Sequence[GivenService], chosen: Sequence[GivenService]) -> Routing:
    """What says which service a job goes to.

    Args:
        services: all that there are.
        chosen: those of them that jobs may go to.
    """
    kept = {EVERY_OTHER_MODEL, *(model for each in chosen for model in each.models)}
    left_out = {
        model: " and ".join(each.name for each in having)
        for model, having in services_by_model(services).items()
        if model not in kept
    }
    return Routing(
        [RoutedService(each.name, each.models, each.weight) for each in chosen], left_out
    )


def _service(table: Any, where: str, fallback: Mapping[str, int | None]) -> GivenService:
    if not isinstance(table, Mapping):
        raise InputError(f"{where} is not a table; write [[{SERVICES}]] and below it its name")
    name = table.get("name")
    if isinstance(name, str) and _NAME.fullmatch(name):
        where = f"{where.rpartition(' ')[0]} {name}"
    try:
        fields = snake_keys(table)
    except KeyTwiceError as error:
        raise InputError(f"{where}: {error}") from error
    _check_fields(fields, where)
    if name is None:
        raise InputError(f'{where} has no name; write name = "deepseek"')
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            f"{where}: the name {name!r} is not lower-case letters, digits, - and _, at most 40"
        )
    if name == ALL:
        raise InputError(f"{where}: reports call all services together {ALL}; rename it")
    rpm, tpm = (limit_of(where, each, fields.get(each, fallback[each])) for each in ("rpm", "tpm"))
    key_variable = _variable(fields.get("key_variable"), where)
    return GivenService(
        name=name,
        urls=_base_urls(fields.get("base_url"), where, key_variable or KEY_VARIABLE),
        key_variable=key_variable,
        auth=_auth(fields.get("auth"), where),
        models=_models(fields.get("models"), where),
        weight=_weight(fields.get("weight"), where),
        rpm=rpm,
        tpm=tpm,
        model_limits=model_limits_in(
            fields.get("limits", {}), rpm=rpm, tpm=tpm, where=f"{where}: ", table="services.limits"
        ),
        prices=_text(fields.get("prices"), "prices", "a price file", where),
    )


def _check_fields(fields: Mapping[str, Any], where: str) -> None:
    known = [each.replace("_", "-") for each in FIELDS]
    for unknown in fields:
        if unknown in FIELDS:
            continue
        if _KEYS.search(unknown.lower()):
            raise InputError(
                f"{where} holds {unknown!r}, and a key does not belong in a file; name the "
                'variable that has it: key-variable = "DEEPSEEK_KEY"'
            )
        raise InputError(
            f"{where} holds {unknown!r}; it may hold {', '.join(known)}{suggested(unknown, known)}"
        )


def _with_common_limits(
    services: Sequence[GivenService], limits: Any, where: str
) -> list[GivenService]:
    """The services with limits of models that hold within each that jobs of the model go to, unless
    it has its own."""
    having = services_by_model(services)
    found = []
    for service in services:
        common = model_limits_in(limits, rpm=service.rpm, tpm=service.tpm, where=where)
        mine = {
            model: each
            for model, each in common.items()
            if service in having.get(model, having.get(EVERY_OTHER_MODEL, ()))
        }
        found.append(
            msgspec.structs.replace(service, model_limits={**mine, **service.model_limits})
        )
    return found


def _models(given: Any, where: str) -> tuple[str, ...]:
    if isinstance(given, str):
        raise InputError(f"{where}: models is a list; write models = [{json.dumps(given)}]")
    if not isinstance(given, list | tuple) or not given:
        raise InputError(f'{where} has no models; write models = ["deepseek-chat"], or ["*"]')
    for model in given:
        if not isinstance(model, str) or not model:
            raise InputError(f"{where}: the model {model!r} is not a name")
    for model, count in Counter(given).items():
        if count > 1:
            raise InputError(f"{where} has the model {model!r} {count} times; leave it there once")
    return tuple(given)


def _base_urls(given: Any, where: str, key_variable: str) -> BaseUrls:
    if isinstance(given, Mapping):
        for name, url in given.items():
            if name not in BaseUrls._fields or not isinstance(url, str) or not url.strip():
                raise InputError(
                    f"{where}: base-url holds {name!r}; it may hold openai and anthropic, each a "
                    "URL"
                )
    elif not isinstance(given, str):
        given = None
    if not given or (isinstance(given, str) and not given.strip()):
        raise InputError(
            f'{where} has no base-url; write base-url = "https://api.example.com", or one for '
            "openai and one for anthropic"
        )
    try:
        return checked_base_urls(given, key_variable=key_variable)
    except InputError as error:
        raise InputError(f"{where}: {error.message}") from error


def _variable(given: Any, where: str) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not _VARIABLE.fullmatch(given):  # may be a key: not shown
        raise InputError(
            f"{where}: key-variable is the name of an environment variable, such as DEEPSEEK_KEY; "
            "a key does not belong in a file"
        )
    return given


def _auth(given: Any, where: str) -> KeySentAs | None:
    if given is None:
        return None
    for auth in AUTHS:
        if given == auth:
            return auth
    near = suggested(str(given), AUTHS)
    raise InputError(f"{where}: auth is {given!r}; it is {', '.join(AUTHS[:-1])} or api-key{near}")


def _weight(given: Any, where: str) -> float | None:
    if given is None:
        return None
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not 0 < given <= WEIGHT_MAX:
        raise InputError(
            f"{where}: weight is {given!r}; it is a number above 0 and at most {WEIGHT_MAX:,}"
        )
    return float(given)


def _text(given: Any, name: str, what: str, where: str) -> str | None:
    if given is None:
        return None
    if isinstance(given, Path):
        return str(given)
    if not isinstance(given, str) or not given:
        raise InputError(f"{where}: {name} is {given!r}; it names {what}")
    return given
