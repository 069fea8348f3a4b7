"""OpenAI's client, as it is, on the endpoints beyond the reference."""

from collections.abc import Callable
from typing import Any

import openai
import pytest

from headrace.gateway import Gateway

from .test_clients import MODEL, in_thread

pytestmark = pytest.mark.slow
Gateways = Callable[..., Gateway]
TOOL: Any = {
    "type": "function",
    "name": "read_level",
    "parameters": {"type": "object", "properties": {"gauge": {"type": "string"}}},
    "strict": False,
}


async def test_openais_client_embeds_responds_completes_and_judges(gateway_of: Gateways) -> None:
    seen: list[str] = []

    def use(client: openai.OpenAI) -> None:
        embedded = client.embeddings.create(model=MODEL, input=["a", "b"], dimensions=4)
        assert [len(each.embedding) for each in embedded.data] == [4, 4]
        as_floats = client.embeddings.create(
            model=MODEL, input=["a", "b"], dimensions=4, encoding_format="float"
        )
        assert as_floats.data[0].embedding == pytest.approx(embedded.data[0].embedding)
        seen.append("embeddings")

        response = client.responses.create(model=MODEL, input="hi", max_output_tokens=5)
        assert response.output_text
        assert response.usage is not None
        assert response.usage.output_tokens <= 5
        called = client.responses.create(
            model=MODEL, input="hi", tools=[TOOL], tool_choice="required"
        )
        assert [item.type for item in called.output] == ["function_call"]
        seen.append("responses")

        with client.responses.stream(model=MODEL, input="hi") as stream:
            deltas = [each.delta for each in stream if each.type == "response.output_text.delta"]
            final = stream.get_final_response()
        assert final.output_text == "".join(deltas)
        assert final.usage is not None
        assert final.usage.output_tokens == len(deltas) == 12
        seen.append("stream")

        completion = client.completions.create(model=MODEL, prompt="Once", max_tokens=5, n=2)
        assert len(completion.choices) == 2
        chunks = list(client.completions.create(model=MODEL, prompt="Once", stream=True))
        assert "".join(chunk.choices[0].text for chunk in chunks)
        assert chunks[-1].usage is not None
        seen.append("completions")

        judged = client.moderations.create(input=["a", "b"])
        assert [result.flagged for result in judged.results] == [False, False]
        assert judged.results[0].categories.violence is False
        seen.append("moderations")

    served = gateway_of(output_tokens=12)
    await in_thread(served, use)
    assert seen == ["embeddings", "responses", "stream", "completions", "moderations"]
    assert {row.status for row in served.log_rows} == {200}
