"""Prompts for load runs: corpora, lengths, prefixes, conversations and traces."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import (
    ENDPOINTS,
    FilePrompts,
    InputError,
    Job,
    PromptShape,
    RequestTemplate,
    SyntheticPrompts,
    TracePrompts,
    estimate_input_tokens,
    parse_lengths,
    read_trace,
)
from headrace.jobs.prompts.words import WORDS, words

CHAT = RequestTemplate("/v1/chat/completions", "m", stream=True)


def shape(
    prompt: str = "16", output: str | None = "8", *, shared: float = 0.0, turns: str = "1"
) -> PromptShape:
    return PromptShape(
        parse_lengths("prompt", prompt),
        None if output is None else parse_lengths("output", output),
        shared,
        parse_lengths("turns", turns),
    )


def synthetic(
    how: PromptShape, *, seed: int = 1, template: RequestTemplate = CHAT
) -> SyntheticPrompts:
    return SyntheticPrompts(template, how, rng=random.Random(seed))


def body(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(job.body)
    return found


def said(job: Job) -> list[str]:
    return [message["content"] for message in body(job)["messages"]]


def test_every_byte_is_a_word_of_three_letters_and_no_two_are_the_same() -> None:
    assert len(WORDS) == len(set(WORDS)) == 256
    assert {len(word) for word in WORDS} == {3}


@given(st.integers(1, 3000))
def test_a_prompt_is_estimated_at_as_many_tokens_as_were_asked_for(tokens: int) -> None:
    def estimate(content: str) -> int:
        text = json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]})
        return estimate_input_tokens("/v1/chat/completions", text.encode())

    text = words(tokens, random.Random(tokens))
    assert len(text.split(" ")) == tokens
    assert abs(estimate(text) - estimate("") - tokens) <= 1


def test_a_chat_body_has_what_was_asked_for_and_nothing_else() -> None:
    job = synthetic(shape()).next(5)
    (content,) = said(job)
    assert body(job) == {
        "model": "m",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 8,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert len(content.split()) == 16
    assert (job.index, job.custom_id, job.url, job.stream) == (5, "load-5", CHAT.url, True)
    assert job.output_limit_tokens == 8


def all_said(asked: dict[str, Any]) -> str:
    """The words of a body, wherever they are."""
    if "query" in asked:
        return " ".join([asked["query"], *asked["documents"]])
    given = asked.get("prompt") or asked.get("input") or asked["messages"]
    return given if isinstance(given, str) else str(given[0]["content"])


@pytest.mark.parametrize("url", ENDPOINTS)
def test_every_endpoint_gets_its_own_kind_of_body(url: str) -> None:
    job = synthetic(shape(), template=RequestTemplate(url, "m", stream=False)).next(0)
    asked = body(job)
    fields = {
        "/v1/images/generations": {"prompt"},
        "/v1/responses": {"input", "max_output_tokens"},
        "/v1/completions": {"prompt", "max_tokens"},
        "/v1/embeddings": {"input"},
        "/v1/moderations": {"input"},
        "/v1/rerank": {"query", "documents"},
    }.get(url, {"messages", "max_tokens"})
    assert set(asked) == {"model", *fields}
    assert len(all_said(asked).split()) == 16
    assert (job.url, job.stream, job.images) == (url, False, int("images" in url))


def test_extra_fields_go_into_every_body() -> None:
    template = RequestTemplate(
        CHAT.url, "m", stream=False, extra={"ignore_eos": True, "max_tokens": 3}
    )
    assert body(synthetic(shape(), template=template).next(0)) | {"messages": 0} == {
        "model": "m",
        "messages": 0,
        "max_tokens": 3,
        "ignore_eos": True,
    }


def test_without_an_output_length_there_is_no_limit() -> None:
    assert "max_tokens" not in body(synthetic(shape(output=None)).next(0))


@pytest.mark.parametrize(
    ("template", "how", "says"),
    [
        (RequestTemplate("/v1/score", "m", stream=False), shape(), "unknown url"),
        (RequestTemplate(CHAT.url, "", stream=False), shape(), "no model"),
        (RequestTemplate("/v1/images/generations", "m", stream=True), shape(), "does not stream"),
        (
            RequestTemplate("/v1/messages", "m", stream=True),
            shape(output=None),
            "needs an output length",
        ),
        (
            RequestTemplate("/v1/images/generations", "m", stream=False),
            shape(turns="2"),
            "--turns 1",
        ),
        (RequestTemplate(CHAT.url, "m", stream=False, extra={"stream": 5}), shape(), "stream is 5"),
        (RequestTemplate(CHAT.url, "m", stream=False, extra={"model": {1}}), shape(), "no request"),
        (CHAT, shape(shared=1.5), "a share of 0 to 1"),
    ],
)
def test_what_makes_no_request_is_refused(
    template: RequestTemplate, how: PromptShape, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        synthetic(how, template=template)


def test_prompts_differ_and_the_seed_reproduces_them() -> None:
    how = shape("uniform:5:40", "uniform:1:9")
    one, same, other = synthetic(how), synthetic(how), synthetic(how, seed=2)
    bodies = [one.next(index).body for index in range(50)]
    assert len(set(bodies)) == 50
    assert [same.next(index).body for index in range(50)] == bodies
    assert other.next(0).body != bodies[0]


def test_a_shared_prefix_has_its_share_and_no_more() -> None:
    prompts = synthetic(shape("uniform:100:3000", shared=0.25))
    texts = [said(prompts.next(index))[0].split() for index in range(60)]
    longest = max(texts, key=len)
    for text in texts:
        shared = round(len(text) * 0.25)
        assert text[:shared] == longest[:shared]
    # What follows it differs: 20 words of 256 don't agree by chance.
    assert len({" ".join(text[round(len(text) * 0.25) :][:20]) for text in texts}) == 60


def test_a_prefix_of_all_makes_prompts_alike() -> None:
    prompts = synthetic(shape("40", shared=1.0))
    assert prompts.next(0).body == prompts.next(1).body


def test_only_the_first_prompt_of_a_conversation_begins_with_the_prefix() -> None:
    """Later ones share the messages before them instead."""
    prompts = synthetic(shape("40", shared=1.0, turns="2"))
    first = [prompts.next(index) for index in range(2)]
    for job in first:
        prompts.answered(job, "a")
    second = [said(prompts.next(index))[-1] for index in (2, 3)]
    assert said(first[0]) == said(first[1])
    assert second[0] != second[1]


def test_the_prefix_does_not_depend_on_which_prompt_needs_it_first() -> None:
    def prefix(*lengths: int) -> list[str]:
        supply = synthetic(shape("2000", shared=1.0))
        for length in lengths:
            supply._shape = shape(str(length), shared=1.0)
            text = said(supply.next(length))[0].split()
        return text

    assert prefix(10, 1500, 2000) == prefix(2000)


def test_a_conversation_contains_its_answers() -> None:
    prompts = synthetic(shape(turns="3"))
    first = prompts.next(0)
    prompts.answered(first, "one")
    second = prompts.next(1)
    prompts.answered(second, "two")
    third = prompts.next(2)
    assert [message["role"] for message in body(third)["messages"]] == [
        "user", "assistant", "user", "assistant", "user",
    ]  # fmt: skip
    assert said(third)[:3] == [said(first)[0], "one", said(second)[2]]
    assert [json.loads(job.metadata or "") for job in (first, second, third)] == [
        {"conversation": 0, "turn": turn} for turn in (1, 2, 3)
    ]
    prompts.answered(third, "three")
    assert json.loads(prompts.next(3).metadata or "") == {"conversation": 1, "turn": 1}


def test_no_request_waits_for_anothers_answer() -> None:
    prompts = synthetic(shape(turns="2"))
    jobs = [prompts.next(index) for index in range(3)]
    assert [json.loads(job.metadata or "")["conversation"] for job in jobs] == [0, 1, 2]
    prompts.answered(jobs[1], "b")
    prompts.answered(jobs[0], "a")
    after = [json.loads(prompts.next(index).metadata or "") for index in (3, 4, 5)]
    assert [(each["conversation"], each["turn"]) for each in after] == [(1, 2), (0, 2), (3, 1)]


def test_a_failed_turn_ends_its_conversation() -> None:
    prompts = synthetic(shape(turns="5"))
    prompts.answered(prompts.next(0), None)
    assert json.loads(prompts.next(1).metadata or "") == {"conversation": 1, "turn": 1}


def test_what_a_conversation_says_does_not_depend_on_the_others_answers() -> None:
    how = shape("uniform:3:30", turns="2")
    straight, mixed = synthetic(how), synthetic(how)
    first = straight.next(0)
    straight.answered(first, "a")
    expected = said(straight.next(1))
    jobs = [mixed.next(0), mixed.next(1)]
    mixed.answered(jobs[1], "b")
    mixed.next(2)
    mixed.answered(jobs[0], "a")
    assert said(mixed.next(3)) == expected


def file_of(tmp_path: Path, count: int, *more: str) -> str:
    path = tmp_path / "jobs.jsonl"
    lines = [
        json.dumps({"custom_id": f"j{n}", "url": CHAT.url, "body": {"model": "m", "messages": [n]}})
        for n in range(count)
    ]
    path.write_text("\n".join([*lines, *more]) + "\n")
    return str(path)


def test_a_file_is_cycled(tmp_path: Path) -> None:
    prompts = FilePrompts(file_of(tmp_path, 3))
    jobs = [prompts.next(index) for index in range(7)]
    assert [job.custom_id for job in jobs] == ["j0", "j1", "j2", "j0#2", "j1#2", "j2#2", "j0#3"]
    assert [job.index for job in jobs] == list(range(7))
    assert jobs[3].body == jobs[0].body
    assert prompts.identity.size_bytes == Path(prompts.identity.path).stat().st_size


def test_a_sampled_file_draws_evenly_and_by_the_seed(tmp_path: Path) -> None:
    path = file_of(tmp_path, 4)

    def drawn(seed: int) -> list[bytes]:
        prompts = FilePrompts(path, rng=random.Random(seed))
        jobs = [prompts.next(index) for index in range(2000)]
        assert len({job.custom_id for job in jobs}) == 2000
        return [job.body for job in jobs]

    bodies = drawn(1)
    # A quarter each, within four standard errors.
    assert all(abs(bodies.count(each) - 500) < 78 for each in set(bodies))
    assert len(set(bodies)) == 4
    assert drawn(1) == bodies != drawn(2)


def test_a_file_s_model_and_stream_can_be_set_for_all(tmp_path: Path) -> None:
    path = tmp_path / "jobs.jsonl"
    streamed = {"model": "a", "messages": [1], "stream": True, "temperature": 0.25}
    drawing = {"model": "p", "prompt": "a mill"}
    path.write_text(
        "\n".join(
            json.dumps({"custom_id": name, "url": url, "body": body})
            for name, url, body in (
                ("conversation", CHAT.url, streamed),
                ("image", "/v1/images/generations", drawing),
            )
        )
    )
    prompts = FilePrompts(str(path), model="b", stream=False)
    conversation, image = prompts.next(0), prompts.next(1)
    assert json.loads(conversation.body) == {**streamed, "model": "b", "stream": False}
    assert (conversation.model, conversation.stream) == ("b", False)
    assert json.loads(image.body) == {**drawing, "model": "b"}
    conversation = FilePrompts(str(path), stream=True).next(0)
    usage = {"stream_options": {"include_usage": True}}
    assert json.loads(conversation.body) == {**streamed, **usage}
    as_written = FilePrompts(str(path)).next(0).body
    assert as_written.startswith(json.dumps(streamed)[:-1].encode())


def test_bad_lines_of_a_file_are_kept_and_a_file_of_none_is_refused(tmp_path: Path) -> None:
    prompts = FilePrompts(file_of(tmp_path, 1, "no job"))
    assert [reject.line for reject in prompts.rejects] == [2]
    assert [prompts.next(n).custom_id for n in range(2)] == ["j0", "j0#2"]
    with pytest.raises(InputError, match="has no jobs: none of its 2 lines is one"):
        FilePrompts(file_of(tmp_path, 0, "no job", "none either"))
    (tmp_path / "jobs.jsonl").write_text("")
    with pytest.raises(InputError, match="has no jobs: it is empty"):
        FilePrompts(str(tmp_path / "jobs.jsonl"))


def test_a_file_too_large_to_keep_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.jobs.prompts.file.HELD_BYTES_MAX", 100)
    with pytest.raises(InputError, match="of jobs, which a load run would keep in memory"):
        FilePrompts(file_of(tmp_path, 4))


MOONCAKE = """\
{"timestamp": 1000, "input_length": 1200, "output_length": 52, "hash_ids": [0, 1, 2]}

