"""The document of the routes, before anything is asked by it."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator


def get(address, path, key=None):
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    with urlopen(Request(address + path, headers=headers)) as response:
        return response.read().decode()


def test_it_is_valid_by_the_specification(address, key):
    document = json.loads(get(address, "/openapi.json", key))
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/page.js"])
def test_it_needs_a_key(address, key, path):
    with pytest.raises(HTTPError) as refused:
        get(address, path)
    assert refused.value.code == 401
    assert len(get(address, path, key)) > 100
