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


@pytest.mark.parametrize("mode", [instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA])
def test_instructor_gets_its_model(address, model, mode):
    client = instructor.from_openai(
        openai.OpenAI(base_url=f"{address}/v1", api_key="none"), mode=mode
    )
    answer = client.chat.completions.create(
        model=model, response_model=Answer, max_retries=0, max_tokens=100, temperature=0,
        messages=[{"role": "user", "content": "Say hello."}],
    )
    assert answer.city in ("Paris", "London")
