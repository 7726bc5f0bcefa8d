"""OpenAI's own client."""

import json

import openai
import pytest
from pydantic import BaseModel

QUESTION = [{"role": "user", "content": "Say hello."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"enum": ["Paris", "London"]},
                "unit": {"enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "get_time"}}


@pytest.fixture(scope="module")
def client(address):
    return openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


def test_models_are_listed(client, model, embedder):
    names = [one.id for one in client.models.list()]
    assert model in names and embedder in names
    assert client.models.retrieve(model).id == model
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_a_chat_is_answered(client, model):
    answer = client.chat.completions.create(
        model=model, messages=QUESTION, max_tokens=24, temperature=0
    )
    assert "Hello" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    again = client.chat.completions.create(
        model=model, messages=QUESTION, max_tokens=24, temperature=0
    )
    assert again.choices[0].message.content == answer.choices[0].message.content
    assert again.usage.prompt_tokens_details.cached_tokens > 0


def test_a_stream_says_the_same(client, model):
    ask = dict(model=model, messages=QUESTION, max_tokens=24, temperature=0)
    whole = client.chat.completions.create(**ask).choices[0].message.content
    chunks = list(
        client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True})
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == whole
    assert chunks[-1].usage.completion_tokens > 0


def test_several_answers_seeds_and_stops(client, model):
    ask = dict(model=model, messages=QUESTION, max_tokens=12, temperature=1.0, seed=7, n=3)
    first = client.chat.completions.create(**ask)
    again = client.chat.completions.create(**ask)
    texts = [choice.message.content for choice in first.choices]
    assert len(texts) == 3 and len(set(texts)) > 1
    assert texts == [choice.message.content for choice in again.choices]
    stopped = client.chat.completions.create(
        model=model, messages=QUESTION, max_tokens=24, temperature=0, stop=["help"]
    )
    assert "help" not in stopped.choices[0].message.content
    assert stopped.choices[0].finish_reason == "stop"


def test_logprobs_and_biases(client, model):
    answer = client.chat.completions.create(
        model=model, messages=QUESTION, max_tokens=3, temperature=0, logprobs=True, top_logprobs=2
    )
    content = answer.choices[0].logprobs.content
    assert len(content) == 3 and all(len(token.top_logprobs) == 2 for token in content)
    assert all(token.logprob <= 0 for token in content)
    # The token that the model would say first is forbidden.
    completion = client.completions.create(model=model, prompt="The capital", max_tokens=1,
                                           temperature=0, logprobs=1)
    assert completion.choices[0].logprobs.tokens[0] == completion.choices[0].text


def test_tools_by_name_required_and_streamed(client, model):
    named = client.chat.completions.create(
        model=model, messages=QUESTION, tools=[WEATHER, CLOCK], max_tokens=80,
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
    )
    assert named.choices[0].finish_reason == "tool_calls"
    (call,) = named.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments)["city"] in ("Paris", "London")
    required = client.chat.completions.create(
        model=model, messages=QUESTION, tools=[WEATHER, CLOCK], max_tokens=80,
        tool_choice="required", parallel_tool_calls=False,
    )
    assert len(required.choices[0].message.tool_calls) == 1
    with client.chat.completions.stream(
        model=model, messages=QUESTION, tools=[WEATHER], max_tokens=80,
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.delta" in kinds
    arguments = json.loads(final.choices[0].message.tool_calls[0].function.arguments)
    assert arguments["unit"] in ("celsius", "fahrenheit")


def test_what_a_tool_gave_goes_on(client, model):
    call = {"id": "call_1", "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city": "Paris", "unit": "celsius"}'}}
    messages = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"},
    ]
    answer = client.chat.completions.create(
        model=model, messages=messages, tools=[WEATHER], tool_choice="none", max_tokens=16
    )
    assert answer.choices[0].message.content
    auto = client.chat.completions.create(
        model=model, messages=messages, tools=[WEATHER], max_tokens=60, temperature=0
    )
    for call in auto.choices[0].message.tool_calls or []:
        if auto.choices[0].finish_reason == "tool_calls":
            json.loads(call.function.arguments)


class City(BaseModel):
    """A place."""

    name: str
    continent: str
    capital: bool


def test_answers_with_a_form(client, model):
    parsed = client.chat.completions.parse(
        model=model, messages=QUESTION, response_format=City, max_tokens=200, temperature=0,
        extra_body={"repetition_penalty": 1.2},
    )
    assert isinstance(parsed.choices[0].message.parsed, City)
    anything = client.chat.completions.create(
        model=model, messages=QUESTION, response_format={"type": "json_object"}, max_tokens=120,
        extra_body={"repetition_penalty": 1.2},
    )
    if anything.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(anything.choices[0].message.content), dict)
    for form, allowed in (({"choice": ["yes", "no"]}, ("yes", "no")), ({"regex": "(ja|nein)"}, ("ja", "nein"))):
        chosen = client.chat.completions.create(
            model=model, messages=QUESTION, extra_body={"structured_outputs": form}
        )
        assert chosen.choices[0].message.content in allowed


def test_completions_of_several_prompts(client, model):
    answer = client.completions.create(model=model, prompt=["One, two,", "Red, green,"], max_tokens=4, n=2)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]


def test_embeddings(client, embedder):
    texts = ["A wire costs 25 dollars.", "What does a wire cost?", "Cats sleep."]
    floats = client.embeddings.create(model=embedder, input=texts, encoding_format="float")
    default = client.embeddings.create(model=embedder, input=texts)
    vectors = [one.embedding for one in floats.data]
    assert len(vectors[0]) == 384
    assert vectors[0] == pytest.approx(default.data[0].embedding, abs=1e-6)

    def dot(a, b):
        return sum(x * y for x, y in zip(a, b))

    assert dot(vectors[0], vectors[1]) > dot(vectors[0], vectors[2])
    short = client.embeddings.create(model=embedder, input=texts[0], dimensions=64)
    assert len(short.data[0].embedding) == 64
    assert dot(short.data[0].embedding, short.data[0].embedding) == pytest.approx(1.0, abs=1e-4)


def test_errors_have_their_classes(client, model):
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=model, messages=QUESTION, temperature=99)
    assert refused.value.param == "temperature"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="no-such-model", messages=QUESTION)
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=QUESTION, max_tokens=1, user="ann"
    )
    assert raw.headers["x-catena-ignored-fields"] == "user"
