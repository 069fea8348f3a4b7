"""What this machine has: cores that this process may use, memory for workers, and ports for its
connections. Workers are started by it before anything large is loaded, so it loads nothing that is.
"""

import os
from pathlib import Path

# What a worker takes at the most.
WORKER_BYTES = 80_000_000
PROC, CGROUP = Path("/proc"), Path("/sys/fs/cgroup")


def usable_cores() -> frozenset[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def cores_for_workers() -> int:
    """What `auto` workers are: one for each core that this process may use but one, which the
    coordinator has, as far as there is memory for them; at least one."""
    free_bytes = free_memory_bytes()
    cores = len(usable_cores()) - 1
    return max(1, cores if free_bytes is None else min(cores, free_bytes // WORKER_BYTES))


def check_memory_for(workers: int) -> None:
    """Raises InputError where so many workers would fill this machine's memory: it then stands
    still for minutes, and nothing can be stopped any more."""
    free_bytes = free_memory_bytes()
    if workers > 1 and free_bytes is not None and workers * WORKER_BYTES > free_bytes:
        from headrace.jobs import InputError, counted

        fit = max(1, free_bytes // WORKER_BYTES)
        raise InputError(
            f"{counted(workers, 'worker')} take about {workers * WORKER_BYTES / 1e9:,.1f} GB of "
            f"memory, and {free_bytes / 1e9:,.1f} GB are free; give --workers {fit:,} at most"
        )


def free_memory_bytes(proc: Path = PROC, cgroup: Path = CGROUP) -> int | None:
    """What processes may still take: `MemAvailable` (proc_meminfo(5)), and no more than a container
    leaves them (`memory.max`, cgroups v2). None where the system doesn't say."""
    known = [_available_bytes(proc), _left_in_container_bytes(cgroup)]
    return min((each for each in known if each is not None), default=None)


def _available_bytes(proc: Path) -> int | None:
    try:
        lines = (proc / "meminfo").read_text(encoding="ascii").splitlines()
        found = dict(line.split(":", 1) for line in lines)
        return int(found["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, LookupError):
        return None


def _left_in_container_bytes(cgroup: Path) -> int | None:
    try:
        most = int((cgroup / "memory.max").read_text(encoding="ascii"))
        return max(0, most - int((cgroup / "memory.current").read_text(encoding="ascii")))
    except (OSError, ValueError):  # none, or "max"
        return None


def ephemeral_ports(proc: Path) -> int | None:
    """How many ports there are for connections from this machine to one address; None where the
    system doesn't say."""
    try:
        text = (proc / "sys" / "net" / "ipv4" / "ip_local_port_range").read_text(encoding="ascii")
        low, high = text.split()
        return int(high) - int(low) + 1
    except (OSError, ValueError):
        return None
