"""Vectors, taken out of the answers that bring them."""

import base64
import json
import math
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.jobs import ENDPOINTS, Job, floats_of
from headrace.runner.answers import Answer, UnusableAnswerError, match_request, read_body

EMBEDDINGS = ENDPOINTS["/v1/embeddings"]
USAGE = {"prompt_tokens": 5, "total_tokens": 5}


def read(*embeddings: Any, indexes: list[Any] | None = None, **fields: Any) -> Answer:
    order = list(range(len(embeddings))) if indexes is None else indexes
    data = [
        {"object": "embedding", "index": n, "embedding": each}
        for n, each in zip(order, embeddings, strict=True)
    ]
    body = {"object": "list", "data": data, "model": "m", "usage": USAGE, **fields}
    return read_body(EMBEDDINGS, json.dumps(body).encode())


def match(
    answer: Answer, asked: int, body: bytes = b"{}", lengths: dict[str, int] | None = None
) -> None:
    job = Job(
        index=0,
        custom_id="a",
        url="/v1/embeddings",
        model="m",
        stream=False,
        body=body,
        body_digest="d",
        input_estimate_tokens=1,
        answers=asked,
    )
    match_request(answer, job, {} if lengths is None else lengths)


def vectors(answer: Answer) -> list[list[float]]:
    assert answer.vectors is not None
    return [floats_of(each).tolist() for each in answer.vectors]


def test_vectors_are_taken_out_and_an_empty_list_stands_in_their_place() -> None:
    answer = read([0.5, -1.0], [2.0, 4.0])
    assert vectors(answer) == [[0.5, -1.0], [2.0, 4.0]]
    assert [each["embedding"] for each in answer.body["data"]] == [[], []]
    assert (answer.text, answer.finish_reason, answer.oddity) == (None, None, None)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (5, 0)
    assert answer.usage.why_unpriced is None


def test_base64_leaves_an_empty_text() -> None:
    text = base64.b64encode(array("f", [1.5, 2.5]).tobytes()).decode()
    answer = read(text)
    assert vectors(answer) == [[1.5, 2.5]]
    assert answer.body["data"][0]["embedding"] == ""


def test_vectors_are_in_the_order_of_the_inputs() -> None:
    assert vectors(read([1.0], [2.0], [3.0], indexes=[2, 0, 1])) == [[2.0], [3.0], [1.0]]


def test_whole_numbers_are_numbers() -> None:
    assert vectors(read([1, 0, -3])) == [[1.0, 0.0, -3.0]]


def test_a_component_that_is_not_a_number_is_kept_and_said() -> None:
    answer = read_body(EMBEDDINGS, b'{"data":[{"embedding":[1.0,NaN]}],"usage":{"total_tokens":3}}')
    [[first, second]] = vectors(answer)
    assert first == 1
    assert math.isnan(second)
    assert answer.oddity == "a vector has a component that is not a number"
    assert answer.usage.input_tokens == 3


def test_bytes_that_are_not_numbers_are_kept_and_said() -> None:
    answer = read(base64.b64encode(array("f", [math.nan, math.inf]).tobytes()).decode())
    assert vectors(answer)[0][1] == math.inf
    assert answer.oddity == "a vector has a component that is not a number"


def test_different_lengths_are_kept_and_said() -> None:
    answer = read([1.0] * 3, [2.0] * 2)
    assert [len(each) for each in vectors(answer)] == [3, 2]
    assert answer.oddity == "its vectors have different lengths, from 2 to 3"


@pytest.mark.parametrize(
    "odd",
    [
        *(
            [[1.0], [2.0]],
            {"float": [1.0]},
            ["a"],
            [1e300],
            [10**400],
            "!?",
            "AAA=",
            "AAAA\nAA==",
            [None, 1e300],
        ),
        [2**24 + 1],  # 32 bits would make it another number
        "AQCgfw==",  # not a number, and as one it would lose a bit
    ],
)
def test_what_can_not_be_kept_as_a_vector_stays_in_the_response(odd: Any) -> None:
    answer = read([1.0], odd)
    assert answer.vectors is None
    assert [each["embedding"] for each in answer.body["data"]] == [[1.0], odd]
    assert answer.oddity is not None
    assert "in the response alone" in answer.oddity


def test_a_service_with_several_vectors_for_an_input_keeps_them_in_the_response() -> None:
    body = {"data": [{"index": 0, "embeddings": [[1.0], [2.0]]}], "usage": {"total_tokens": 2}}
    answer = read_body(EMBEDDINGS, json.dumps(body).encode())
    assert (answer.vectors, answer.body) == (None, body)


