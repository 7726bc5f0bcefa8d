"""Requests that a small server can answer in time: a model that is served, few tokens, small vectors."""

import os

import schemathesis

# The model of a path: the first whose word it holds.
MODELS = [
    ("/predict", os.environ["CATENA_CLASSIFIER"]),
    ("rerank", os.environ["CATENA_RERANKER"]),
    ("embed", os.environ["CATENA_EMBEDDER"]),
    ("similarity", os.environ["CATENA_EMBEDDER"]),
    ("", os.environ["CATENA_MODEL"]),
]
# Numbers that cost time, or that a small embedding model does not have.
MOST = {
    "max_tokens": 4,
    "max_completion_tokens": 4,
    "max_output_tokens": 4,
    "max_new_tokens": 4,
    "num_predict": 4,
    "n": 2,
    "best_of": 2,
    "dimensions": 384,
    "output_dimension": 384,
}
# Where a request without a limit gets one: the object, and the field in it.
LIMITS = {
    "/v1/chat/completions": (None, "max_completion_tokens"),
    "/v1/completions": (None, "max_tokens"),
    "/v1/responses": (None, "max_output_tokens"),
    "/v2/chat": (None, "max_tokens"),
    "/api/chat": ("options", "num_predict"),
    "/api/generate": ("options", "num_predict"),
    "/generate": ("parameters", "max_new_tokens"),
    "/generate_stream": ("parameters", "max_new_tokens"),
}


def shorten(fields):
    for name, most in MOST.items():
        value = fields.get(name)
        if type(value) not in (int, float):
            continue
        # What no server could count stays as it is: it is there to be refused. Ollama's negative
        # numbers ask for as many tokens as the context has.
        if most < value < 2**64 or (name == "num_predict" and -(2**63) <= value < 0):
            fields[name] = most


@schemathesis.hook
def before_call(context, case, kwargs):
    body, path = case.body, case.operation.path
    if not isinstance(body, dict):
        return
    if isinstance(body.get("model"), str):
        body["model"] = next(model for word, model in MODELS if word in path)
    shorten(body)
    for inside in ("parameters", "options"):
        if isinstance(body.get(inside), dict):
            shorten(body[inside])
    inside, limit = LIMITS.get(path, (None, None))
    if limit is not None:
        # Null stands for "not given".
        if inside is not None and body.get(inside) is None:
            body[inside] = {}
        place = body if inside is None else body[inside]
        if isinstance(place, dict) and place.get(limit) is None:
            place[limit] = MOST[limit]
