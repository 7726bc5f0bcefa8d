"""LangChain on top of OpenAI's client."""

from typing import Literal

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


class Answer(BaseModel):
    """An answer about a city."""

    city: Literal["Paris", "London"]
    certain: bool


@tool
def get_weather(city: Literal["Paris", "London"]) -> str:
    """The weather in a city."""
    return f"It rains in {city}."


@pytest.fixture(scope="module")
def chat(address, model):
    return ChatOpenAI(base_url=f"{address}/v1", api_key="none", model=model, temperature=0,
                      max_tokens=60, max_retries=0)


def test_langchain_chats_and_streams(chat):
    question = [HumanMessage("Say hello.")]
    whole = chat.invoke(question)
    assert "Hello" in whole.content and whole.usage_metadata["output_tokens"] > 0
    assert "".join(piece.content for piece in chat.stream(question)) == whole.content


def test_langchain_calls_tools(chat):
    question = HumanMessage("What is the weather in Paris?")
    bound = chat.bind_tools([get_weather], tool_choice="get_weather")
    asked = bound.invoke([question])
    (call,) = asked.tool_calls
    assert call["name"] == "get_weather" and call["args"]["city"] in ("Paris", "London")
    told = ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])
    assert chat.invoke([question, asked, told]).content


def test_langchain_gets_structures(chat):
    for method in ("function_calling", "json_schema"):
        answer = chat.with_structured_output(Answer, method=method).invoke("Say hello.")
        assert isinstance(answer, Answer), method


def test_langchain_embeds(address, embedder):
    embeddings = OpenAIEmbeddings(base_url=f"{address}/v1", api_key="none", model=embedder,
                                  check_embedding_ctx_length=False)
    assert len(embeddings.embed_query("A wire costs 25 dollars.")) == 384
