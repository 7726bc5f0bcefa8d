"""Anthropic's own client."""

import asyncio
import json

import anthropic
import pytest

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {
        "type": "object",
        "properties": {
            "city": {"enum": ["Paris", "London"]},
            "unit": {"enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city", "unit"],
        "additionalProperties": False,
    },
}


@pytest.fixture(scope="module")
def client(address):
    return anthropic.Anthropic(base_url=address, api_key="none", max_retries=0)


# The client has no parameter for it any more.
GREEDY = {"temperature": 0}


def greedy(model, **more):
    return dict(model=model, messages=QUESTION, max_tokens=24, extra_body=GREEDY, **more)


def test_a_message_is_answered(client, model):
    answer = client.messages.create(**greedy(model, system="Answer in one sentence."))
    assert answer.type == "message" and answer.role == "assistant"
    assert answer._request_id
    assert answer.content[0].type == "text" and answer.content[0].text
    assert answer.stop_reason in ("end_turn", "max_tokens")
    again = client.messages.create(**greedy(model, system="Answer in one sentence."))
    assert again.content[0].text == answer.content[0].text
    assert again.usage.cache_read_input_tokens > 0


def test_a_stream_says_the_same(client, model):
    whole = client.messages.create(**greedy(model))
    with client.messages.stream(**greedy(model)) as stream:
        text = "".join(stream.text_stream)
        last = stream.get_final_message()
    assert text == whole.content[0].text == last.content[0].text
    assert last.stop_reason == whole.stop_reason
    assert last.usage.output_tokens == whole.usage.output_tokens


def test_events_come_in_order(client, model):
    events = client.messages.create(**greedy(model), stream=True)
    kinds = [event.type for event in events if event.type != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_stop_sequences_are_named(client, model):
    whole = client.messages.create(**greedy(model)).content[0].text
    word = whole.split()[2]
    answer = client.messages.create(**greedy(model, stop_sequences=["@@@", word]))
    assert answer.stop_reason == "stop_sequence" and answer.stop_sequence == word
    assert answer.content[0].text == whole[: whole.index(word)]


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
def test_a_tool_is_called_and_its_result_read(client, model, choice):
    ask = [{"role": "user", "content": "What is the weather in Paris?"}]
    more = dict(model=model, max_tokens=200, tools=[WEATHER], extra_body=GREEDY)
    choice = {**choice, "disable_parallel_tool_use": True}
    answer = client.messages.create(messages=ask, tool_choice=choice, **more)
    assert answer.stop_reason == "tool_use"
    call = answer.content[-1]
    assert call.type == "tool_use" and call.name == "get_weather"
    assert call.input["city"] in ("Paris", "London")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "20 degrees"}
    turns = [
        *ask,
        {"role": "assistant", "content": answer.content},
        {"role": "user", "content": [result]},
    ]
    told = client.messages.create(messages=turns, tool_choice={"type": "none"}, **more)
    assert told.content[0].type == "text" and told.content[0].text


def test_a_streamed_call_is_put_together(client, model):
    ask = [{"role": "user", "content": "What is the weather in Paris?"}]
    choice = {"type": "tool", "name": "get_weather"}
    with client.messages.stream(
        model=model, messages=ask, max_tokens=200, tools=[WEATHER], tool_choice=choice
    ) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        call = stream.get_final_message().content[-1]
    assert json.loads("".join(pieces)) == call.input
    assert set(call.input) == {"city", "unit"}


def test_output_is_held_to_a_schema(client, model):
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "London"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    config = {"format": {"type": "json_schema", "schema": schema}}
    answer = client.messages.create(
        model=model, messages=QUESTION, max_tokens=60, output_config=config
    )
    assert json.loads(answer.content[0].text)["city"] in ("Paris", "London")


def test_the_asynchronous_client_is_answered(address, model):
    async def answers():
        client = anthropic.AsyncAnthropic(base_url=address, api_key="none", max_retries=0)
        async with client:
            asked = [client.messages.create(**greedy(model)) for _ in range(3)]
            whole = [answer.content[0].text for answer in await asyncio.gather(*asked)]
            async with client.messages.stream(**greedy(model)) as stream:
                return whole, "".join([text async for text in stream.text_stream])

    whole, streamed = asyncio.run(answers())
    assert whole == [streamed] * 3 and streamed


def test_fields_without_effect_are_told(client, model):
    block = {"type": "text", "text": "Say hello.", "cache_control": {"type": "ephemeral"}}
    raw = client.messages.with_raw_response.create(
        model=model, max_tokens=2, messages=[{"role": "user", "content": [block]}]
    )
    assert raw.headers["x-catena-ignored-fields"] == "messages[].content[].cache_control"


def test_tokens_are_counted(client, model):
    count = client.messages.count_tokens(model=model, messages=QUESTION).input_tokens
    usage = client.messages.create(**greedy(model)).usage
    assert count == usage.input_tokens + usage.cache_read_input_tokens
    with_tools = client.messages.count_tokens(model=model, messages=QUESTION, tools=[WEATHER])
    assert with_tools.input_tokens > count


def test_errors_are_those_of_the_client(client, model):
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(**greedy("no-such-model"))
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model=model, messages=[], max_tokens=5)
    assert refused.value.body["error"]["type"] == "invalid_request_error"
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(**{**greedy(model), "max_tokens": 20_000})
