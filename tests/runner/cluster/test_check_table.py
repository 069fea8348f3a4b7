"""The check of a cluster, as it is printed."""

import io

from rich.console import Console

from headrace.runner.cluster.check import ClusterCheck, MachineCheck
from headrace.runner.cluster.check_table import print_check
from headrace.runner.cluster.findings import Finding

SHARED = Finding("look", "2 dask workers on this host share its cores", "start one per machine")
GONE = Finding("unusable", "b failed: OSError: gone", "look at its dask worker")


def machine(name: str, *findings: Finding) -> MachineCheck:
    return MachineCheck(
        name=name,
        address=f"tls://{name}:1",
        headrace="0.2.0",
        python="3.12.1",
        distributed="2026.8.0",
        host="h",
        cores=16,
        open_files=None,
        local_ports=28_232,
        key="same",
        clock_offset_s=-1.25,
        clock_error_s=0.000214,
        round_trip_s=0.000428,
        findings=list(findings),
    )


def printed(*machines: MachineCheck) -> str:
    check = ClusterCheck(
        schema_version=1,
        cluster="tls://a:1",
        headrace="0.2.0",
        usable=all(each.usable for each in machines),
        cores=16,
        machines=list(machines),
    )
    out = io.StringIO()
    print_check(check, Console(file=out, width=80))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_machines_that_can_be_used_are_shown_and_what_many_have_is_said_once() -> None:
    names = [f"10.0.0.{n}:40000" for n in range(6)]
    assert printed(*(machine(each, SHARED) for each in names[:5])) == "\n".join(
        [
            "machine         headrace  key   cores  open files   ports         clock, ms",
            *(
                f"{each}  0.2.0     same     16    no limit  28,232  -1,250.00 ± 0.21"
                for each in names[:5]
            ),
            "",
            "10.0.0.0:40000, 10.0.0.1:40000, 10.0.0.2:40000, 10.0.0.3:40000 and 1 more: 2",
            "dask workers on this host share its cores",
            "  start one per machine",
            "",
            "5 machines with 16 cores: can be used",
        ]
    )


def test_a_machine_that_can_not_be_asked_has_no_figures_and_makes_the_rest_of_no_use() -> None:
    lost = MachineCheck(name="b\x1b[2J", address="tls://b:1", findings=[GONE])
    text = printed(machine("a"), lost)
    row = next(line for line in text.splitlines() if "2J" in line)
    assert row.split()[1:] == ["-"] * 6
    assert "\x1b" not in text
    assert "b failed: OSError: gone\n  look at its dask worker" in text
    assert text.endswith("1 of 2 machines can't take part")
