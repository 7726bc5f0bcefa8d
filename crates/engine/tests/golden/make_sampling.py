"""Goldens of the sampling rules: what the processors and warpers of transformers leave.

Run in a Python with torch and transformers; writes sampling.json beside itself.
"""

import json
import pathlib

import torch
import transformers
from transformers.generation import logits_process as rules

SEED = 20261125
VOCAB_SIZE = 300
# One setting of our parameters each; the rules of transformers are applied in the order in which
# its `generate` applies them.
SETTINGS = [
    {},
    {"temperature": 0.6},
    {"top_k": 1},
    {"top_k": 5},
    {"top_k": 50},
    {"top_p": 0.1},
    {"top_p": 0.5},
    {"top_p": 0.9},
    {"top_p": 0.99},
    {"min_p": 0.02},
    {"min_p": 0.3},
    {"typical_p": 0.2},
    {"typical_p": 0.5},
    {"typical_p": 0.95},
    {"repetition_penalty": 1.3},
    {"repetition_penalty": 0.8, "top_p": 0.8},
    {"temperature": 0.7, "top_k": 40, "top_p": 0.9},
    {"temperature": 1.5, "top_p": 0.95, "min_p": 0.1},
    {"temperature": 1.2, "top_k": 30, "typical_p": 0.7},
    {"repetition_penalty": 1.1, "temperature": 0.8, "top_k": 20, "top_p": 0.95, "min_p": 0.05},
]


def processors(setting):
    if "repetition_penalty" in setting:
        yield rules.RepetitionPenaltyLogitsProcessor(setting["repetition_penalty"])
    if "temperature" in setting:
        yield rules.TemperatureLogitsWarper(setting["temperature"])
    if "top_k" in setting:
        yield rules.TopKLogitsWarper(setting["top_k"])
    if "top_p" in setting:
        yield rules.TopPLogitsWarper(setting["top_p"])
    if "min_p" in setting:
        yield rules.MinPLogitsWarper(setting["min_p"])
    if "typical_p" in setting:
        yield rules.TypicalLogitsWarper(setting["typical_p"])


def main():
    generator = torch.Generator().manual_seed(SEED)
    rows = []
    for spread, peak in [(1.0, 0.0), (2.5, 0.0), (4.0, 6.0), (0.3, 0.0)]:
        row = torch.randn(VOCAB_SIZE, generator=generator) * spread
        row[int(torch.randint(VOCAB_SIZE, (1,), generator=generator))] += peak
        rows.append(row)
    prompt = torch.randint(VOCAB_SIZE, (1, 40), generator=generator)
    cases = []
    for row_idx, row in enumerate(rows):
        for setting in SETTINGS:
            scores = row[None].clone()
            for processor in processors(setting):
                scores = processor(prompt, scores)
            probabilities = torch.softmax(scores[0].double(), dim=-1)
            kept = torch.nonzero(scores[0] > -float("inf")).flatten().tolist()
            cases.append({
                "row": row_idx,
                "setting": setting,
                "kept": kept,
                "probabilities": [round(float(probabilities[token]), 9) for token in kept],
            })
    golden = {
        "seed": SEED,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "prompt": prompt[0].tolist(),
        "rows": [[float(value) for value in row] for row in rows],
        "cases": cases,
    }
    path = pathlib.Path(__file__).with_name("sampling.json")
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(f"{len(cases)} cases in {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
