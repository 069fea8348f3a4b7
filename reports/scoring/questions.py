"""What each job asked: the last message of its user, where the run's jobs can still be read."""

from typing import Any

import msgspec
import polars as pl

from ..run import Run
from .asked_jobs import asked_jobs


def questions(run: Run) -> pl.DataFrame:
    """The `question` of each job by its `index`; jobs that have none, or can't be read, are left
    out."""
    rows = [
        (job.index, text)
        for job in asked_jobs(run)
        if (text := asked(msgspec.json.decode(job.body))) is not None
    ]
    return pl.DataFrame(rows, schema={"index": pl.Int64, "question": pl.String}, orient="row")


def asked(body: Any) -> str | None:
    """The text that a request ends with: its last user message, or its prompt, query or input."""
    if not isinstance(body, dict):
        return None
    messages = body.get("messages")
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "user":
            return _text(message.get("content"))
    found = next((body[name] for name in ("prompt", "query", "input") if name in body), None)
    return found if isinstance(found, str) else None


def _text(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [each["text"] for each in parts if isinstance(each, dict) and "text" in each]
    return "\n".join(texts) if texts and all(isinstance(each, str) for each in texts) else None
