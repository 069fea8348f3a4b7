"""A job file read beside a run: what may block in threads, the parsing between other work."""

import trio

from headrace.jobs import Job, JobReader, Reject

from ..offload import Offload


async def read_some(reader: JobReader, read: Offload) -> list[Job | Reject]:
    """The next jobs, and lines that are none; nothing at the end of the file.

    What may block is done by `read`, in a thread. The parsing is not: one thread runs Python at a
    time, and where two want to, whatever lets go of the interpreter for a moment, as each write
    does, waits to have it back. Only a line that takes long by itself goes there.

    Raises InputError where the file can't be read on.
    """
    while reader.filled or await read(reader.fill):
        if reader.large:
            items = await read(reader.parse)
        else:
            await trio.lowlevel.checkpoint()
            items = reader.parse()
        if items:
            return items
    return []
