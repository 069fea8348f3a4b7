"""What the service of a job holds it to."""

import pytest

from headrace.jobs import Job, JobServices, ModelLimits
from headrace.jobs.services import RoutedService, Routing, ServiceRules

CHAT = "/v1/chat/completions"


def job(
    model: str = "m", *, index: int = 0, digest: str = "0" * 32, output: int | None = 40
) -> Job:
    """A job of 60 tokens of input."""
    return Job(
        index=index,
        custom_id=f"job-{index}",
        url=CHAT,
        model=model,
        stream=False,
        body=b"{}",
        body_digest=digest,
        input_estimate_tokens=60,
        output_limit_tokens=output,
    )


@pytest.mark.parametrize(
    ("tpm", "own", "needs"),
    [
        (100, None, None),
        (99, None, "raise the tpm of the service one"),
        (99, 100, None),
        (1000, 99, 'raise the tpm of the service one in [services.limits."m"]'),
        (None, 99, 'raise the tpm of the service one in [services.limits."m"]'),
        (None, None, None),
    ],
)
def test_a_job_fits_into_a_minute_of_its_service_or_of_its_model_there(
    tpm: int | None, own: int | None, needs: str | None
) -> None:
    limits = {} if own is None else {"m": ModelLimits(rpm=None, tpm=own)}
    rules = {"one": ServiceRules(tpm, limits)}
    services = JobServices(Routing([RoutedService("one", ["m"])]), rules)
    why = services.why_not(job())
    assert why is None if needs is None else why is not None and why.endswith(needs)
    assert services.why_not(job(output=None)) is None


@pytest.mark.parametrize("by_digest", [False, True])
def test_jobs_are_shared_out_by_their_line_or_by_what_they_ask(by_digest: bool) -> None:
    routing = Routing([RoutedService(name, ["m"], 1) for name in ("one", "two")])
    rules = {name: ServiceRules(None, {}) for name in ("one", "two")}
    services = JobServices(routing, rules, by_digest=by_digest)
    equal = {services.of(job(index=index)) for index in range(10)}
    different = {services.of(job(digest=f"{n * 0x1234567:016x}{'0' * 16}")) for n in range(10)}
    assert (len(equal), len(different)) == ((1, 2) if by_digest else (2, 1))
