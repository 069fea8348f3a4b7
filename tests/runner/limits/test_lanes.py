"""Models with limits of their own: lanes that don't wait for each other."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from headrace.jobs import SETTINGS_FILE, InputError, ModelLimits, model_limits_from
from headrace.jobs.files.reader import PARSED_LINES
from headrace.runner.bulk.backlog import JOBS_MAX

NONE = ModelLimits(rpm=None, tpm=None)


def times_of(service: Any, model: str) -> list[float]:
    return [seen.at_s for seen in service.posts if json.loads(seen.body)["model"] == model]


async def test_a_model_with_limits_of_its_own_is_paced_apart(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write(
        *(
            bench.chat_line(f"{model}-{n}", model=model)
            for n in range(4)
            for model in ("a", "b", "c")
        )
    )
    await bench.run(service, rpm=60, model_limits={"b": ModelLimits(rpm=6, tpm=None)})
    assert times_of(service, "b") == pytest.approx([0.0, 10.0, 20.0, 30.0])
    # The others share 60 a minute, in the order of the file.
    others = [json.loads(seen.body)["model"] for seen in service.posts]
    assert [model for model in others if model != "b"] == ["a", "c"] * 4
    shared = sorted(times_of(service, "a") + times_of(service, "c"))
    assert shared == pytest.approx([float(n) for n in range(8)])


async def test_a_cool_down_of_one_lane_does_not_hold_another(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    def answer(seen: Any) -> Any:
        if json.loads(seen.body)["model"] == "a" and seen.at_s < 100:
            return service.error(429, retry_after="100")
        return service.fine()

    service.answer = answer
    bench.write(*(bench.chat_line(f"{m}-{n}", model=m) for n in range(20) for m in ("a", "b")))
    ran = await bench.run(service, model_limits={"a": NONE}, concurrency=2)
    assert ran.outcome.succeeded == 40
    assert times_of(service, "b") == [0.0] * 20
    assert all(at_s in (0.0, 100.0) for at_s in times_of(service, "a"))


@pytest.mark.slow
@pytest.mark.parametrize("slow", ["a", "b"])
async def test_a_long_run_of_a_slow_model_holds_up_no_other(
    bench: Any, service: Any, autojump_clock: MockClock, slow: str
) -> None:
    """Far more lines than a lane holds come before the first of the other lane."""
    fast = "b" if slow == "a" else "a"
    ahead = JOBS_MAX + PARSED_LINES + 50
    bench.write(
        *(bench.chat_line(f"slow-{n}", model=slow) for n in range(ahead)),
        b"no job",
        *(bench.chat_line(f"fast-{n}", model=fast) for n in range(3)),
        bench.chat_line("fast-0", model=fast),
    )
    limits = {"rpm": 6000, "model_limits": {"a": NONE}}
    if slow == "a":
        limits = {"rpm": None, "model_limits": {"a": ModelLimits(rpm=6000, tpm=None)}}
    ran = await bench.run(service, **limits)
    assert times_of(service, fast) == [0.0] * 3
    assert times_of(service, slow)[-1] > 5
    assert ran.outcome.succeeded == ahead + 3
    assert [each["line"] for each in ran.rejects] == [ahead + 1, ahead + 5]
    assert ran.results["index"].to_list() == [*range(ahead), *range(ahead + 1, ahead + 4)]


@pytest.mark.slow
async def test_lanes_share_a_slot_that_both_wait_for(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """The lane that has it does not keep it for its own next job until it has none."""
    service.answer = lambda seen: service.fine(delay_s=1.0)
    bench.write(*(bench.chat_line(f"{m}-{n}", model=m) for n in range(40) for m in ("a", "b")))
    ran = await bench.run(service, model_limits={"a": NONE}, concurrency=1)
    assert ran.outcome.succeeded == 80
    assert min(times_of(service, "a")) < max(times_of(service, "b"))
    assert min(times_of(service, "b")) < max(times_of(service, "a"))


@pytest.mark.slow
async def test_an_outage_of_one_model_pauses_its_lane_alone(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    def answer(seen: Any) -> Any:
        down = json.loads(seen.body)["model"] == "a" and seen.at_s < 300
        return service.error(502) if down else service.fine(delay_s=1.0)

    service.answer = answer
    bench.write(*(bench.chat_line(f"{m}-{n}", model=m) for n in range(40) for m in ("a", "b")))
    ran = await bench.run(service, rpm=60, model_limits={"a": NONE})
    assert ran.outcome.succeeded == 80
    assert max(times_of(service, "b")) == pytest.approx(39.0)


async def test_an_outage_over_its_limit_names_the_model(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    service.answer = lambda seen: service.error(503)
    bench.write(*(bench.chat_line(f"a-{n}", model="a") for n in range(40)))
    ran = await bench.run(service, model_limits={"a": NONE}, outage_s=60)
    assert ran.outcome.exit_code == 1
    assert ran.outcome.reason.startswith("the model a has failed for 60 s without a break")


async def test_a_resumed_run_starts_each_lane_from_its_own_last_minute(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    """Both models sent in the minute before; only the one with a limit of its own must wait."""
    own = {"b": ModelLimits(rpm=2, tpm=None)}

    def answer(seen: Any) -> Any:
        refused = json.loads(seen.body)["model"] == "a" and times_of(service, "b")
        return service.error(401) if refused else service.fine()

    service.answer = answer
    models = ["b"] * 3 + ["a"] * 50
    bench.write(*(bench.chat_line(f"job-{n}", model=model) for n, model in enumerate(models)))
    first = await bench.run(service, model_limits=own, concurrency=1)
    assert first.outcome.exit_code == 5
    assert times_of(service, "b") == [0.0]
    service.answer = lambda seen: service.fine()
    await bench.run(service, model_limits=own, concurrency=1)
    # The first session's counts: two in any 60.5 s.
    assert times_of(service, "b")[1:] == pytest.approx([0.0, 60.5])
    assert set(times_of(service, "a")) == {0.0}


async def test_a_job_larger_than_its_models_own_limit_is_rejected(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write(
        bench.chat_line("small", "hello", model="b"),
        bench.chat_line("large", "word " * 5000, model="b"),
        bench.chat_line("other", "word " * 5000, model="a"),
    )
    own = {"b": ModelLimits(rpm=None, tpm=2000)}
    ran = await bench.run(service, tpm=100_000, model_limits=own)
    assert sorted(ran.results["custom_id"]) == ["other", "small"]
    (reject,) = ran.rejects
    assert reject["custom_id"] == "large"
    assert reject["reason"].endswith('raise the model\'s tpm in [limits."b"]')


async def test_the_limits_of_models_are_in_run_json(
    bench: Any, service: Any, autojump_clock: MockClock
) -> None:
    bench.write_chats(1)
    ran = await bench.run(service, rpm=60, model_limits={"b": ModelLimits(rpm=10, tpm=None)})
    assert ran.manifest["sessions"][-1]["limits"] == {
        "rpm": 60,
        "tpm": None,
        "concurrency": None,
        "models": {"b": {"rpm": 10, "tpm": None}},
    }


def test_limits_and_defaults_stand_in_one_file() -> None:
    """The root names it without loading a room."""
    assert import_module("headrace.runner.main").SETTINGS_FILE == SETTINGS_FILE


def test_tables_of_limits_in_the_settings_file(tmp_path: Path) -> None:
    path = tmp_path / "headrace.toml"
    path.write_text('[limits."gpt-image-2"]\nrpm = 10\ntpm = "none"\n[limits."m.5"]\ntpm = 5000\n')
    assert model_limits_from(path, rpm=60, tpm=100_000) == {
        "gpt-image-2": ModelLimits(rpm=10, tpm=None),
        "m.5": ModelLimits(rpm=60, tpm=5000),
    }
    assert model_limits_from(tmp_path / "none.toml", rpm=60, tpm=None) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("limits = 5", "limits are tables"),
        ("[limits]\nm = 5", "is not a table"),
        ("[limits.m.5]\nrpm = 5", "needs quotes"),
        ('[limits."m"]\nrpd = 5', "'rpd'"),
        ('[limits."m"]\nrpm = 0', "rpm is 0"),
        ('[limits."m"]\nrpm = 1.5', "rpm is 1.5"),
        ('[limits."m"]\ntpm = true', "tpm is True"),
        ('[limits."m"]\ntpm = "all"', 'or "none"'),
        ("limits = [", "can't be used"),
    ],
)
def test_a_bad_table_of_limits_gets_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "headrace.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        model_limits_from(path, rpm=60, tpm=None)
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
