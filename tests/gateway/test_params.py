"""Parameters of requests: what is taken and what is INVALID_PARAMS."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.gateway.conftest import Connect

Bodies = Callable[..., dict[str, Any]]
USER: dict[str, Any] = {"role": "user", "content": "Hello!"}
CHAT: dict[str, Any] = {"model": "deepseek-v4-flash", "messages": [USER]}
MESSAGES = CHAT | {"max_tokens": 16}
IMAGES: dict[str, Any] = {"model": "gpt-image-2", "prompt": "a mill"}
PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", CHAT),
    "search": ("/v1/search/completions", CHAT),
    "messages": ("/v1/messages", MESSAGES),
    "images": ("/v1/images/generations", IMAGES),
}
MISSING = object()

# Endpoint, parameter, value, and the start of the message that names it.
WRONG: list[tuple[str, str, object, str]] = [
    *(
        (endpoint, name, value, said)
        for endpoint in PATHS
        for name, value, said in (
            ("model", MISSING, "Missing required parameter: model."),
            ("model", 7, "Invalid parameter model: "),
            ("model", "", "Invalid parameter model: "),
            ("model", None, "Invalid parameter model: "),
        )
    ),
    *(
        (endpoint, name, value, said)
        for endpoint in ("chat", "search", "messages")
        for name, value, said in (
            ("messages", MISSING, "Missing required parameter: messages."),
            ("messages", "Hello!", "Invalid parameter messages: "),
            ("messages", [], "Invalid parameter messages: "),
            ("messages", ["Hello!"], "Invalid parameter messages[0]: "),
            ("messages", [USER, {"content": "x"}], "Missing required parameter: messages[1].role."),
            ("messages", [{"role": "user"}], "Missing required parameter: messages[0].content."),
            (
                "messages",
                [{"role": "robot", "content": "x"}],
                "Invalid parameter messages[0].role: ",
            ),
            (
                "messages",
                [{"role": "user", "content": 1}],
                "Invalid parameter messages[0].content: ",
            ),
            ("stream", "yes", "Invalid parameter stream: "),
            ("stream", 1, "Invalid parameter stream: "),
        )
    ),
    *(
        (endpoint, name, value, f"Invalid parameter {name}: ")
        for endpoint, highest in (("chat", 2), ("messages", 1))
        for name, value in (
            ("temperature", -0.1),
            ("temperature", highest + 0.1),
            ("temperature", "hot"),
            ("top_p", -0.1),
            ("top_p", 1.1),
            ("top_p", "x"),
            ("max_tokens", 0),
            ("max_tokens", -1),
            ("max_tokens", 1.5),
            ("max_tokens", "many"),
            ("max_tokens", True),
        )
    ),
    ("chat", "stream_options", 1, "Invalid parameter stream_options: "),
    (
        "chat",
        "stream_options",
        {"include_usage": "x"},
        "Invalid parameter stream_options.include_usage: ",
    ),
    ("messages", "max_tokens", MISSING, "Missing required parameter: max_tokens."),
    ("messages", "messages", [{"role": "system", "content": "x"}], "Invalid parameter messages[0]"),
    (
        "messages",
        "messages",
        [{"role": "user", "content": [{"text": "x"}]}],
        "Missing required parameter: messages[0].content[0].type.",
    ),
    ("messages", "system", 1, "Invalid parameter system: "),
    ("messages", "stop_sequences", "x", "Invalid parameter stop_sequences: "),
    ("messages", "stop_sequences", [1], "Invalid parameter stop_sequences[0]: "),
    ("messages", "stop_sequences", [""], "Invalid parameter stop_sequences[0]: "),
    ("images", "prompt", MISSING, "Missing required parameter: prompt."),
    ("images", "prompt", 1, "Invalid parameter prompt: "),
    ("images", "prompt", "", "Invalid parameter prompt: "),
    ("images", "n", 0, "Invalid parameter n: "),
    ("images", "n", 11, "Invalid parameter n: "),
    ("images", "n", "2", "Invalid parameter n: "),
    ("images", "size", "large", "Invalid parameter size: "),
    ("images", "size", "0x10", "Invalid parameter size: "),
    ("images", "size", "99999x1", "Invalid parameter size: "),
    ("images", "size", 1024, "Invalid parameter size: "),
    ("images", "response_format", "png", "Invalid parameter response_format: "),
]


@pytest.mark.parametrize(("endpoint", "name", "value", "said"), WRONG)
async def test_each_invalid_parameter_is_a_400_that_names_it(
    gateway_of: Any, connect: "Connect", endpoint: str, name: str, value: object, said: str
) -> None:
    path, body = PATHS[endpoint]
    wrong = {field: each for field, each in body.items() if field != name}
    if value is not MISSING:
        wrong[name] = value
    client = await connect(gateway_of())
    status, code, message = (await client.post(path, wrong)).error
    assert (status, code) == (400, "INVALID_PARAMS")
    assert message.startswith(said)


@pytest.mark.parametrize(
    ("endpoint", "fields"),
    [
        ("chat", {"temperature": 0, "top_p": 0, "max_tokens": 1, "stream": False}),
        ("chat", {"temperature": 2, "top_p": 1}),
        ("chat", {"temperature": 1.5, "top_p": 0.5, "unknown": {"kept": True}}),
        ("chat", {"temperature": None, "top_p": None, "max_tokens": None, "stream": None}),
        (
            "chat",
            {
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    USER,
                    {"role": "assistant", "content": "Hi."},
                    {"role": "user", "content": ""},
                ]
            },
        ),
        ("search", {"stream": False}),
        ("messages", {"temperature": 0, "top_p": 0, "max_tokens": 1}),
        ("messages", {"temperature": 1, "top_p": 1, "stop_sequences": []}),
        ("messages", {"system": [{"type": "text", "text": "Be brief."}]}),
        ("messages", {"messages": [USER, {"role": "assistant", "content": "Hi."}, USER]}),
        ("images", {"n": 10, "size": "16x16", "response_format": "url"}),
    ],
)
async def test_what_the_reference_allows_is_accepted(
    gateway_of: Any, connect: "Connect", endpoint: str, fields: dict[str, Any]
) -> None:
    path, body = PATHS[endpoint]
    client = await connect(gateway_of())
    assert (await client.post(path, body | fields)).status == 200


@pytest.mark.parametrize("endpoint", list(PATHS))
@pytest.mark.parametrize("offline", [False, True])
async def test_an_unknown_or_offline_model_is_404(
    gateway_of: Any, connect: "Connect", endpoint: str, offline: bool
) -> None:
    path, body = PATHS[endpoint]
    model = body["model"] if offline else "gpt-99"
    client = await connect(gateway_of(offline=("deepseek-v4-flash", "gpt-image-2")))
    assert (await client.post(path, body | {"model": model})).error == (
        404,
        "MODEL_NOT_FOUND",
        f"Model {model} not found or offline.",
    )


async def test_a_model_of_the_other_kind_is_not_found(gateway_of: Any, connect: "Connect") -> None:
    client = await connect(gateway_of())
    drawn = await client.post("/v1/images/generations", IMAGES | {"model": "deepseek-v4-flash"})
    assert drawn.error[1] == "MODEL_NOT_FOUND"
    said = await client.post("/v1/chat/completions", CHAT | {"model": "gpt-image-2"})
    assert said.error[1] == "MODEL_NOT_FOUND"


@pytest.mark.parametrize("endpoint", list(PATHS))
async def test_what_is_left_out_has_the_default_of_the_reference(
    gateway_of: Any, connect: "Connect", endpoint: str
) -> None:
    """Null means left out, and neither streams; an explicit default is accepted."""
    path, body = PATHS[endpoint]
    defaults: dict[str, Any] = {"temperature": 1, "top_p": 1, "stream": False}
    if endpoint == "images":
        defaults = {"n": 1, "size": "1024x1024", "response_format": "url"}
    gateway = gateway_of(output_tokens=3)
    client = await connect(gateway)
    for fields in ({}, defaults, dict.fromkeys(defaults)):
        response = await client.post(path, body | fields)
        assert (response.status, response.headers["content-type"]) == (200, "application/json")
        if endpoint == "images":
            assert [list(image) for image in response.json["data"]] == [["url"]]
    assert [(row.status, row.stream) for row in gateway.log_rows] == [(200, False)] * 3
