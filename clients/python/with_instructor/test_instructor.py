"""instructor: answers as objects."""

from typing import Literal

import instructor
import openai
import pytest
from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """An answer about a city."""

    model_config = ConfigDict(extra="forbid")

    city: Literal["Paris", "London"]
    certain: bool


class Judgement(BaseModel):
    """What comes in parts: a word that is not whole yet would be none of the allowed ones."""

    model_config = ConfigDict(extra="forbid")

    certain: bool
    large: bool


@pytest.fixture
def ask(model):
    """What is asked, with few tokens."""
    hello = [{"role": "user", "content": "Say hello."}]
    return dict(model=model, messages=hello, max_retries=0, max_tokens=100, temperature=0)


@pytest.mark.parametrize("mode", [instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA])
def test_instructor_gets_its_model(address, ask, mode):
    client = instructor.from_openai(
        openai.OpenAI(base_url=f"{address}/v1", api_key="none"), mode=mode
    )
    answer = client.chat.completions.create(response_model=Answer, **ask)
    assert answer.city in ("Paris", "London")


def structured(address):
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none")
    return instructor.from_openai(client, mode=instructor.Mode.TOOLS)


def test_an_object_comes_in_parts(address, ask):
    partial = structured(address).chat.completions.create_partial
    parts = list(partial(response_model=Judgement, **ask))
    assert len(parts) > 1
    assert parts[-1].certain in (True, False) and parts[-1].large in (True, False)


def test_objects_come_one_by_one(address, ask):
    objects = structured(address).chat.completions.create_iterable(response_model=Answer, **ask)
    first = next(iter(objects))
    assert isinstance(first, Answer) and first.city in ("Paris", "London")
