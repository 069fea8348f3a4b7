"""A job: one line of work, ready to send."""

import msgspec

# What a job's model is called where its endpoint needs none, and its line has none.
NO_MODEL = "default"


class Job(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One request that the user wants made, from one line of the job file.

    Args:
        index: from 0, of the line in the file or of the request in a document.
        custom_id: the user's name for it, unique in the file.
        url: the path of its endpoint; one that is not a key of ENDPOINTS is of kind `other`.
        model: the model that the body names; "default" where an endpoint needs none.
        stream: whether the answer is streamed.
        body: the JSON object to send, byte for byte as the user wrote it except for the one
            addition to chat streams (`jobs.files.stream_options`).
        body_digest: BLAKE2b-128 of `body`, in hex.
        input_estimate_tokens: the rule's estimate (`jobs.costs.estimate`) before any learning.
        output_limit_tokens: max_tokens or the like, times `answers`; None where the body sets no
            limit, 0 where answers of the endpoint have no tokens.
        answers: the body's n, for each of its prompts; of embeddings its inputs.
        image_size: the requested size of images; None where the body sets none.
        images: how many are requested; 0 for text.
        web_search: the field of a chat body by which the service may search the web, at a price of
            its own; None where there is none.
        metadata: JSON text, or None.
        expected: JSON text, or None.
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
    web_search: str | None = None
    metadata: str | None = None
    expected: str | None = None


class Reject(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line that is not a job.

    Args:
        line: from 1, of the line in the file or of the request in a document.
        reason: why it is not a job, and what to write instead.
        text: the line, with bytes that are not UTF-8 as \\xNN.
        custom_id: where the line has one.
    """

    line: int
    reason: str
    text: str
    custom_id: str | None = None