{"timestamp": 3500, "input_length": 30, "output_length": 7}
{"timestamp": 3500, "input_length": 1100, "output_length": 9, "hash_ids": [0, 3, 4]}
"""


def test_a_trace_is_replayed_with_its_lengths_and_shared_beginnings(tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl").write_text(MOONCAKE)
    trace = read_trace(str(tmp_path / "trace.jsonl"))
    prompts = TracePrompts(CHAT, trace, rng=random.Random(1))
    jobs = [prompts.next(index) for index in range(4)]
    texts = [said(job)[0].split(" ") for job in jobs]
    assert [len(text) for text in texts] == [1200, 30, 1100, 1200]
    assert [job.output_limit_tokens for job in jobs] == [52, 7, 9, 52]
    assert texts[0][:512] == texts[2][:512]
    assert texts[0][512:560] != texts[2][512:560]
    assert texts[3] == texts[0]
    again = TracePrompts(CHAT, trace, rng=random.Random(1))
    assert [again.next(index).body for index in range(4)] == [job.body for job in jobs]


def test_images_have_no_lengths_to_replay(tmp_path: Path) -> None:
    (tmp_path / "trace").write_text(MOONCAKE)
    template = RequestTemplate("/v1/images/generations", "m", stream=False)
    with pytest.raises(InputError, match="no lengths to replay"):
        TracePrompts(template, read_trace(str(tmp_path / "trace")), rng=random.Random(1))
