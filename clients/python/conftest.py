"""Where the server is and what it serves; `cargo xtask clients` starts it and says so."""

import os

import pytest


def given(name):
    """A variable that the task sets."""
    value = os.environ.get(name)
    assert value, f"{name} is not set: run `cargo xtask clients`"
    return value


@pytest.fixture(scope="session")
def address():
    """The server, as http://host:port."""
    return given("CATENA_ADDRESS")


@pytest.fixture(scope="session")
def model():
    """A chat model of 135 million parameters: it says little of use, but what it says has its form."""
    return given("CATENA_MODEL")


@pytest.fixture(scope="session")
def embedder():
    """A model that gives vectors of 384 numbers."""
    return given("CATENA_EMBEDDER")


@pytest.fixture(scope="session")
def classifier():
    """A classifier of three labels, without training."""
    return given("CATENA_CLASSIFIER")


@pytest.fixture(scope="session")
def reranker():
    """A cross-encoder, without training."""
    return given("CATENA_RERANKER")


@pytest.fixture(scope="session")
def key():
    """A key of the server, where it asks for keys."""
    return given("CATENA_KEY")
