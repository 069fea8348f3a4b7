"""A gateway in a process of its own on this machine, reached like any other."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from headrace.jobs import HeadraceError

from .children import environment_without_secrets


class GatewayProcess(NamedTuple):
    """A gateway that listens: where, and with which key."""

    base_url: str
    key: str
    pid: int


@contextmanager
def local_gateway(*arguments: str, cores: frozenset[int] | None = None) -> Iterator[GatewayProcess]:
    """`headrace gateway` with these arguments on a free loopback port, ended with the block, and
    with this process however that ends: its standard input is a pipe from here.

    `cores` are those that it may use, where the system lets us say so; None is all. Raises
    HeadraceError where it doesn't start.
    """
    headrace = [sys.executable, "-P", "-m", "headrace"]
    listening = ["--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(
        [*headrace, "gateway", "--until-eof", *listening, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.PIPE,
        env=environment_without_secrets(),
        process_group=0,  # Ctrl-C is ours: it continues to answer what is in flight
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            if cores is not None:
                os.sched_setaffinity(process.pid, cores)
            said = dict(
                line.strip().split("=", 1)
                for line in (process.stdout.readline(), process.stdout.readline())
                if "=" in line
            )
            if not {"HEADRACE_BASE_URL", "HEADRACE_API_KEY"} <= said.keys():
                process.terminate()
                raise HeadraceError(f"the gateway did not start: {process.stderr.read().strip()}")
            yield GatewayProcess(said["HEADRACE_BASE_URL"], said["HEADRACE_API_KEY"], process.pid)
        finally:
            process.terminate()
            process.communicate()
