"""The end of a job as the journal has it: what a result adds to the row of its last attempt.

Most columns of a result are those of its last attempt, which is in the same record: written twice
they would make the journal, and the work for each job, larger by a third.
"""

from .rows import Attempt, Moment, Result, Row, Status
from .vectors import floats_of


class JobEnd(Row, frozen=True, kw_only=True):
    """A result without the columns that its last attempt has; for these see `Result`.

    `error_code` and `error_message` are here too: a result says more than the attempt, such as why
    the job was given up. `vectors` are bytes, which JSON has as base64: half of what their numbers
    would take, and no work for each of them.
    """

    status: Status
    error_code: str | None = None
    error_message: str | None = None
    finish_reason: str | None = None
    text: str | None = None
    response: str | None = None
    vectors: list[bytes] | None = None
    copy_of: str | None = None
    currency: str | None = None
    ended_at: Moment
    tpot_s: float | None = None
    total_s: float
    body_digest: str
    metadata: str | None = None
    expected: str | None = None

    def result(self, last: Attempt) -> Result:
        """The whole result of a job whose last attempt was `last`."""
        shared = {name: getattr(last, name) for name in OF_LAST_ATTEMPT}
        own = {name: getattr(self, name) for name in JobEnd.__struct_fields__}
        if self.vectors is not None:
            own["vectors"] = [floats_of(each).tolist() for each in self.vectors]
        return Result(attempts=last.attempt, **shared, **own)


# Columns that a result has of its last attempt; its `attempts` is the number of that attempt.
OF_LAST_ATTEMPT = tuple(
    name
    for name in Result.__struct_fields__
    if name in Attempt.__struct_fields__ and name not in JobEnd.__struct_fields__
)
