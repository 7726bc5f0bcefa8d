"""OpenAI's own client: responses, files and batches."""

import json
import time

import openai
import pytest
from pydantic import BaseModel

QUESTION = "Say hello."
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "London"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


@pytest.fixture(scope="module")
def client(address):
    return openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


def wait(read, done, seconds=60):
    """What `read` gives once `done` says so."""
    end = time.monotonic() + seconds
    while True:
        value = read()
        if done(value):
            return value
        assert time.monotonic() < end, value
        time.sleep(0.1)


def test_a_response_is_given_remembered_and_deleted(client, model):
    answer = client.responses.create(
        model=model, input=QUESTION, instructions="Be brief.", max_output_tokens=24, temperature=0
    )
    assert "Hello" in answer.output_text
    assert client.responses.retrieve(answer.id).output_text == answer.output_text
    items = list(client.responses.input_items.list(answer.id))
    assert items[0].content[0].text == QUESTION
    further = client.responses.create(
        model=model, input="And of Italy?", previous_response_id=answer.id, max_output_tokens=16
    )
    assert further.usage.input_tokens > answer.usage.input_tokens
    client.responses.delete(answer.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(answer.id)


def test_a_stream_has_its_events(client, model):
    with client.responses.stream(
        model=model, input=QUESTION, max_output_tokens=24, temperature=0
    ) as stream:
        events = list(stream)
    kinds = [event.type for event in events]
    # `get_final_response` knows only answers that end by themselves.
    final = events[-1].response
    assert kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete")
    assert "response.output_text.delta" in kinds and "response.output_item.done" in kinds
    assert "Hello" in final.output_text


def test_tools_are_called(client, model):
    answer = client.responses.create(
        model=model, input=QUESTION, tools=[WEATHER], max_output_tokens=80,
        tool_choice={"type": "function", "name": "get_weather"},
    )
    call = next(item for item in answer.output if item.type == "function_call")
    assert json.loads(call.arguments)["city"] in ("Paris", "London")
    further = client.responses.create(
        model=model, previous_response_id=answer.id, max_output_tokens=16,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"}],
    )
    assert further.status in ("completed", "incomplete")
    stream = client.responses.create(
        model=model, input=QUESTION, tools=[WEATHER], max_output_tokens=80, tool_choice="required",
        parallel_tool_calls=False, stream=True,
    )
    events = list(stream)
    pieces = [one.delta for one in events if one.type == "response.function_call_arguments.delta"]
    done = next(one for one in events if one.type == "response.function_call_arguments.done")
    assert "".join(pieces) == done.arguments


class City(BaseModel):
    """A place."""

    name: str
    capital: bool


def test_answers_with_a_form(client, model):
    parsed = client.responses.parse(
        model=model, input=QUESTION, text_format=City, max_output_tokens=150, temperature=0
    )
    assert parsed.status == "incomplete" or isinstance(parsed.output_parsed, City)


def test_work_in_the_background(client, model):
    begun = client.responses.create(
        model=model, input=QUESTION, background=True, max_output_tokens=16
    )
    assert begun.status in ("queued", "in_progress")
    ended = wait(
        lambda: client.responses.retrieve(begun.id),
        lambda one: one.status not in ("queued", "in_progress"),
    )
    assert ended.status in ("completed", "incomplete") and ended.output_text
    long = client.responses.create(
        model=model, input="Tell me a very long story.", background=True, max_output_tokens=1500
    )
    assert client.responses.cancel(long.id).status in ("cancelled", "completed", "incomplete")


def test_a_stream_in_the_background_is_left_and_read_on(client, model):
    def begin(tokens):
        return client.responses.create(
            model=model, input=QUESTION, background=True, stream=True, temperature=0,
            max_output_tokens=tokens,
        )

    first = []
    with begin(24) as stream:
        for event in stream:
            first.append(event)
            if event.type == "response.output_text.delta":
                break
    assert [event.type for event in first[:2]] == ["response.created", "response.queued"]
    name = first[0].response.id
    rest = list(
        client.responses.retrieve(name, stream=True, starting_after=first[-1].sequence_number)
    )
    events = first + rest
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert rest[-1].type in ("response.completed", "response.incomplete")
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    final = rest[-1].response
    assert said == final.output_text == client.responses.retrieve(name).output_text
    again = list(client.responses.retrieve(name, stream=True))
    assert [event.type for event in again] == [event.type for event in events]

    with begin(1500) as stream:
        name = next(iter(stream)).response.id
    ended = client.responses.cancel(name).status
    last = list(client.responses.retrieve(name, stream=True))[-1]
    assert last.type == f"response.{ended}" and ended in ("cancelled", "completed", "incomplete")


def test_input_tokens_are_counted(client, model):
    counted = client.responses.input_tokens.count(model=model, input=QUESTION)
    answer = client.responses.create(model=model, input=QUESTION, max_output_tokens=1)
    assert counted.input_tokens == answer.usage.input_tokens


def test_files_come_back_as_they_were(client):
    text = b'{"a": 1}\n' * 1000
    sent = client.files.create(file=("rows.jsonl", text), purpose="user_data")
    assert (sent.bytes, sent.filename) == (len(text), "rows.jsonl")
    assert client.files.content(sent.id).read() == text
    assert sent.id in [one.id for one in client.files.list()]
    assert client.files.retrieve(sent.id).purpose == "user_data"
    assert client.files.delete(sent.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(sent.id)


def test_a_batch_answers_its_lines(client, model):
    def line(idx, body):
        return json.dumps(
            {"custom_id": f"line-{idx}", "method": "POST", "url": "/v1/chat/completions", "body": body}
        )

    good = {"model": model, "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 8}
    rows = [line(0, good), line(1, {**good, "temperature": 99}), line(2, good)]
    sent = client.files.create(file=("batch.jsonl", "\n".join(rows).encode()), purpose="batch")
    batch = client.batches.create(
        input_file_id=sent.id, endpoint="/v1/chat/completions", completion_window="24h",
        metadata={"for": "test"},
    )
    ended = wait(lambda: client.batches.retrieve(batch.id), lambda one: one.status == "completed")
    assert (ended.request_counts.completed, ended.request_counts.failed) == (2, 1)
    answers = [json.loads(row) for row in client.files.content(ended.output_file_id).text.splitlines()]
    assert {answer["custom_id"] for answer in answers} == {"line-0", "line-2"}
    assert answers[0]["response"]["body"]["choices"][0]["message"]["content"]
    errors = [json.loads(row) for row in client.files.content(ended.error_file_id).text.splitlines()]
    assert errors[0]["custom_id"] == "line-1" and errors[0]["response"]["status_code"] == 400
    assert batch.id in [one.id for one in client.batches.list()]
