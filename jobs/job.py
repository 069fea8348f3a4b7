"""A job: one line of work, ready to be sent."""

import msgspec


class Job(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One request that the user wants made, as one line of the job file gave it.

    `index` is the 0-based line (or, in a batch document, the 0-based request). `body` is the JSON
    object that goes on the wire, byte for byte as the user wrote it but for the one addition that
    `jobs.files.dialects` makes to chat streams. `metadata` and `expected` are JSON text or None.
    `body_digest` is BLAKE2b-128 of `body`, in hex.

    `input_estimate_tokens` is the rule's estimate (`jobs.costs.estimate`) before any learning;
    `output_limit_tokens` is max_tokens or max_completion_tokens, times n, or None where the body
    sets none; `answers` is that n. `images` is how many are asked for (0 for text), of `image_size`
    where one is set.
    """

    index: int
    custom_id: str
    url: str
    model: str
    stream: bool
    body: bytes
    body_digest: str
    input_estimate_tokens: int
    output_limit_tokens: int | None = None
    answers: int = 1
    image_size: str | None = None
    images: int = 0
    metadata: str | None = None
    expected: str | None = None


class Reject(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line that is no job: `reason` says in plain words why, and what to write instead.

    `line` counts from 1 (in a batch document: the request). `text` is the line as it stands there,
    with bytes that are not UTF-8 as \\xNN.
    """

    line: int
    reason: str
    text: str
    custom_id: str | None = None
