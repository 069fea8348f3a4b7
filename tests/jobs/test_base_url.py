"""Base URLs: what is taken, what becomes of a job's path under each, and what no message shows."""

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from headrace.jobs import InputError, checked_base_urls, endpoint_url, without_secrets

CHAT = "/v1/chat/completions"
AZURE = "https://a.openai.azure.com/openai/deployments/gpt?api-version=2024-10-21"


def checked(text: str) -> str:
    """One base URL for all protocols."""
    return checked_base_urls(text).openai


@pytest.mark.parametrize(
    ("given", "base", "chat"),
    [
        ("https://a.test", "https://a.test", "https://a.test/v1/chat/completions"),
        ("https://a.test/", "https://a.test", "https://a.test/v1/chat/completions"),
        ("  https://a.test/v1/ ", "https://a.test", "https://a.test/v1/chat/completions"),
        ("http://[::1]:80/x/v1", "http://[::1]:80/x", "http://[::1]:80/x/v1/chat/completions"),
        ("https://a.test/api/v1", "https://a.test/api", "https://a.test/api/v1/chat/completions"),
        ("https://a.test/p/v4", "https://a.test/p/v4", "https://a.test/p/v4/chat/completions"),
        (
            "https://a.test/v1beta/openai/",
            "https://a.test/v1beta/openai",
            "https://a.test/v1beta/openai/chat/completions",
        ),
        (
            "https://a.test/v1/accounts/7/ai",
            "https://a.test/v1/accounts/7/ai",
            "https://a.test/v1/accounts/7/ai/chat/completions",
        ),
        (
            AZURE,
            AZURE,
            "https://a.openai.azure.com/openai/deployments/gpt/chat/completions"
            "?api-version=2024-10-21",
        ),
        (
            "https://a.test/openai/v1?api-version=preview",
            "https://a.test/openai/v1?api-version=preview",
            "https://a.test/openai/v1/chat/completions?api-version=preview",
        ),
        # A name that only begins as a version does is none.
        ("https://a.test/v1ction", "https://a.test/v1ction", "https://a.test/v1ction" + CHAT),
    ],
)
def test_what_the_base_url_says_of_a_version_stands_in_for_v1(
    given: str, base: str, chat: str
) -> None:
    assert checked(given) == base
    assert checked(base) == base
    assert endpoint_url(base, CHAT) == chat


@pytest.mark.parametrize(
    ("given", "instead"),
    [
        ("https://a.test/v1/chat/completions", "https://a.test/v1"),
        ("https://a.test/v1/chat/completions/", "https://a.test/v1"),
        ("https://a.test/chat/completions", "https://a.test"),
        ("https://a.test/v1/messages", "https://a.test/v1"),
        ("https://a.test/api/v4/Chat/Completions", "https://a.test/api/v4"),
        ("https://a.test/v1/images/generations", "https://a.test/v1"),
        ("https://a.test/v1/embeddings", "https://a.test/v1"),
        (AZURE.replace("?", "/chat/completions?"), AZURE),
    ],
)
def test_a_base_url_that_holds_the_endpoint_is_told_and_what_to_give(
    given: str, instead: str
) -> None:
    with pytest.raises(InputError) as caught:
        checked(given)
    assert "holds the endpoint /" in caught.value.message
    assert caught.value.message.endswith(f"give {instead}")
    assert "\n" not in caught.value.message
    assert checked(instead) + "/v1" in (instead, instead + "/v1")


@pytest.mark.parametrize(
    "given",
    [
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://api.example.com:port",
        "https://api.example.com:99999",
        "https://a b.test",
        "https://a\tb.test",
        "https://user:sk-secret@api.example.com",
        "https://user:sk-secret/x@api.example.com",
        "user:sk-secret@api.example.com",
        "//user:sk-secret@api.example.com",
        "https:user:sk-secret@api.example.com",
        "ftp://user:sk-secret@api.example.com",
        "https://api.example.com?key=sk-secret",
        "https://api.example.com/v1/chat/completions?key=sk-secret",
        "https://api.example.com?sk-secret",
        "https://api.example.com?api-version=1&key=sk-secret",
        "https://api.example.com?api-version=sk-secret%20",
        "https://api.example.com?api-version=",
        "https://api.example.com#sk-secret",
        "https://[half",
    ],
)
def test_a_base_url_that_cannot_be_used(given: str) -> None:
    with pytest.raises(InputError) as caught:
        checked(given)
    assert "sk-secret" not in caught.value.message
    assert "base URL" in caught.value.message


@given_any(st.text("ht:/@?#[]%.v1 secr\t", max_size=25))
def test_any_text_is_a_base_url_or_one_clear_error(text: str) -> None:
    try:
        found = checked(f"https://{text}")
    except InputError as error:
        found = error.message
    assert "\n" not in found
    assert "@" not in found


def test_a_url_is_shown_without_its_user_and_query() -> None:
    assert without_secrets("https://me:pass@a.test/x?key=1#y") == "https://a.test/x"
    assert without_secrets("me:pa@ss@a.test") == "a.test"
    assert without_secrets("https://a.test/x") == "https://a.test/x"


@pytest.mark.parametrize("url", ["https://me:sk-secret@a.test", "https://a.test?key=sk-secret"])
def test_a_key_in_a_url_belongs_in_the_variable_that_is_named(url: str) -> None:
    with pytest.raises(InputError, match="EAST_KEY"):
        checked_base_urls(url, key_variable="EAST_KEY")
