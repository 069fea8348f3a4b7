"""What a machine says of itself. It runs there, in dask's process, and loads little.

The key never leaves a machine: what is sent is a digest of it, keyed with a nonce of one check, so
that it is of use to nobody, and can't be looked up.
"""

import hashlib
import hmac
import os
import platform
import resource
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

from ..defaults import KEY_VARIABLE
from ..machine_limits import ephemeral_ports, usable_cores


class MachineFacts(TypedDict):
    """Plain values, which any version can read. `open_files` is what a process may ask for, None
    where there is no limit; `local_ports` are those for connections to one address, None where the
    system doesn't say; `key_digest` is None without a key."""

    headrace: str
    python: str
    distributed: str
    host: str
    cores: int
    open_files: int | None
    local_ports: int | None
    key_digest: str | None


def facts_here(
    nonce: bytes, environment: Mapping[str, str] = os.environ, proc: Path = Path("/proc")
) -> MachineFacts:
    """The facts of this machine, as this process sees them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    key = environment.get(KEY_VARIABLE, "").strip()
    return MachineFacts(
        headrace=version("headrace"),
        python=".".join(map(str, sys.version_info[:3])),
        distributed=version("distributed"),
        host=platform.node(),
        cores=len(usable_cores()),
        open_files=None if hard == resource.RLIM_INFINITY else hard,
        local_ports=ephemeral_ports(proc),
        key_digest=key_digest(key, nonce) if key else None,
    )


def key_digest(key: str, nonce: bytes) -> str:
    """HMAC-SHA256 of a key (RFC 2104), in hex."""
    return hmac.new(nonce, key.encode(), hashlib.sha256).hexdigest()
