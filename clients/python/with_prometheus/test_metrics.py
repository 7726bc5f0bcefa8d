"""The page of metrics as Prometheus's own parser reads it."""

import json
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

TIMES = [0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0,
         240.0, 480.0, 960.0, 1920.0, 7680.0, float("inf")]
PARTS = ["queue", "prefill", "decode", "inference"]


def families(address):
    """The families of the page by their names."""
    with urllib.request.urlopen(f"{address}/metrics") as page:
        assert page.headers["content-type"].startswith("text/plain")
        text = page.read().decode()
    read = list(text_string_to_metric_families(text))
    assert len({family.name for family in read}) == len(read), "a family is there twice"
    return {family.name: family for family in read}


def of(family, suffix, model):
    """The samples of one model whose name ends with `suffix`."""
    name = family.name + suffix
    return [s for s in family.samples if s.name == name and s.labels["model_name"] == model]


def ask(address, model):
    body = {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "Hello."}]}
    request = urllib.request.Request(
        f"{address}/v1/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def test_every_family_has_a_type_and_samples_of_its_own(address):
    for family in families(address).values():
        assert family.type in {"counter", "gauge", "histogram"}, family.name
        assert family.documentation, family.name
        assert all(sample.name.startswith(family.name) for sample in family.samples)


def test_histograms_grow_to_their_count(address, model):
    ask(address, model)
    for family in families(address).values():
        if family.type != "histogram" or not family.name.startswith("vllm:"):
            continue
        counts = [sample.value for sample in of(family, "_bucket", model)]
        assert counts == sorted(counts), family.name
        total = of(family, "_count", model)
        assert not counts or counts[-1] == total[0].value, family.name


def test_parts_of_a_request_are_those_of_vllm(address, model):
    before = families(address)
    ask(address, model)
    after = families(address)
    sums = {}
    for part in PARTS:
        name = f"vllm:request_{part}_time_seconds"
        edges = [float(s.labels["le"]) for s in of(after[name], "_bucket", model)]
        assert edges == TIMES, part
        count = [of(page[name], "_count", model)[0].value for page in (before, after)]
        assert count[1] == count[0] + 1, part
        sums[part] = of(after[name], "_sum", model)[0].value
    assert abs(sums["prefill"] + sums["decode"] - sums["inference"]) < 1e-3
    steps = of(after["vllm:iteration_tokens_total"], "_count", model)[0].value
    assert steps > of(before["vllm:iteration_tokens_total"], "_count", model)[0].value
