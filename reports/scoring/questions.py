"""What each job asked: the last message of its user, where the run's jobs can still be read."""

from collections.abc import Iterator
from typing import Any

import msgspec
import polars as pl

from headrace.jobs import MADE_JOBS, InputError, Job, JobReader, open_source

from ..run import Run


class _Made(msgspec.Struct):
    body: dict[str, Any]


def questions(run: Run) -> pl.DataFrame:
    """The `question` of each job by its `index`; jobs that have none, or can't be read, are left
    out."""
    rows = [(index, text) for index, body in _bodies(run) if (text := asked(body)) is not None]
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


def _bodies(run: Run) -> Iterator[tuple[int, Any]]:
    made = run.directory / MADE_JOBS
    if made.exists():
        decode = msgspec.json.Decoder(_Made).decode
        with made.open("rb") as file:
            for index, line in enumerate(file):
                if line != b"\n":
                    yield index, decode(line).body
        return
    file_of_run = run.manifest.job_file
    if file_of_run is None or file_of_run.size_bytes is None:
        return
    try:
        with open_source(file_of_run.path) as source:
            if source.identity == file_of_run:
                for each in JobReader(source):
                    if isinstance(each, Job):
                        yield each.index, msgspec.json.decode(each.body)
    except InputError:
        return  # it is gone, or can't be read any more: then nothing is known of it
