"""Which stream an endpoint answers with."""

import pytest

from headrace.jobs import ENDPOINTS
from headrace.runner.answers import stream_of

NAMES = {
    "/v1/chat/completions": "ChatStream",
    "/v1/messages": "MessagesStream",
    "/v1/search/completions": "ChatStream",
    "/v1/responses": "ResponsesStream",
    "/v1/completions": "CompletionsStream",
    "/v1/score": "AnyEvents",
    "/v1/embeddings": "ChatStream",  # nothing of it is understood
}


@pytest.mark.parametrize(("url", "name"), NAMES.items())
def test_each_endpoint_has_its_own(url: str, name: str) -> None:
    assert type(stream_of(ENDPOINTS[url])).__name__ == name
