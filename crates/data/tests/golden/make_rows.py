"""Makes goldens of TRL's data functions, of tables, of split names and of classifiers' rows.

    python make_rows.py OUT

OUT is this folder, which holds the tokenizers of make_tokenizer.py.
"""

import csv
import json
import sys
import tempfile
from pathlib import Path

import datasets
import pyarrow
import pyarrow.parquet
import transformers
import trl
from transformers import PreTrainedTokenizerFast
from trl.data_utils import _unpair_row, common_prefix_length, maybe_extract_prompt

USER, GOOD, BAD = ({"role": role, "content": text} for role, text in [("user", "q"), ("assistant", "good"), ("assistant", "bad")])
MORE = {"role": "user", "content": "more"}

PREFERENCES = [
    {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."},
    {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
    {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
    {"chosen": [USER, GOOD, MORE, GOOD], "rejected": [USER, GOOD, MORE, BAD]},
    {"chosen": [USER, GOOD], "rejected": [USER, GOOD, MORE, BAD]},
    {"chosen": "The sky is blue.", "rejected": "The sky is green."},
    {"chosen": "天空是 蓝色", "rejected": "天空是 绿色"},
    {"chosen": "Human: a\n\nAssistant: yes", "rejected": "Human: a\n\nAssistant: yes and no"},
    {"prompt": "q", "chosen": [USER, GOOD], "rejected": [USER, BAD]},
]

TABLE = [
    {"text": "plain", "label": 1, "score": 0.5, "flag": True, "messages": [{"role": "user", "content": "a"}]},
    {"text": "with, comma \"and quotes\"\nand a line", "label": -2, "score": 1e-5, "flag": False, "messages": []},
    {"text": "金卡 😀", "label": None, "score": None, "flag": None, "messages": [{"role": "user", "content": "b"}, {"role": "assistant", "content": None}]},
    {"text": None, "label": 7, "score": 2.0, "flag": True, "messages": None},
]

SPLITS = ["train", "train[:3]", "train[2:]", "train[-4:]", "train[:-1]", "train[2:5]", "train[:10%]", "train[10%:50%]", "train[-25%:]", "train[:100%]"]

PAIRS = [
    ("What is the fee?", None), ("What is the fee?", "The fee is 5 dollars."), ("a", "The quick brown fox jumps over the lazy dog."),
    ("The quick brown fox jumps over the lazy dog.", "fee"), ("", None), ("fee [SEP] card", "x [CLS]"),
]

WORDS = [["What", "is", "the", "fee", "?"], ["unheardof", "Dollars,", "fee"], ["[SEP]", "a"], []]


def preferences():
    made = []
    for row in PREFERENCES:
        extracted = maybe_extract_prompt(dict(row))
        unpaired = _unpair_row({key: [value] for key, value in extracted.items()})
        made.append({"row": row, "expected": extracted, "unpaired": unpaired})
    return made


def completions(tokenizer):
    """TRL's tokens of plain prompts and completions, the end token written as text."""
    made = []
    for prompt, completion in [("The sky is", " blue."), ("q:\n", "\nanswer"), ("", "alone"), ("the fe", "e is"), ("金", "卡")]:
        ids = tokenizer(text=prompt)["input_ids"]
        whole = tokenizer(text=prompt + completion + tokenizer.eos_token)["input_ids"]
        made.append({"prompt": prompt, "completion": completion, "ids": whole, "prompt_ids": common_prefix_length(ids, whole)})
    return made


def splits():
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        file.write_text("".join(json.dumps({"n": number}) + "\n" for number in range(41)))
        load = lambda split: datasets.load_dataset("json", data_files=[str(file)], split=split, cache_dir=folder)["n"]
        return [[split, list(load(split))] for split in SPLITS]


def classify(out):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(out / "wordpiece.json"), pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    rows, words = [], []
    for first, second in PAIRS:
        for limit in [64, 8]:
            encoded = tokenizer(first, second, truncation=True, max_length=limit, return_token_type_ids=True, split_special_tokens=True)
            rows.append({"first": first, "second": second, "max": limit, "ids": encoded["input_ids"], "types": encoded["token_type_ids"]})
    for given in WORDS:
        for limit in [64, 5]:
            if not given:
                continue
            encoded = tokenizer(given, is_split_into_words=True, truncation=True, max_length=limit, split_special_tokens=True)
            words.append({"words": given, "max": limit, "ids": encoded["input_ids"], "word_ids": encoded.word_ids()})
    return {"rows": rows, "words": words}


def main(out):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(out / "tokenizer.json"), bos_token="<s>", eos_token="<|im_end|>", pad_token="<pad>", unk_token="<unk>"
    )
    made = {"preferences": preferences(), "completions": completions(tokenizer), "splits": splits(), "classify": classify(out)}
    lines = ",\n".join(f"{json.dumps(name)}:{json.dumps(value, separators=(',', ':'))}" for name, value in made.items())
    (out / "rows.json").write_text("{\n" + lines + "\n}\n")
    (out / "table.json").write_text(json.dumps(TABLE, separators=(",", ":")) + "\n")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(TABLE), out / "table.parquet", compression="snappy")
    with open(out / "table.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["text", "label", "score", "flag"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(TABLE)
    (out / "PROVENANCE_rows").write_text(
        "Made by make_rows.py in this folder:\n\n    python make_rows.py OUT\n\n"
        f"trl {trl.__version__}, transformers {transformers.__version__}, datasets {datasets.__version__}, pyarrow {pyarrow.__version__};\n"
        "no seed is used.\n"
    )


main(Path(sys.argv[1]))
