"""A job that asks again: the conversation with the answer that did not fit, and what is wrong."""

from typing import Any

import msgspec

from ..files import build_job
from ..job import Job

COMPLAINT = (
    "Your answer does not have the form that was asked for. {why}\n"
    "Give the whole answer again, so that it fits the schema."
)


def asked_again(job: Job, *, text: str | None, why: str) -> Job:
    """The job that tells the model what was wrong, and asks once more.

    Both protocols take an answer and a message of the user after it, also where a tool was called.

    Args:
        job: a conversation, as it was asked.
        text: what was answered; None or blank where there was none.
        why: what is wrong with it.

    Returns:
        A job with a longer body, which bears the digest of the one before: it is still its line's.
    """
    body = msgspec.json.decode(job.body, type=dict[str, msgspec.Raw])
    messages: list[Any] = list(msgspec.json.decode(body["messages"], type=list[msgspec.Raw]))
    if text is not None and text.strip():
        messages.append({"role": "assistant", "content": text.rstrip()})
    messages.append({"role": "user", "content": COMPLAINT.format(why=why)})
    longer = msgspec.json.encode({**body, "messages": messages})
    made = build_job(
        longer,
        url=job.url,
        custom_id=job.custom_id,
        number=job.index + 1,
        metadata=job.metadata,
        expected=job.expected,
    )
    return msgspec.structs.replace(made, body_digest=job.body_digest)
