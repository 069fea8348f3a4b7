"""Where a cluster's scheduler is, and whether what is said to it can be heard by others.

Whoever can talk to a dask scheduler can run code on its machines, and hear answers that were paid
for: off loopback only TLS will do, whose certificates both sides show.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from headrace.jobs import InputError
from headrace.loopback import is_loopback

# A scheduler file is a few KiB, and some bytes for each machine.
SCHEDULER_FILE_BYTES_MAX = 16 * 1024 * 1024
SCHEMES = ("tcp", "tls")
WRITE = "write tls://HOST:PORT, tcp://127.0.0.1:PORT, or the path of a scheduler file"


def cluster_address(given: str) -> str:
    """The address of a scheduler, of itself or of the path of a scheduler file (what
    `dask scheduler --scheduler-file` writes).

    Raises InputError where there is none, and where it is heard by others.
    """
    address = given if "://" in given else _address_in(Path(given))
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in SCHEMES or not parts.hostname or port is None:
        raise InputError(f"{address!r} is not the address of a dask scheduler; {WRITE}")
    refuse_in_the_clear([address])
    return address


def refuse_in_the_clear(addresses: Iterable[str]) -> None:
    """Raise InputError for the first address that is neither TLS nor on loopback."""
    for address in addresses:
        if not is_private(address):
            raise InputError(
                f"{address} is not encrypted, and anyone on its network could run code there; use "
                "tls:// with dask's own configuration (distributed.comm.tls), or loopback"
            )


def is_private(address: str) -> bool:
    """Whether an address is TLS, or on loopback."""
    parts = urlsplit(address)
    return parts.scheme == "tls" or (parts.scheme == "tcp" and is_loopback(parts.hostname or ""))


def _address_in(path: Path) -> str:
    """The address that a scheduler file has."""
    try:
        with path.open("rb") as file:
            text = file.read(SCHEDULER_FILE_BYTES_MAX)
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}); {WRITE}") from error
    try:
        found = json.loads(text)
        address = found["address"]
    except (ValueError, RecursionError, KeyError, TypeError):
        address = None
    if not isinstance(address, str):
        raise InputError(f"{path} is not a scheduler file: it has no address; {WRITE}")
    return address
