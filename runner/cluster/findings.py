"""What is wrong with a machine of a cluster, and what to do about it: pure, of its facts."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from .clock_offset import ClockOffset
from .machine_facts import MachineFacts

# Beyond this, when machines begin and what they did at once can't be told well enough for a load.
CLOCK_ERROR_MAX_NS = 1_000_000
# Fewer than these, and the first large load meets them.
OPEN_FILES_MIN = 4096
LOCAL_PORTS_MIN = 16_384

Level = Literal["look", "unusable"]


class Finding(msgspec.Struct, frozen=True):
    """Something about a machine: `unusable` keeps it from taking part, `look` does not."""

    level: Level
    said: str
    remedy: str


def of_facts(here: MachineFacts, there: MachineFacts) -> list[Finding]:
    """What keeps a machine with these facts from working with this one, worst first."""
    found = [*_of_key(here, there)]
    if there["headrace"] != here["headrace"]:
        found.append(other_headrace(here, there["headrace"]))
    if _minor(there["python"]) != _minor(here["python"]):
        remedy = f"use Python {_minor(here['python'])} on all machines"
        found.append(Finding("look", f"Python {there['python']}, {here['python']} here", remedy))
    if there["distributed"] != here["distributed"]:
        said = f"distributed {there['distributed']}, {here['distributed']} here"
        remedy = f"pip install distributed=={here['distributed']} there"
        found.append(Finding("look", said, remedy))
    files, ports = there["open_files"], there["local_ports"]
    if files is not None and files < OPEN_FILES_MIN:
        remedy = "ulimit -n 65536 (or LimitNOFILE) for the dask worker"
        found.append(Finding("look", f"no more than {files:,} open files", remedy))
    if ports is not None and ports < LOCAL_PORTS_MIN:
        remedy = "sysctl net.ipv4.ip_local_port_range='10240 65535'"
        found.append(Finding("look", f"only {ports:,} ports for connections", remedy))
    return found


def _of_key(here: MachineFacts, there: MachineFacts) -> list[Finding]:
    if there["key_digest"] is None:
        remedy = "set HEADRACE_API_KEY for the dask worker"
        return [Finding("unusable", "no key", remedy)]
    if there["key_digest"] != here["key_digest"]:
        remedy = "set the same HEADRACE_API_KEY for the dask worker"
        return [Finding("unusable", "another key than here", remedy)]
    return []


def other_headrace(here: MachineFacts, there: str | None) -> Finding:
    """Another version there, or None of it."""
    said = "no headrace" if there is None else f"headrace {there}, {here['headrace']} here"
    return Finding("unusable", said, f"pip install 'headrace[cluster]=={here['headrace']}' there")


def of_clock(offset: ClockOffset) -> list[Finding]:
    """Whether a clock is known well enough for a load."""
    if offset.error_ns < CLOCK_ERROR_MAX_NS:
        return []
    said = f"its clock is known to {offset.error_ns / 1e6:.2f} ms; a load wants less than 1"
    return [Finding("look", said, "run headrace nearer to it (a round trip below 2 ms)")]


def shared_hosts(machines: Sequence[MachineFacts]) -> list[Finding | None]:
    """For each machine, whether another has the same host: then they have its cores together."""
    count = Counter(each["host"] for each in machines)
    return [
        Finding(
            "look",
            f"{count[each['host']]} dask workers on this host share its cores",
            "start one per machine",
        )
        if count[each["host"]] > 1
        else None
        for each in machines
    ]


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
