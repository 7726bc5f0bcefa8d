"""Hugging Face's client, which knows a server's address and no model."""

import asyncio
import json

import numpy as np
import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import ValidationError

PROMPT = "The capital of France is"


@pytest.fixture(scope="module")
def client(address):
    return InferenceClient(address)


def test_a_text_is_continued(client):
    text = client.text_generation(PROMPT, max_new_tokens=8)
    assert "Paris" in text
    full = client.text_generation(PROMPT, max_new_tokens=8, return_full_text=True)
    assert full == PROMPT + text


def test_a_stream_says_the_same(client):
    text = client.text_generation(PROMPT, max_new_tokens=8)
    assert "".join(client.text_generation(PROMPT, max_new_tokens=8, stream=True)) == text
    events = list(client.text_generation(PROMPT, max_new_tokens=8, stream=True, details=True))
    assert events[-1].generated_text == text
    assert events[-1].details.finish_reason == "length"
    assert events[-1].details.generated_tokens == len(events) == 8


def test_details_are_told(client):
    answer = client.text_generation(
        PROMPT, max_new_tokens=8, details=True, decoder_input_details=True, top_n_tokens=2
    )
    details = answer.details
    assert details.finish_reason == "length" and details.generated_tokens == 8
    assert len(details.tokens) == 8 and len(details.top_tokens[0]) == 2
    assert "".join(token.text for token in details.tokens) == answer.generated_text
    assert "".join(token.text for token in details.prefill).endswith(PROMPT)
    assert all(token.logprob <= 0 for token in details.prefill[1:])


def test_seeds_and_stops(client):
    drawn = dict(max_new_tokens=12, do_sample=True, temperature=1.0)
    first = client.text_generation(PROMPT, seed=7, **drawn)
    assert first == client.text_generation(PROMPT, seed=7, **drawn)
    others = {client.text_generation(PROMPT, seed=seed, **drawn) for seed in range(4)}
    assert len(others) > 1
    assert client.text_generation(PROMPT, max_new_tokens=8, stop=["Paris"]).endswith("Paris")


def test_the_answer_is_held_to_a_form(client):
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "London"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    grammar = {"type": "json", "value": schema}
    text = client.text_generation(PROMPT, max_new_tokens=40, grammar=grammar)
    assert json.loads(text)["city"] in ("Paris", "London")


def test_texts_become_vectors(client):
    vectors = client.feature_extraction(["A card is lost.", "A cat sleeps."], normalize=True)
    assert vectors.shape == (2, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_sentences_are_compared(client):
    same, other = client.sentence_similarity(
        "I lost my card", other_sentences=["My card is gone", "Cats sleep a lot"]
    )
    assert same > other


def test_texts_are_labelled(client):
    labels = client.text_classification("My card is gone.")
    assert {one.label for one in labels} == {"refund", "card", "transfer"}
    assert sum(one.score for one in labels) == pytest.approx(1, abs=1e-3)
    assert labels[0].score == max(one.score for one in labels)


def test_the_asynchronous_client_is_answered(address):
    async def answers():
        client = AsyncInferenceClient(address)
        asked = [client.text_generation(PROMPT, max_new_tokens=8) for _ in range(3)]
        whole = list(await asyncio.gather(*asked))
        stream = await client.text_generation(PROMPT, max_new_tokens=8, stream=True)
        return whole, "".join([piece async for piece in stream])

    whole, streamed = asyncio.run(answers())
    assert whole == [streamed] * 3 and "Paris" in streamed


def test_a_chat_is_answered(client, model):
    answer = client.chat_completion(
        [{"role": "user", "content": "What is the capital of France?"}],
        model=None,
        max_tokens=24,
        extra_body={"model": model},
    )
    assert answer.choices[0].message.content


def test_errors_are_those_of_the_client(client):
    with pytest.raises(ValidationError):
        client.text_generation(PROMPT, max_new_tokens=8, watermark=True)
    with pytest.raises(ValidationError):
        client.text_generation(PROMPT, max_new_tokens=10_000_000)
