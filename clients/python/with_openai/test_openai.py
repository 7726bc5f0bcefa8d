"""OpenAI's own client."""

import asyncio
import json
from urllib.request import Request, urlopen

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


def test_logprobs(client, model):
    answer = client.chat.completions.create(
        model=model, messages=QUESTION, max_tokens=3, temperature=0, logprobs=True, top_logprobs=2
    )
    content = answer.choices[0].logprobs.content
    assert len(content) == 3 and all(len(token.top_logprobs) == 2 for token in content)
    assert all(token.logprob <= 0 for token in content)
    completion = client.completions.create(model=model, prompt="The capital", max_tokens=1,
                                           temperature=0, logprobs=1)
    assert completion.choices[0].logprobs.tokens[0] == completion.choices[0].text


def token_of(address, text):
    """The one token that is `text`."""
    body = json.dumps({"inputs": text, "add_special_tokens": False}).encode()
    request = Request(f"{address}/tokenize", body, {"content-type": "application/json"})
    with urlopen(request) as response:
        (token,) = json.loads(response.read())
    return str(token["id"])


def test_a_bias_forbids_a_token_or_forces_it(address, client, model):
    ask = dict(model=model, prompt="The capital of France is", max_tokens=1, temperature=0)
    first = client.completions.create(**ask).choices[0].text
    assert first.strip()
    bias = {token_of(address, first): -100}
    other = client.completions.create(**ask, logit_bias=bias).choices[0].text
    assert other != first
    forced = client.completions.create(
        **{**ask, "max_tokens": 3}, logit_bias={token_of(address, " London"): 100}
    )
    assert forced.choices[0].text == " London London London"


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


# A small model copies what it is shown.
COPY = """Write this and nothing else:
<tool_call>
{"name": "get_weather", "arguments": {"city": "Paris", "unit": "celsius"}}
</tool_call>
<tool_call>
{"name": "get_time", "arguments": {}}
</tool_call>"""


def test_several_tools_are_called_in_one_turn(client, model):
    ask = dict(
        model=model, messages=[{"role": "user", "content": COPY}], tools=[WEATHER, CLOCK],
        tool_choice="required", max_tokens=200, temperature=0,
    )
    answer = client.chat.completions.create(**ask).choices[0]
    calls = answer.message.tool_calls
    assert len(calls) > 1 and len({call.id for call in calls}) == len(calls)
    whole = calls if answer.finish_reason == "tool_calls" else calls[:-1]
    for call in whole:
        assert isinstance(json.loads(call.function.arguments), dict)
    one = client.chat.completions.create(**ask, parallel_tool_calls=False).choices[0]
    assert len(one.message.tool_calls) == 1 and one.finish_reason == "tool_calls"


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
    said = auto.choices[0].message
    assert said.content or said.tool_calls


def weather_of(city, degrees):
    """A question that a call answered."""
    arguments = json.dumps({"city": city, "unit": "celsius"})
    call = {"id": f"call_{city}", "type": "function",
            "function": {"name": "get_weather", "arguments": arguments}}
    return [
        {"role": "user", "content": f"What is the weather in {city}?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": f"{degrees} degrees"},
        {"role": "assistant", "content": f"It is {degrees} degrees in {city}."},
    ]


def test_a_tool_is_called_where_the_model_wants_it(client, model):
    shown = [weather_of(*one) for one in (("London", 12), ("Paris", 25), ("London", 3))]
    ask = [*sum(shown, []), {"role": "user", "content": "What is the weather in Paris?"}]
    auto = client.chat.completions.create(
        model=model, messages=ask, tools=[WEATHER], max_tokens=120, temperature=0
    )
    assert auto.choices[0].finish_reason == "tool_calls", auto.choices[0].message
    for call in auto.choices[0].message.tool_calls:
        assert call.function.name == "get_weather"
        assert json.loads(call.function.arguments)["city"] in ("Paris", "London")


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
    content = anything.choices[0].message.content
    assert content.lstrip().startswith("{")
    if anything.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(content), dict)


GRAMMAR = 'start: answer "!"\nanswer: "oui" | "non"'


@pytest.mark.parametrize(
    "form, allowed",
    [
        ({"choice": ["yes", "no"]}, ("yes", "no")),
        ({"regex": "(ja|nein)"}, ("ja", "nein")),
        ({"grammar": GRAMMAR}, ("oui!", "non!")),
        ({"json": {"enum": ["sim", "talvez"]}}, ('"sim"', '"talvez"')),
    ],
)
def test_forms_of_a_compatible_server(client, model, form, allowed):
    chosen = client.chat.completions.create(
        model=model, messages=QUESTION, extra_body={"structured_outputs": form}
    )
    assert chosen.choices[0].message.content in allowed


def test_the_asynchronous_client_is_answered(address, model):
    ask = dict(model=model, messages=QUESTION, max_tokens=24, temperature=0)

    async def answers():
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none") as client:
            asked = [client.chat.completions.create(**ask) for _ in range(4)]
            whole = [one.choices[0].message.content for one in await asyncio.gather(*asked)]
            stream = await client.chat.completions.create(**ask, stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
            return whole, "".join(pieces)

    whole, streamed = asyncio.run(answers())
    assert whole == [streamed] * 4 and "Hello" in streamed


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
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=model, messages=QUESTION, reasoning_effort="low")
    assert refused.value.param == "reasoning_effort"
