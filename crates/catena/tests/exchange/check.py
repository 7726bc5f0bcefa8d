"""Loads what `run.py` had written in the libraries it is for, and compares their losses with ours.

    python check.py FOLDER

Every result is loaded as its users load it, and must have the loss of the run's last evaluation on the same
rows; a merged model must have the logits of the base with its adapter, as a folder and as a GGUF file.
"""

import json
import sys
from pathlib import Path

import peft
import torch
import transformers
from sentence_transformers import CrossEncoder, SentenceTransformer
from torch.nn import functional
from transformers import (AutoModelForCausalLM, AutoModelForSequenceClassification, AutoModelForTokenClassification,
                          AutoTokenizer)

# Our products may be bf16 with f32 sums, and decoders are saved in bf16; theirs are f32 throughout.
LOSS, LOGITS = 0.01, 0.05
EXACT = {"dtype": torch.float32}


def read_rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def logits_of(model, tokens):
    with torch.inference_mode():
        return model(torch.tensor([tokens])).logits[0].float()


class Case:
    """A result with its tokenizer and rows."""

    def __init__(self, folder, case):
        self.case, self.path = case, folder / case["path"]
        self.base = folder / case["base"]
        self.tokenizer = AutoTokenizer.from_pretrained(self.base if case["is_adapter"] else self.path)
        self.rows = read_rows(folder / case["rows"])

    def load(self, kind, **options):
        if not self.case["is_adapter"]:
            return kind.from_pretrained(self.path, **EXACT).eval()
        base = kind.from_pretrained(self.base, **EXACT, **options)
        base.config.pad_token_id = self.tokenizer.pad_token_id
        return peft.PeftModel.from_pretrained(base, self.path).eval()

    def row(self, prompt, completion=""):
        """Tokens with their frame, and where the completion begins."""
        tokenizer = self.tokenizer
        plain = lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]
        tokens = [tokenizer.bos_token_id, *plain(prompt + completion), tokenizer.eos_token_id]
        return tokens, 1 + len(plain(prompt))

    def sft(self):
        model, nats = self.load(AutoModelForCausalLM), []
        for row in self.rows:
            tokens, first = self.row(row["prompt"], row["completion"])
            targets = torch.tensor(tokens[first:])
            nats.append(functional.cross_entropy(logits_of(model, tokens)[first - 1 : -1], targets, reduction="none"))
        return torch.cat(nats).mean()

    def reward(self):
        model = self.load(AutoModelForSequenceClassification, num_labels=1)
        score = lambda row, key: logits_of(model, self.row(row["prompt"], row[key])[0])[0]
        ahead = torch.stack([score(row, "chosen") - score(row, "rejected") for row in self.rows])
        return -functional.logsigmoid(ahead).mean()

    def classify(self):
        labels = sorted({row["label"] for row in self.rows})
        model = self.load(AutoModelForSequenceClassification, num_labels=len(labels))
        if not self.case["is_adapter"]:
            assert list(model.config.id2label.values()) == labels, model.config.id2label
        scores = torch.stack([logits_of(model, self.tokenizer(row["text"])["input_ids"]) for row in self.rows])
        return functional.cross_entropy(scores, torch.tensor([labels.index(row["label"]) for row in self.rows]))

    def tag(self):
        model, nats = self.load(AutoModelForTokenClassification), []
        labels = list(model.config.id2label.values())
        assert labels == ["LONG", "SHORT"], labels
        for row in self.rows:
            encoded = self.tokenizer(row["tokens"], is_split_into_words=True)
            words = encoded.word_ids()
            starts = [at for at, word in enumerate(words) if word is not None and words[at - 1] != word]
            targets = torch.tensor([labels.index(row["labels"][words[at]]) for at in starts])
            scores = logits_of(model, encoded["input_ids"])[starts]
            nats.append(functional.cross_entropy(scores, targets, reduction="none"))
        return torch.cat(nats).mean()

    def embed(self):
        model = SentenceTransformer(str(self.path), device="cpu", model_kwargs=EXACT)
        anchors, positives = (model.encode([row[key] for row in self.rows], convert_to_tensor=True)
                              for key in ("anchor", "positive"))
        cosines = functional.cosine_similarity(anchors[:, None].float(), positives[None].float(), dim=-1)
        return functional.cross_entropy(20 * cosines, torch.arange(len(self.rows)))

    def rerank(self):
        model = CrossEncoder(str(self.path), device="cpu", model_kwargs=EXACT)
        pairs = [(row["query"], row["document"]) for row in self.rows]
        scores = model.predict(pairs, activation_fn=torch.nn.Identity(), convert_to_tensor=True).float()
        return functional.binary_cross_entropy_with_logits(scores, torch.tensor([row["score"] for row in self.rows]))

    def loss(self):
        stages = {"sft": self.sft, "reward": self.reward, "classify": self.classify, "tag": self.tag,
                  "embed": self.embed, "rerank": self.rerank}
        return stages[self.case["stage"]]().item()

    def merged(self, folder):
        """The largest difference of a merged model's logits, of the folder and of the GGUF file."""
        beside = self.load(AutoModelForCausalLM)
        whole = AutoModelForCausalLM.from_pretrained(folder, **EXACT).eval()
        file = AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.f16.gguf", **EXACT).eval()
        worst = [0.0, 0.0]
        for row in self.rows:
            tokens, _ = self.row(row["prompt"], row["completion"])
            expected = logits_of(beside, tokens)
            for index, model in enumerate((whole, file)):
                worst[index] = max(worst[index], (logits_of(model, tokens) - expected).abs().max().item())
        return worst


def main(folder):
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")
    wrong = 0
    for case in json.loads((folder / "cases.json").read_text()):
        loaded, name = Case(folder, case), case["name"]
        loss = loaded.loss()
        equal = abs(loss - case["loss"]) < LOSS
        wrong += not equal
        print(f"{name}: loss {loss:.4f}, ours {case['loss']:.4f}{'' if equal else '  DIFFERS'}")
        merged = folder / name.replace("sft-", "merged-")
        if name.startswith("sft-") and (merged / "config.json").exists():
            apart = loaded.merged(merged)
            equal = max(apart) < LOGITS
            wrong += not equal
            print(f"  merged: logits {apart[0]:.4f} apart, {apart[1]:.4f} of GGUF{'' if equal else '  DIFFERS'}")
    sys.exit(f"{wrong} results differ" if wrong else 0)


transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
main(Path(sys.argv[1]))