@pytest.mark.parametrize(
    ("data", "paid"),
    [([], False), ([{"index": 0}], True), ([{"embedding": []}], True), (None, False)],
)
def test_an_answer_without_vectors_is_not_one(data: Any, paid: bool) -> None:
    with pytest.raises(UnusableAnswerError) as raised:
        read_body(EMBEDDINGS, json.dumps({"data": data}).encode())
    assert raised.value.paid is paid


def test_an_error_beside_is_an_error() -> None:
    with pytest.raises(UnusableAnswerError) as raised:
        read([1.0], error={"message": "no", "code": 500})
    assert raised.value.reported is not None


def test_too_few_vectors_are_said() -> None:
    answer = read([1.0])
    match(answer, 1)
    assert answer.oddity is None
    match(answer, 3)
    assert answer.oddity == "it has 1 vector for 3 inputs"


@pytest.mark.parametrize(
    ("fields", "numbers"),
    [
        ({"output_dtype": "int8"}, "int8"),  # Voyage, Mistral
        ({"output_dtype": "ubinary"}, "ubinary"),
        ({"embed_dtype": "float16"}, "float16"),  # vLLM
        ({"endianness": "big"}, "big-endian"),
    ],
)
def test_base64_of_other_numbers_is_not_taken_for_floats(
    fields: dict[str, str], numbers: str
) -> None:
    texts = [base64.b64encode(bytes(range(n, n + 8))).decode() for n in (0, 8)]
    answer = read(*texts, indexes=[1, 0])
    match(answer, 2, json.dumps({"input": "x", **fields}).encode())
    assert answer.vectors is None
    assert [each["embedding"] for each in answer.body["data"]] == texts
    assert answer.oddity == f"its base64 is of {numbers} numbers; it is in the response alone"


@pytest.mark.parametrize(
    "body",
    [
        b'{"output_dtype":"float","embed_dtype":"float32","endianness":"little"}',
        b'{"output_dtype":null,"endianness":"native"}',
        b'{"input":[""output_dtype"", "endianness"]}',
        b'{"user":"output_dtype"}',
    ],
)
def test_base64_of_floats_is_taken_as_asked(body: bytes) -> None:
    answer = read(base64.b64encode(array("f", [1.5]).tobytes()).decode())
    match(answer, 1, body)
    assert vectors(answer) == [[1.5]]


def test_a_length_that_is_not_that_of_the_models_first_answer_is_said() -> None:
    """As where a service changes the model behind a name. Who asks for lengths may mix them."""
    lengths: dict[str, int] = {}
    said = []
    asks = b'{"dimensions":2}'
    for size, body in ((2, asks), (4, b"{}"), (4, b"{}"), (3, b"{}"), (3, asks)):
        answer = read([0.5] * size)
        match(answer, 1, body, lengths)
        said.append(answer.oddity)
    odd = "its vectors have length 3, the first ones of the model 4"
    assert said == [None, None, None, odd, None]


def test_lists_of_other_numbers_are_vectors() -> None:
    answer = read([12, -4, 127])
    match(answer, 1, b'{"output_dtype":"int8"}')
    assert vectors(answer) == [[12.0, -4.0, 127.0]]


@pytest.mark.parametrize(
    "body",
    [
        {"vectors": [[0.5]], "total_tokens": 3},  # MiniMax
        {"embedding": {"values": [0.5]}},  # Gemini
        {"embeddings": [[0.5]], "texts": ["a"]},  # Cohere
        [{"index": 0, "embedding": [[0.5]]}],  # llama.cpp
        [[0.5, -1]],  # TEI
        [0.5, 1],
    ],
)
def test_embeddings_of_another_protocol_are_kept_and_not_asked_for_again(body: Any) -> None:
    with pytest.raises(UnusableAnswerError) as raised:
        read_body(EMBEDDINGS, json.dumps(body).encode())
    assert raised.value.paid


@pytest.mark.parametrize("body", [[], [[]], [1], ["busy"], [True], [None, 1], {"sizes": [256, 9]}])
def test_lists_of_something_else_are_asked_for_again(body: Any) -> None:
    with pytest.raises(UnusableAnswerError) as raised:
        read_body(EMBEDDINGS, json.dumps(body).encode())
    assert not raised.value.paid


@pytest.mark.slow
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_every_number_of_32_bits_is_kept(values: list[float]) -> None:
    answer = read(values)
    assert vectors(answer) == [values]
    assert answer.oddity is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.slow
@given(st.lists(JSON, min_size=1, max_size=3))
def test_no_embedding_however_strange_is_lost(odd: list[Any]) -> None:
    answer = read([1.0], *odd)
    kept = answer.vectors is not None and len(answer.vectors) == len(odd) + 1
    assert kept or next(each["embedding"] for each in answer.body["data"]) == [1.0]
