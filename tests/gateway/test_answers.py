"""The answer file: what is answered to which question, and which files are refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from headrace.gateway import AnswerRule, GatewayError, load_answers, load_config
from headrace.gateway.cli import gateway

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

Bodies = Callable[..., dict[str, Any]]
PATH = "/v1/chat/completions"
LINES = r"""
{"equals": "What is 2 + 3?", "answer": "5"}

{"contains": "France", "answer": "Paris"}
{"pattern": "(?P<days>\\d+) (days|weeks)", "answer": "It takes \\g<days> whole \\2."}
{"contains": "", "answer": "I don't know."}
"""


@pytest.fixture
def rules(tmp_path: Path) -> tuple[AnswerRule, ...]:
    path = tmp_path / "answers.jsonl"
    path.write_text(LINES)
    return load_answers(path)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is 2 + 3?", "5"),
        ("  What is 2 + 3?\n", "5"),
        ("What is 2 + 3? In France", "Paris"),
        ("Capital of France in 3 days", "Paris"),
        ("It is 12 weeks away", "It takes 12 whole weeks."),
        ("what is 2 + 3?", "I don't know."),
        ("", "I don't know."),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_the_first_rule_that_matches_answers(
    gateway_of: Any,
    connect: "Connect",
    chat: Bodies,
    rules: tuple[AnswerRule, ...],
    question: str,
    answer: str,
    stream: bool,
) -> None:
    gateway = gateway_of(answers=rules)
    client = await connect(gateway)
    response = await client.post(PATH, chat(question, stream=stream))
    if stream:
        chunks = [data["choices"][0]["delta"] for _, data in response.events[:-1]]
        said = "".join(delta.get("content", "") for delta in chunks)
    else:
        said = response.json["choices"][0]["message"]["content"]
    assert said == answer
    [row] = gateway.log_rows
    assert 1 <= row.output_tokens <= len(answer)
    assert 100 - gateway.ledger.balance == row.charge


async def test_the_last_user_turn_is_the_question(
    gateway_of: Any, connect: "Connect", rules: tuple[AnswerRule, ...]
) -> None:
    client = await connect(gateway_of(answers=rules))
    turns = [
        {"role": "user", "content": "France"},
        {"role": "assistant", "content": "France"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is "},
                {"type": "text", "text": "2 + 3?"},
            ],
        },
    ]
    body = {"model": "deepseek-v4-flash", "messages": turns, "max_tokens": 9}
    chosen = (await client.post(PATH, body)).json["choices"][0]["message"]["content"]
    message = (await client.post("/v1/messages", body | {"system": "France"})).json
    assert (chosen, message["content"]) == ("5", [{"type": "text", "text": "5"}])


async def test_an_answer_is_cut_and_an_empty_one_is_one_token(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    long = AnswerRule(contains="long", answer="one two three")
    client = await connect(gateway_of(answers=(long, AnswerRule(contains="", answer=""))))
    cut = (await client.post(PATH, chat("long", max_tokens=2))).json
    assert cut["choices"][0]["message"]["content"] == "one two"
    assert cut["choices"][0]["finish_reason"] == "length"
    empty = (await client.post(PATH, chat("x"))).json
    assert empty["choices"][0]["message"]["content"] == ""
    assert empty["usage"]["completion_tokens"] == 1


@pytest.mark.slow
async def test_a_share_of_the_answers_is_wrong_by_the_seed(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    rule = AnswerRule(pattern="question (\\d+)", answer="is \\1", wrong="not \\1", wrong_share=0.3)
    bodies = [chat() for _ in range(200)]

    async def said(seed: int) -> list[str]:
        client = await connect(gateway_of(answers=(rule,), seed=seed, rpm=None, tpm=None))
        return [
            (await client.post(PATH, body)).json["choices"][0]["message"]["content"]
            for body in bodies
        ]

    first = await said(1)
    wrong = [answer for answer in first if answer.startswith("not ")]
    # 60 expected, and 5 standard deviations around.
    assert 28 <= len(wrong) <= 92
    assert all(text.split()[1] == str(number) for number, text in enumerate(first, 1))
    assert await said(1) == first
    assert await said(2) != first


async def test_a_forced_call_takes_an_answer_that_is_an_object(
    gateway_of: Any, connect: "Connect", chat: Bodies
) -> None:
    rules = (
        AnswerRule(contains="Brest", answer='{"port": "Brest"}'),
        AnswerRule(contains="", answer="no tide"),
    )
    client = await connect(gateway_of(answers=rules))
    tools = [{"type": "function", "function": {"name": "tide"}}]
    called = (await client.post(PATH, chat("Brest", tools=tools, tool_choice="required"))).json
    [call] = called["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "tide", "arguments": '{"port": "Brest"}'}
    said = (await client.post(PATH, chat("Hull", tools=tools))).json
    assert said["choices"][0]["message"]["content"] == "no tide"


FAULTS = r"""{"contains": "a"}
{"contains": "a", "answer": "b"}
nonsense
{"answer": "b"}
{"contains": "a", "equals": "a", "answer": "b"}
{"pattern": "(", "answer": "b"}
{"pattern": "a", "answer": "\\1"}
{"contains": "a", "answer": "b", "wrong": "c"}
{"contains": "a", "answer": "b", "wrong": "c", "wrong_share": 2}
{"contains": "a", "answer": "b", "colour": "blue"}
"""


def test_each_fault_of_a_file_is_a_line_and_exit_2(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(FAULTS)
    done = CliRunner().invoke(gateway, ("--answers", str(path)))
    assert (done.exit_code, done.stdout) == (2, "")
    lines = done.stderr.removeprefix("Error: ").splitlines()
    found = [line.removeprefix(f"{path} line ").partition(": ") for line in lines]
    assert [number for number, _, _ in found] == ["1", "3", "4", "5", "6", "7", "8", "9", "10"]
    said = [fault for _, _, fault in found]
    assert "missing required field `answer`" in said[0]
    assert "malformed" in said[1]
    assert said[2] == said[3] == "write one of equals, contains and pattern"
    assert said[4].startswith("pattern or answer can't be used: ")
    assert "invalid group reference 1" in said[5]
    assert said[6] == "wrong and wrong_share belong together"
    assert "wrong_share" in said[7]
    assert "colour" in said[8]


def test_many_faults_are_counted_and_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text("{}\n" * 30)
    with pytest.raises(GatewayError) as caught:
        load_answers(path)
    assert len(str(caught.value).splitlines()) == 21
    assert str(caught.value).endswith("... and 10 more")
    path.write_text("\n")
    with pytest.raises(GatewayError, match="has no answers"):
        load_answers(path)


def test_the_config_file_names_an_answer_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_text(json.dumps({"equals": "a", "answer": "b"}))
    path = tmp_path / "gateway.toml"
    path.write_text('answers = "answers.jsonl"\n')
    assert load_config(path).answers == (AnswerRule(equals="a", answer="b"),)
