"""Which chat bodies let a service search the web by itself."""

from typing import Any

import pytest

from tests.jobs.costs.test_bound import CHAT, job

SEARCHING: list[tuple[str, Any]] = [
    ("web_search_options", {}),
    ("search_options", {"max": 3}),
    ("search_parameters", {"mode": "auto"}),
    ("enable_search", True),
    ("enable_web_search", True),
    ("web_search", {"enable": True}),
    ("plugins", [{"id": "file-parser"}, {"id": "web", "max_results": 3}]),
    ("tools", [{"type": "web_search_preview"}]),
    ("tools", [{"type": "builtin_function", "function": {"name": "$web_search"}}]),
]
NOT_SEARCHING: list[dict[str, Any]] = [
    {"web_search_options": None},
    {"search_parameters": {"mode": "off"}},
    {"plugins": [{"id": "file-parser"}, 7]},
    {"enable_search": False},
    {"tools": [{"type": "function", "function": {"name": "web_search", "parameters": {}}}]},
    {"tools": "web_search"},
    {},
]


@pytest.mark.parametrize(("name", "value"), SEARCHING)
def test_a_field_that_lets_the_service_search_is_named(name: str, value: Any) -> None:
    assert job(CHAT, max_tokens=1, **{name: value}).web_search == name
    # Anthropic's answers say what was searched.
    assert job("/v1/messages", max_tokens=1, **{name: value}).web_search is None


@pytest.mark.parametrize("fields", NOT_SEARCHING)
def test_what_only_looks_like_it_is_not(fields: dict[str, Any]) -> None:
    assert job(CHAT, max_tokens=1, **fields).web_search is None
