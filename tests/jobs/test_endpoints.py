"""The table of endpoints."""

from headrace.jobs import ENDPOINTS
from headrace.jobs.endpoints import TOKEN_URLS

REFERENCE = ["/v1/chat/completions", "/v1/messages", "/v1/search/completions"]
REFERENCE.append("/v1/images/generations")


def test_the_reference_has_four_and_the_table_five_more() -> None:
    assert [url for url, each in ENDPOINTS.items() if each.in_reference] == REFERENCE
    assert [each.kind for each in ENDPOINTS.values() if not each.in_reference] == [
        "responses",
        "completions",
        "embeddings",
        "rerank",
        "moderations",
    ]


def test_a_path_that_is_not_in_the_table_is_an_endpoint_that_nobody_knows() -> None:
    other = ENDPOINTS["/v1/score"]
    assert (other.path, other.kind, other.price, other.required) == (
        "/v1/score",
        "other",
        "unknown",
        (),
    )
    assert "/v1/score" not in ENDPOINTS


def test_tokens_are_reserved_where_they_are_billed() -> None:
    counted = {ENDPOINTS[url].kind for url in TOKEN_URLS}
    assert counted == {
        *("chat", "messages", "search", "responses", "completions", "embeddings", "rerank")
    }
