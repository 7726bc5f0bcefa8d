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
        # What no server could count stays as it is: it is there to be refused.
        if type(value) in (int, float) and most < value < 2**64:
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
        place = body if inside is None else body.setdefault(inside, {})
        if isinstance(place, dict):
            place.setdefault(limit, MOST[limit])
