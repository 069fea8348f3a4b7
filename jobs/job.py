"""A job: one line of work, ready to be sent."""

import msgspec


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One request that the user wants made, as one line of the job file gave it.

    `index` is the 0-based line (or, in a batch document, the 0-based request). `body` is the JSON
    object that goes on the wire, byte for byte as the user wrote it but for the one addition that
    `jobs.dialects` makes to chat streams. `metadata` and `expected` are JSON text or None.
    `body_digest` is BLAKE2b-128 of `body`, in hex.
    """

    index: int
    custom_id: str
    url: str
    model: str
    stream: bool
    body: bytes
    body_digest: str
    metadata: str | None = None
    expected: str | None = None


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """A line that is no job. `line` counts from 1; `reason` is in plain words."""

    line: int
    reason: str
    text: str
    custom_id: str | None = None
