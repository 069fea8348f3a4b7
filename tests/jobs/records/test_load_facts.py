"""A load run's facts stand in run.json, and a bulk run's reads as before."""

import datetime as dt

import msgspec

from headrace.jobs import SCHEMA_VERSION, LoadFacts, MachineFacts, Manifest, Stall

MOMENT = dt.datetime(2026, 6, 9, 8, 30, tzinfo=dt.UTC)


def manifest(load: LoadFacts | None) -> Manifest:
    return Manifest(
        headrace="0.1.0",
        schema_version=SCHEMA_VERSION,
        kind="load",
        base_url="http://gateway.test",
        job_file=None,
        load=load,
    )


def test_facts_come_back_from_run_json_as_they_were() -> None:
    facts = LoadFacts(
        shape="rate",
        asked="50/s poisson",
        open_loop=True,
        rate_per_s=50.0,
        model="m",
        url="/v1/chat/completions",
        stream=True,
        warmup_s=5.0,
        duration_s=60.0,
        objectives=["ttft_s < 0.8"],
        seed=7,
        measure_from=MOMENT,
        measure_to=MOMENT + dt.timedelta(seconds=60),
        machine=MachineFacts(
            stalls=1,
            longest_stall_s=0.5,
            worst_stalls=[Stall(at=MOMENT, length_s=0.5)],
            core_shares={0: 0.25, 3: 1.0},
        ),
    )
    text = msgspec.json.encode(manifest(facts))
    assert msgspec.json.decode(text, type=Manifest).load == facts


def test_a_run_json_without_a_load_part_reads() -> None:
    document = msgspec.json.decode(msgspec.json.encode(manifest(None)))
    del document["load"]
    document["job_file"] = {"path": "jobs.jsonl", "size_bytes": 1, "digest": "00"}
    read = msgspec.convert(document, Manifest)
    assert read.load is None
    assert read.job_file is not None
    assert read.job_file.path == "jobs.jsonl"
