"""Ollama's own client."""

import asyncio
import json

import ollama
import pytest

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY = {"temperature": 0, "num_predict": 24}


@pytest.fixture(scope="module")
def client(address):
    return ollama.Client(host=address)


def test_a_chat_is_answered(client, model):
    answer = client.chat(model, QUESTION, options=GREEDY)
    assert answer.message.content and answer.message.role == "assistant"
    assert answer.done and answer.done_reason in ("stop", "length")
    assert answer.total_duration > 0 and answer.prompt_eval_count > 0
    assert 0 < answer.eval_count <= 24


def test_a_stream_says_the_same(client, model):
    whole = client.chat(f"{model}:latest", QUESTION, options=GREEDY)
    parts = list(client.chat(model, QUESTION, options=GREEDY, stream=True))
    assert "".join(part.message.content for part in parts) == whole.message.content
    assert parts[-1].done and not any(part.done for part in parts[:-1])
    assert parts[-1].eval_count == whole.eval_count


def test_a_prompt_is_answered_and_continued(client, model):
    answer = client.generate(model, "What is the capital of France?", options=GREEDY)
    assert answer.response and answer.done_reason in ("stop", "length")
    raw = client.generate(model, "The capital of France is", raw=True, options=GREEDY)
    assert "Paris" in raw.response
    parts = client.generate(
        model, "The capital of France is", raw=True, options=GREEDY, stream=True
    )
    assert "".join(part.response for part in parts) == raw.response


def test_a_schema_and_json_hold_the_answer(client, model):
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "London"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    answer = client.chat(model, QUESTION, format=schema, options={"num_predict": 60})
    assert json.loads(answer.message.content)["city"] in ("Paris", "London")


def get_weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: The city.
    """
    return "20 degrees"


def weather_of(city, degrees):
    """A question that a call answered."""
    call = {"function": {"name": "get_weather", "arguments": {"city": city}}}
    return [
        {"role": "user", "content": f"What is the weather in {city}?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": f"{degrees} degrees", "tool_name": "get_weather"},
        {"role": "assistant", "content": f"It is {degrees} degrees in {city}."},
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called(client, model, stream):
    # The protocol has no way to force a call; a small model does again what was done before.
    shown = [weather_of(*one) for one in (("London", 12), ("Rome", 25), ("Oslo", 3))]
    ask = [*sum(shown, []), {"role": "user", "content": "What is the weather in Paris?"}]
    options = {"temperature": 0, "num_predict": 120}
    answer = client.chat(model, ask, tools=[get_weather], options=options, stream=stream)
    parts = list(answer) if stream else [answer]
    calls = [call for part in parts for call in part.message.tool_calls or []]
    assert calls, "".join(part.message.content or "" for part in parts)
    for call in calls:
        assert call.function.name == "get_weather" and set(call.function.arguments) == {"city"}
    assert "<tool_call>" not in "".join(part.message.content or "" for part in parts)


def test_results_of_tools_are_read(client, model):
    ask = [{"role": "user", "content": "What is the weather in Paris?"}]
    call = {"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}
    turns = [
        *ask,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": get_weather("Paris"), "tool_name": "get_weather"},
    ]
    told = client.chat(model, turns, options=GREEDY)
    bare = client.chat(model, ask, options=GREEDY)
    assert told.message.content and told.prompt_eval_count > bare.prompt_eval_count


def test_the_asynchronous_client_is_answered(address, model):
    async def ask():
        client = ollama.AsyncClient(host=address)
        asked = [client.chat(model, QUESTION, options=GREEDY) for _ in range(3)]
        whole = [answer.message.content for answer in await asyncio.gather(*asked)]
        stream = await client.chat(model, QUESTION, options=GREEDY, stream=True)
        return whole, "".join([part.message.content async for part in stream])

    whole, streamed = asyncio.run(ask())
    assert whole == [streamed] * 3 and streamed


def test_log_probabilities_come_with_tokens(client, model):
    answer = client.chat(model, QUESTION, options=GREEDY, logprobs=True, top_logprobs=2)
    assert len(answer.logprobs) > 0 and answer.logprobs[0].logprob <= 0
    assert len(answer.logprobs[0].top_logprobs) == 2


def test_texts_become_vectors(client, embedder):
    answer = client.embed(embedder, ["A card is lost.", "A cat sleeps."])
    assert [len(vector) for vector in answer.embeddings] == [384, 384]
    one = client.embeddings(embedder, "A card is lost.")
    assert list(one.embedding) == list(answer.embeddings[0])


def test_models_are_listed_and_shown(client, model, embedder):
    names = [one.model for one in client.list().models]
    assert model in names and embedder in names
    assert model in [one.model for one in client.ps().models]
    assert "completion" in client.show(model).capabilities
    assert "embedding" in client.show(embedder).capabilities


def test_models_say_what_their_files_are(client, model, embedder):
    listed = {one.model: one for one in client.list().models}
    for name in (model, embedder):
        one, shown = listed[name], client.show(name)
        assert one.size > 1 << 20 and one.modified_at.year > 2000
        assert len(one.digest) == 64 and int(one.digest, 16) > 0
        assert one.details.format in ("gguf", "safetensors") and one.details.family
        assert one.details.parameter_size[-1] in "MB" and one.details.quantization_level
        assert shown.details == one.details
        family = shown.modelinfo["general.architecture"]
        assert family == one.details.family
        assert shown.modelinfo[f"{family}.context_length"] > 0
        assert shown.modelinfo["general.parameter_count"] > 1_000_000
    assert listed[model].digest != listed[embedder].digest
    running = {one.model: one for one in client.ps().models}
    assert running[model].size > 0 and running[model].digest == listed[model].digest
    assert running[model].size_vram == 0 and running[model].details == listed[model].details


def test_errors_are_those_of_the_client(client, model):
    with pytest.raises(ollama.ResponseError) as missing:
        client.chat("no-such-model", QUESTION)
    assert missing.value.status_code == 404 and "does not exist" in missing.value.error
    with pytest.raises(ollama.ResponseError) as refused:
        client.chat(model, QUESTION, think=True)
    assert refused.value.status_code == 400
    assert client.chat(model, QUESTION, think=False, options=GREEDY).message.content
