"""What the machines of a cluster can do, and whether they may work together: asked of each."""

from collections.abc import Callable
from typing import cast

import msgspec

from .agent import ClockReading, clocks_here
from .clock_offset import TRIPS_MAX, TRIPS_MIN, ClockOffset, RoundTrip, clock_offset
from .dask_client import DaskCluster, Machine, MachineError, RemoteAgent, open_cluster
from .findings import CLOCK_ERROR_MAX_NS, Finding, of_clock, of_facts, other_headrace, shared_hosts
from .machine_facts import MachineFacts, facts_here

SCHEMA_VERSION = 1


class MachineCheck(msgspec.Struct, kw_only=True):
    """A machine, as it was found. What could not be asked is None; times are in seconds.

    `clock_offset_s` is its wall clock minus this machine's, wrong by at most `clock_error_s`.
    """

    name: str
    address: str
    headrace: str | None = None
    python: str | None = None
    distributed: str | None = None
    host: str | None = None
    cores: int | None = None
    open_files: int | None = None
    local_ports: int | None = None
    key: str | None = None  # same | other | none
    clock_offset_s: float | None = None
    clock_error_s: float | None = None
    round_trip_s: float | None = None
    findings: list[Finding] = msgspec.field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether it can take part in a run."""
        return all(each.level != "unusable" for each in self.findings)


class ClusterCheck(msgspec.Struct, frozen=True, kw_only=True):
    """All machines of a cluster; `usable` where each of them is. `cores` counts a host once."""

    schema_version: int
    cluster: str
    headrace: str
    usable: bool
    cores: int
    machines: list[MachineCheck]


def as_json(found: ClusterCheck) -> bytes:
    """The check as indented JSON, with a line end."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


async def check_cluster(cluster: str, nonce: bytes) -> ClusterCheck:
    """Ask each machine what it is; `nonce` is for this check alone.

    Raises InputError where there is no cluster to ask (`open_cluster`). A machine that can't be
    asked is a finding.
    """
    here = facts_here(nonce)
    async with open_cluster(cluster) as opened:
        checked = []
        asked = []
        for machine in opened.machines:
            found = MachineCheck(name=machine.name, address=machine.address)
            checked.append(found)
            if (facts := await _ask(opened, machine, found, here, nonce)) is not None:
                asked.append((found, facts))
    for (found, _), shared in zip(asked, shared_hosts([facts for _, facts in asked]), strict=True):
        found.findings += [] if shared is None else [shared]
    return ClusterCheck(
        schema_version=SCHEMA_VERSION,
        cluster=cluster,
        headrace=here["headrace"],
        usable=all(each.usable for each in checked),
        cores=sum({facts["host"]: facts["cores"] for _, facts in asked}.values()),
        machines=checked,
    )


async def _ask(
    opened: DaskCluster, machine: Machine, found: MachineCheck, here: MachineFacts, nonce: bytes
) -> MachineFacts | None:
    """Ask one machine, and note what it says in `found`; its facts, or None where it has none to
    say."""
    try:
        found.headrace = await opened.headrace_version(machine)
        if found.headrace != here["headrace"]:  # nothing else of it is known to be the same
            found.findings.append(other_headrace(here, found.headrace))
            return None
        agent = await opened.agent(machine)
        facts = cast("MachineFacts", await agent.call("facts", nonce))
        offset = await measured_offset(agent, clock=lambda reading: reading.wall_ns)
    except MachineError as error:
        remedy = "look at its dask worker, and start it again"
        found.findings.append(Finding("unusable", error.said, remedy))
        return None
    _note(found, here, facts, offset)
    return facts


def _note(
    found: MachineCheck, here: MachineFacts, facts: MachineFacts, offset: ClockOffset
) -> None:
    for name in ("python", "distributed", "host", "cores", "open_files", "local_ports"):
        setattr(found, name, facts[name])
    digest = facts["key_digest"]
    found.key = "none" if digest is None else "same" if digest == here["key_digest"] else "other"
    found.clock_offset_s = offset.offset_ns / 1e9
    found.clock_error_s = offset.error_ns / 1e9
    found.round_trip_s = offset.round_trip_ns / 1e9
    found.findings += [*of_facts(here, facts), *of_clock(offset)]


async def measured_offset(
    agent: RemoteAgent, *, clock: Callable[[ClockReading], int]
) -> ClockOffset:
    """How far a clock of the agent's machine is from the same one here; where other traffic gets in
    the way, more round trips are made. Raises MachineError."""
    trips: list[RoundTrip] = []
    while len(trips) < TRIPS_MIN or (
        len(trips) < TRIPS_MAX and clock_offset(trips).error_ns > CLOCK_ERROR_MAX_NS // 2
    ):
        sent = clocks_here()
        there = ClockReading(*await agent.call("clocks"))
        trips.append(RoundTrip(clock(sent), clock(there), clock(clocks_here())))
    return clock_offset(trips)
