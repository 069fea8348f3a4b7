"""Services in run.json: what comes back of what was written, and what is damaged."""

from decimal import Decimal

import msgspec
import pytest

from headrace.jobs import (
    DamagedManifestError,
    Limits,
    Manifest,
    Price,
    PriceTable,
    ServiceRecord,
    decode_manifest,
)

NO_LIMITS = Limits(rpm=None, tpm=None, concurrency=None)


def prices(source: str) -> PriceTable:
    return PriceTable(currency="EUR", models={"m": Price(input=Decimal(source))})


def service(name: str, **given: object) -> ServiceRecord:
    known = {"base_url": f"http://{name}", "models": ["m"], "limits": NO_LIMITS, **given}
    return ServiceRecord(name=name, **known)  # type: ignore[arg-type]


def manifest(*services: ServiceRecord, base_url: str | None = None) -> Manifest:
    return Manifest(
        headrace="0",
        schema_version=2,
        kind="bulk",
        base_url=base_url,
        job_file=None,
        services=list(services),
        prices=prices("1"),
    )


def test_services_come_back_as_they_were_written() -> None:
    wrote = manifest(service("a", auth="api-key", weight=2), service("b-2_c", prices=prices("3")))
    assert decode_manifest(msgspec.json.encode(wrote)) == wrote


def test_a_service_without_prices_of_its_own_has_those_of_the_run() -> None:
    read = decode_manifest(
        msgspec.json.encode(manifest(service("a"), service("b", prices=prices("3"))))
    )
    assert (read.prices_of("a"), read.prices_of("b")) == (prices("1"), prices("3"))
    assert read.prices_of(None) == prices("1")
    assert read.currency == "EUR"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (manifest(service("a"), service("a")), "two of its services have one name"),
        (manifest(), "neither a base URL nor services"),
        (manifest(service("a"), base_url="http://b"), "neither a base URL nor services, or both"),
        (manifest(service("A b")), "regex"),
        (manifest(service("a\n")), "regex"),
        (manifest(service("a", weight=0.0)), "> 0"),
    ],
)
def test_a_manifest_whose_services_no_headrace_wrote_is_damaged(wrong: Manifest, why: str) -> None:
    with pytest.raises(DamagedManifestError, match=why):
        decode_manifest(msgspec.json.encode(wrong))
