"""What follows from a failed attempt."""

from typing import get_args

from headrace.jobs import ErrorKind, counts_toward_outage
from headrace.runner.retries.failure import Failure


def test_a_failure_counts_toward_an_outage_as_its_row_does() -> None:
    """The lane counted cut streams, and `status` did not."""
    kinds: tuple[ErrorKind, ...] = get_args(ErrorKind)
    for kind in kinds:
        for status in (None, 200, 429, 500):
            failure = Failure(kind, "it failed", status=status)
            assert failure.of_service is counts_toward_outage(kind, status=status, code=None)
            assert not failure._replace(final=True).of_service
    assert len(kinds) == 9
