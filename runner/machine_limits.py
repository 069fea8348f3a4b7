"""What this machine has: cores that this process may use, and ports for its connections."""

import os
from pathlib import Path


def usable_cores() -> frozenset[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def cores_for_workers() -> int:
    """What `auto` workers are: one for each core that this process may use but one, which the
    coordinator has; at least one."""
    return max(1, len(usable_cores()) - 1)


def ephemeral_ports(proc: Path) -> int | None:
    """How many ports there are for connections from this machine to one address; None where the
    system doesn't say."""
    try:
        text = (proc / "sys" / "net" / "ipv4" / "ip_local_port_range").read_text(encoding="ascii")
        low, high = text.split()
        return int(high) - int(low) + 1
    except (OSError, ValueError):
        return None
