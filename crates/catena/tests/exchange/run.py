"""Has the commands write files, and the libraries that people load them with read them.

    python3 run.py CATENA [FOLDER]

CATENA is the binary, FOLDER where the files stay to be looked at. A tiny model is made and trained in every
stage and by every method; `check.py` then finds the same losses with PEFT, transformers and
sentence-transformers. `llama_cpp.py` finds the same texts with llama.cpp, of the tiny model and of a pulled one.
All these are installed once in the environment of `bench/peers`, and in the versions that are pinned there or here.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
sys.path.insert(0, str(ROOT / "bench" / "peers"))

import pytorch_train  # noqa: E402
import sentences  # noqa: E402
from common import VENV_PYTHON, pip_install  # noqa: E402

ENCODERS = ROOT / "crates" / "model" / "tests" / "golden" / "encoders"
# llama.cpp, built for any processor.
LLAMA_CPP = ["xllamacpp==2026.10.11549"]
PULLED = "smollm2-135m-instruct"
PLACES = {"cat": "house", "dog": "garden", "fox": "wood", "hen": "field"}
TEXTS = {
    "How do I block a stolen card?": "card", "My card was stolen.": "card", "Send me a new card.": "card",
    "How long does a transfer take?": "transfer", "The transfer did not arrive.": "transfer",
}
ANSWERS = {
    "How do I block a card?": "Block it in the app.", "How long does a transfer take?": "It takes a day.",
    "Where is my statement?": "In the archive.", "Can I pay abroad?": "Yes, in all countries.",
}
METHODS = {
    "full": "method = 'full'", "lora": "method = 'lora'\nlora_rank = 4",
    "rslora": "lora_rank = 4\nuse_rslora = true\ntarget_modules = ['q_proj', 'down_proj']",
    "dora": "lora_rank = 4\nuse_dora = true", "pissa": "lora_rank = 4\ninit_lora_weights = 'pissa'",
    "table": "lora_rank = 4\nmodules_to_save = ['embed_tokens']", "ia3": "method = 'ia3'",
    "prefix": "method = 'prefix'\nnum_virtual_tokens = 4",
}
# Stage, rows, base below ENCODERS (or the tiny decoder), method: a run each.
HEADS = [
    ("reward", "pairs", None, "full"), ("reward", "pairs", None, "lora"),
    ("classify", "texts", None, "full"), ("classify", "texts", None, "lora"),
    ("tag", "words", None, "full"), ("embed", "answers", None, "full"), ("rerank", "ranked", None, "full"),
    *[("classify", "texts", name, "full") for name in ("bert", "roberta", "xlm_roberta", "camembert", "modernbert")],
    *[("tag", "words", name, "full") for name in ("bert", "roberta", "modernbert")],
    *[("embed", "answers", name, "full") for name in ("embed_mean", "embed_cls", "bert")],
    *[("rerank", "ranked", name, "full") for name in ("bert", "bert_cross_encoder", "roberta_cross_encoder")],
]

# Those whose adapter llama.cpp loads beside its base; prefixes are not merged, and what the vectors alone
# learn in so few steps leaves texts without a likely next token.
PAIRS = ["lora", "rslora", "pissa"]
TEXTS_OF = ["lora", "rslora", "dora", "pissa", "table"]
QUESTIONS = ["Once upon a time,", "A wire transfer is", "Count: 1, 2, 3,"]


def rows():
    """The sets, by name."""
    prompts = [(f"The {animal} lives in the", f" {place}.") for animal, place in PLACES.items()]
    wrong = [prompts[index - 1][1] for index in range(len(prompts))]
    return {
        "sft": [{"prompt": prompt, "completion": place} for prompt, place in prompts],
        "pairs": [{"prompt": prompt, "chosen": place, "rejected": other}
                  for (prompt, place), other in zip(prompts, wrong)],
        "texts": [{"text": text, "label": label} for text, label in TEXTS.items()],
        "words": [{"tokens": text.split(), "labels": ["LONG" if len(word) > 4 else "SHORT" for word in text.split()]}
                  for text in TEXTS],
        "answers": [{"anchor": anchor, "positive": positive} for anchor, positive in ANSWERS.items()],
        "ranked": [{"query": query, "document": text, "score": float(text == answer)}
                   for query, answer in ANSWERS.items() for text in ANSWERS.values()],
    }


class Runs:
    def __init__(self, catena, folder):
        self.catena, self.folder, self.cases = catena, folder, []
        for name, lines in rows().items():
            (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))

    def command(self, *arguments):
        done = subprocess.run([self.catena, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"catena {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stdout

    def write(self, name, model, keys):
        text = (f"[train]\nmodel = '{model}'\noutput = '{name}'\nmax_tokens = 48\nmicro_step_tokens = 192\n"
                f"batch_size = 4\nignore_lint = true\ndivergence_factor = 0.0\n{keys}\n")
        (self.folder / f"{name}.toml").write_text(text)
        return f"{name}.toml"

    def train(self, name, stage, data, model, method, keys="learning_rate = 2e-2\nepochs = 10"):
        """A run that is measured on what it learnt."""
        keys = f"stage = '{stage}'\ndata = ['{data}.jsonl']\neval_data = ['{data}.jsonl']\n{METHODS[method]}\n{keys}"
        self.command("train", "run", self.write(name, model, keys))
        last = (self.folder / name / "run" / "evaluations.jsonl").read_text().splitlines()[-1]
        result = next(path.name for path in (self.folder / name).iterdir() if path.name in ("adapter", "model"))
        self.cases.append({
            "name": name, "stage": stage, "rows": f"{data}.jsonl", "base": str(model), "path": f"{name}/{result}",
            "is_adapter": result == "adapter", "loss": json.loads(last)["loss"],
        })

    def merge(self, name, *form):
        self.command("train", "merge", f"sft-{name}.toml", "--out", f"merged-{name}", *form)


def write(runs):
    """All that is to be read."""
    text = "".join(f"The {a} lives in the {p}. Where is it? The {a} is here.\n" for a, p in PLACES.items())
    (runs.folder / "text.md").write_text(text * 4)
    runs.command("tokenizer", "train", "text.md", "--vocab-size", "288", "--output", "tokenizer")
    new = ("stage = 'pretrain'\nmethod = 'full'\ndata = ['text.md']\nmax_steps = 1\n[train.new_model]\n"
           "tokenizer = 'tokenizer'\nhidden_size = 64\nnum_hidden_layers = 2\nnum_attention_heads = 2\n"
           "initializer_range = 0.1")
    runs.command("train", "run", runs.write("base", "", new))
    for method in METHODS:
        runs.train(f"sft-{method}", "sft", "sft", "base/model", method)
    runs.train("further", "sft", "sft", "base/model", "lora", "adapter = 'sft-lora'\nlearning_rate = 1e-3\nepochs = 2")
    for method in METHODS:
        if method not in ("full", "prefix"):
            runs.merge(method)
            runs.merge(method, "--gguf", "f16")
    for stage, data, encoder, method in HEADS:
        model = ENCODERS / encoder if encoder else "base/model"
        name = "-".join([stage, *([encoder] if encoder else []), method])
        runs.train(name, stage, data, model, method, "learning_rate = 5e-3\nepochs = 10")
    (runs.folder / "cases.json").write_text(json.dumps(runs.cases))


def write_texts(runs):
    """What llama.cpp is to write on with: models of the tiny one, then of a pulled one."""
    runs.command("train", "merge", "base.toml", "--out", "merged-base", "--gguf", "f16")
    runs.merge("full", "--gguf", "f16")
    cases = {"base": case("base")} | {f"merged-{name}": case(name) for name in ["full", *TEXTS_OF]}
    for method in PAIRS:
        runs.merge(method, "--adapter-gguf")
        cases[method] = case("base", method)
    prompts = [row["prompt"] for row in rows()["sft"]]
    # The base is not asked: without training all its next tokens are as likely.
    groups = [{"prompts": prompts, "cases": cases, "unasked": ["base"]}]
    # A pair on the quantized weights of the pulled model makes the base of the next, in bf16.
    keys = "stage = 'sft'\ndata = ['sft.jsonl']\nlora_rank = 4\nlearning_rate = 2e-3\nepochs = 4"
    runs.command("train", "run", runs.write("sft-pulled", PULLED, keys))
    runs.merge("pulled", "--gguf", "bf16")
    runs.command("train", "run", runs.write("sft-again", case("pulled", form="bf16")["model"], keys))
    runs.merge("again", "--gguf", "bf16")
    runs.merge("again", "--adapter-gguf")
    cases = {"pulled": case("pulled", form="bf16"), "pulled-again": case("pulled", "again", "bf16"),
             "merged-again": case("again", form="bf16")}
    groups.append({"prompts": QUESTIONS, "cases": cases, "unasked": []})
    (runs.folder / "llama_cpp.json").write_text(json.dumps(groups))


def case(model, adapter=None, form="f16"):
    """A merged model, and the adapter beside it if there is one."""
    return {"model": f"merged-{model}/model.{form}.gguf", "adapter": adapter and f"merged-{adapter}/adapter.gguf"}


def main(catena, folder):
    pytorch_train.install()
    sentences.install()
    pip_install(LLAMA_CPP)
    folder.mkdir(parents=True, exist_ok=True)
    catena = Path(catena).resolve()
    runs = Runs(catena, folder)
    write(runs)
    write_texts(runs)
    checks = [["check.py", folder], ["llama_cpp.py", folder, catena]]
    ended = [subprocess.run([VENV_PYTHON, HERE / script, *arguments]).returncode for script, *arguments in checks]
    sys.exit(max(ended))


if len(sys.argv) > 2:
    main(sys.argv[1], Path(sys.argv[2]))
else:
    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1], Path(folder))
