"""The check of a cluster, as people read it."""

from rich.console import Console
from rich.table import Table

from headrace.jobs import counted, printable

from .check import ClusterCheck, MachineCheck
from .findings import Finding

UNKNOWN = "-"
NAMES_SHOWN = 4


def print_check(found: ClusterCheck, console: Console) -> None:
    """Show each machine, what is wrong with which, and whether they can work together."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("machine", "headrace", "key"):
        table.add_column(heading, overflow="fold")
    for heading in ("cores", "open files", "ports", "clock, ms"):
        table.add_column(heading, justify="right")
    for machine in found.machines:
        table.add_row(*map(printable, _cells(machine)))
    console.print(table, highlight=False)
    for finding, names in _who_has_what(found).items():
        said = f"{_listed(names)}: {printable(finding.said)}\n  {printable(finding.remedy)}"
        console.print(f"\n{said}", highlight=False, markup=False)
    console.print(f"\n{_conclusion(found)}", highlight=False, markup=False)


def _who_has_what(found: ClusterCheck) -> dict[Finding, list[str]]:
    """The names of the machines of each finding; what many have is told once."""
    having: dict[Finding, list[str]] = {}
    for machine in found.machines:
        for each in machine.findings:
            having.setdefault(each, []).append(machine.name)
    return having


def _listed(names: list[str]) -> str:
    """Some names, and how many more there are."""
    more = len(names) - NAMES_SHOWN
    shown = ", ".join(map(printable, names[:NAMES_SHOWN]))
    return f"{shown} and {more:,} more" if more > 0 else shown


def _cells(machine: MachineCheck) -> list[str]:
    """Its row. The clock is told with what it may be wrong by."""
    clock = UNKNOWN
    if machine.clock_offset_s is not None and machine.clock_error_s is not None:
        clock = f"{machine.clock_offset_s * 1000:+,.2f} ± {machine.clock_error_s * 1000:.2f}"
    asked = machine.key is not None
    return [
        machine.name,
        machine.headrace or UNKNOWN,
        machine.key or UNKNOWN,
        _number(machine.cores),
        "no limit" if asked and machine.open_files is None else _number(machine.open_files),
        _number(machine.local_ports),
        clock,
    ]


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def _conclusion(found: ClusterCheck) -> str:
    machines = counted(len(found.machines), "machine")
    if found.usable:
        return f"{machines} with {counted(found.cores, 'core')}: can be used"
    unusable = sum(not each.usable for each in found.machines)
    return f"{unusable} of {machines} can't take part"
