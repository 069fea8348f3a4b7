"""The services of a run, ready to be sent to."""

from typing import Any

from headrace.jobs import choose_services, services_of
from headrace.runner.services import ChosenServices, services_from
from tests.runner.three_services import key_of, table


def test_a_service_that_was_left_out_may_not_be_seen_to_have_its_key_echoed() -> None:
    known = services_of([table(name, name) for name in "abc"], rpm=None, tpm=None)
    environment = {"KEY_A": key_of("a"), "KEY_B": key_of("b"), "KEY_D": key_of("d")}
    options: dict[str, Any] = {"rpm": None, "tpm": None, "prices": None, "http2": False}
    chosen = ChosenServices(known, choose_services(known, ["a"]))
    services = services_from(chosen, None, environment=environment, **options)
    assert [each.name for each in services.each] == ["a"]
    said = services.keys.redact(" ".join(map(key_of, "abd")))
    assert said == f"*** *** {key_of('d')}"
