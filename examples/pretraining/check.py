"""Measures the finished model with transformers, which must give the bits per byte of its last evaluation.

    python3 check.py [MODEL] [HELD_OUT] [MAX_TOKENS]

Needs torch and transformers. Documents stand one behind the other, each with its first and last token,
and are cut into rows as training cuts them; a row's parts of different documents do not see each other.
"""

import json
import math
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def parts(documents, max_tokens):
    """Tokens that see each other, and what each of them predicts."""
    place = 0
    for document in documents:
        start = 0
        while start < len(document):
            end = min(len(document), start + max_tokens - place)
            yield document[start:end], document[start + 1 : end + 1]
            place = (place + end - start) % max_tokens
            start = end


def main(folder="runs/5m/model", held_out="data/held_out.jsonl", max_tokens=256):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    rows = [json.loads(line) for line in open(held_out, encoding="utf-8")]
    texts = [row["content"] if "content" in row else row["text"] for row in rows]
    documents = [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in texts]
    nats, count = 0.0, 0
    with torch.inference_mode():
        for tokens, targets in parts(documents, int(max_tokens)):
            if targets:
                logits = model(torch.tensor([tokens])).logits[0, : len(targets)]
                loss = torch.nn.functional.cross_entropy(logits, torch.tensor(targets), reduction="sum")
                nats, count = nats + loss.item(), count + len(targets)
    size = sum(len(text.encode()) for text in texts)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {count:,} tokens predicted")
    print(f"loss {nats / count:.4f}, bits per byte {nats / math.log(2) / size:.4f}")


main(*sys.argv[1:])
