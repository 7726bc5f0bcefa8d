"""The client of text-generation-inference."""

import pytest
from text_generation import Client
from text_generation.errors import ValidationError

PROMPT = "The capital of France is"


@pytest.fixture(scope="module")
def client(address):
    return Client(address, timeout=120)


def test_a_text_is_continued_with_details(client):
    answer = client.generate(PROMPT, max_new_tokens=8, decoder_input_details=True)
    assert "Paris" in answer.generated_text
    assert answer.details.finish_reason == "length"
    assert len(answer.details.tokens) == answer.details.generated_tokens == 8
    assert answer.details.prefill[0].logprob is None and answer.details.prefill[1].logprob <= 0


def test_a_stream_says_the_same(client):
    text = client.generate(PROMPT, max_new_tokens=8).generated_text
    events = list(client.generate_stream(PROMPT, max_new_tokens=8))
    said = "".join(event.token.text for event in events if not event.token.special)
    assert said == events[-1].generated_text == text
    assert events[-1].details.generated_tokens == 8


def test_a_stop_sequence_ends_the_text(client):
    answer = client.generate(PROMPT, max_new_tokens=8, stop_sequences=["Paris"])
    assert answer.details.finish_reason == "stop_sequence"
    assert answer.generated_text.endswith("Paris")


def test_a_seed_repeats(client):
    drawn = dict(max_new_tokens=12, do_sample=True, temperature=1.0, seed=7)
    first = client.generate(PROMPT, **drawn)
    assert first.details.seed == 7
    assert first.generated_text == client.generate(PROMPT, **drawn).generated_text


def test_errors_are_those_of_the_client(client):
    with pytest.raises(ValidationError):
        client.generate(PROMPT, max_new_tokens=10_000_000)
