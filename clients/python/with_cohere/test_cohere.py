"""Cohere's own client."""

import asyncio
import json

import cohere
import pytest

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Paris", "London"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture(scope="module")
def client(address):
    return cohere.ClientV2(api_key="none", base_url=address)


def greedy(model, **more):
    return dict(model=model, messages=QUESTION, max_tokens=24, temperature=0, **more)


def test_a_chat_is_answered(client, model):
    answer = client.chat(**greedy(model))
    assert answer.message.role == "assistant" and answer.message.content[0].text
    assert answer.finish_reason in ("COMPLETE", "MAX_TOKENS")
    assert answer.usage.tokens.output_tokens > 0


def test_a_stream_says_the_same(client, model):
    whole = client.chat(**greedy(model)).message.content[0].text
    events = list(client.chat_stream(**greedy(model)))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message-start", "content-start"]
    assert kinds[-2:] == ["content-end", "message-end"]
    deltas = [event.delta.message.content.text for event in events if event.type == "content-delta"]
    assert "".join(deltas) == whole
    assert events[-1].delta.usage.tokens.output_tokens > 0


def test_a_tool_is_called_and_its_result_read(client, model):
    ask = [{"role": "user", "content": "What is the weather in Paris?"}]
    answer = client.chat(
        model=model, messages=ask, tools=[WEATHER], tool_choice="REQUIRED", max_tokens=300
    )
    assert answer.finish_reason in ("TOOL_CALL", "MAX_TOKENS")
    call = answer.message.tool_calls[0]
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments)["city"] in ("Paris", "London")
    turns = [
        *ask,
        {"role": "assistant", "tool_calls": [call]},
        {
            "role": "tool",
            "tool_call_id": call.id,
            "content": [{"type": "document", "document": {"data": {"degrees": "20"}}}],
        },
    ]
    told = client.chat(model=model, messages=turns, max_tokens=24)
    assert told.message.content[0].text


def test_a_streamed_call_is_put_together(client, model):
    ask = [{"role": "user", "content": "What is the weather in Paris?"}]
    events = list(
        client.chat_stream(
            model=model, messages=ask, tools=[WEATHER], tool_choice="REQUIRED", max_tokens=300,
            temperature=0,
        )
    )
    starts = [event for event in events if event.type == "tool-call-start"]
    assert starts and starts[0].delta.message.tool_calls.function.name == "get_weather"
    pieces = [
        event.delta.message.tool_calls.function.arguments
        for event in events
        if event.type == "tool-call-delta" and event.index == 0
    ]
    assert len(pieces) > 1
    assert json.loads("".join(pieces))["city"] in ("Paris", "London")
    ends = [event.index for event in events if event.type == "tool-call-end"]
    assert ends == [event.index for event in starts]
    assert events[-1].delta.finish_reason in ("TOOL_CALL", "MAX_TOKENS")


def test_documents_are_read(client, model):
    documents = [
        "Fees are fair. A wire costs $25.",
        {"id": "limits", "data": {"title": "Limits", "snippet": "A wire may be $10,000."}},
    ]
    bare = client.chat(**greedy(model))
    answer = client.chat(**greedy(model), documents=documents)
    assert answer.message.content[0].text
    assert answer.usage.tokens.input_tokens > bare.usage.tokens.input_tokens + 20
    events = list(client.chat_stream(**greedy(model), documents=documents))
    assert events[-1].delta.finish_reason in ("COMPLETE", "MAX_TOKENS")


def test_the_asynchronous_client_is_answered(address, model):
    async def answers():
        async with cohere.AsyncClientV2(api_key="none", base_url=address) as client:
            asked = [client.chat(**greedy(model)) for _ in range(3)]
            whole = [answer.message.content[0].text for answer in await asyncio.gather(*asked)]
            text = ""
            async for event in client.chat_stream(**greedy(model)):
                if event.type == "content-delta":
                    text += event.delta.message.content.text
            return whole, text

    whole, streamed = asyncio.run(answers())
    assert whole == [streamed] * 3 and streamed


def test_output_is_held_to_a_schema(client, model):
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "London"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    answer = client.chat(
        model=model,
        messages=QUESTION,
        max_tokens=60,
        response_format={"type": "json_object", "json_schema": schema},
    )
    assert json.loads(answer.message.content[0].text)["city"] in ("Paris", "London")


def test_texts_become_vectors(client, embedder):
    answer = client.embed(
        model=embedder,
        input_type="search_document",
        texts=["A card is lost.", "A cat sleeps."],
        embedding_types=["float", "int8", "ubinary"],
    )
    assert [len(vector) for vector in answer.embeddings.float_] == [384, 384]
    assert [len(vector) for vector in answer.embeddings.int8] == [384, 384]
    assert [len(vector) for vector in answer.embeddings.ubinary] == [48, 48]
    assert abs(sum(value * value for value in answer.embeddings.float_[0]) - 1) < 1e-3


def test_documents_are_ranked(client, embedder):
    documents = ["Cats sleep a lot.", "Call us at once if your card is lost.", "Rates are low."]
    answer = client.rerank(
        model=embedder, query="I lost my card", documents=documents, top_n=2
    )
    assert [result.index for result in answer.results][0] == 1 and len(answer.results) == 2
    assert "cosine" in answer.meta.warnings[0]


def test_a_cross_encoder_ranks_without_a_warning(client, reranker):
    answer = client.rerank(model=reranker, query="a card", documents=["a card", "a cat", "rates"])
    scores = [result.relevance_score for result in answer.results]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    assert not answer.meta.warnings


def test_errors_are_those_of_the_client(client, model):
    with pytest.raises(cohere.NotFoundError):
        client.chat(model="no-such-model", messages=QUESTION)
    with pytest.raises(cohere.BadRequestError) as refused:
        client.chat(model=model, messages=[])
    assert "messages" in refused.value.body["message"]
