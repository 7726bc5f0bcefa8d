"""Makes goldens of LLaMA-Factory's own converters and processors.

    PYTHONPATH=LLAMAFACTORY python make_llamafactory.py OUT [DEMO]

LLAMAFACTORY holds `pip install --no-deps --target LLAMAFACTORY llamafactory`; OUT is this folder;
DEMO is the `data` folder of LLaMA-Factory's repository, of whose files only digests are kept.
"""

import hashlib
import importlib.machinery
import importlib.metadata
import json
import sys
import types
from pathlib import Path
from types import SimpleNamespace

# Imported for sound files, which are none of our business.
torchaudio = types.ModuleType("torchaudio")
torchaudio.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
sys.modules["torchaudio"] = torchaudio

from transformers import PreTrainedTokenizerFast  # noqa: E402

from llamafactory.data.converter import get_dataset_converter  # noqa: E402
from llamafactory.data.parser import get_dataset_list  # noqa: E402
from llamafactory.data.processor import SupervisedDatasetProcessor  # noqa: E402
from llamafactory.data.processor.processor_utils import infer_seqlen  # noqa: E402
from llamafactory.data.template import get_template_and_fix_tokenizer  # noqa: E402

TEMPLATES = ["qwen", "llama3", "mistral", "gemma", "chatml", "phi"]

CHATS = [
    [("user", "What is the fee?"), ("assistant", "The fee is 5 dollars.")],
    [("user", "What is the fee for a gold card?"), ("assistant", "5 dollars."), ("user", "And for a silver card?"), ("assistant", "It is free.")],
    [("user", "金卡的年费是多少？"), ("assistant", "金卡每月五美元。😀"), ("user", "Thanks 🎉"), ("assistant", "You are welcome 🎉"), ("user", "x"), ("assistant", "The quick brown fox jumps over the lazy dog.")],
]


def turn(tags, speaker, words):
    return {tags[0]: speaker, tags[1]: words}


def shares(*pairs):
    return [turn(("from", "value"), speaker, words) for speaker, words in pairs]


def chat(*pairs):
    return [turn(("role", "content"), speaker, words) for speaker, words in pairs]


CALL = '{"name": "fee", "arguments": {"card": "gold"}}'
CALLS = '[{"name": "fee", "arguments": {"card": "gold"}}, {"name": "fee", "arguments": {"card": "silver"}}]'
TOOLS = '[{"name": "fee", "description": "d", "parameters": {"type": "object", "properties": {}}}]'
OPENAI = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
          "observation_tag": "tool", "function_tag": "function_call", "system_tag": "system"}


def openai_call(content=None):
    return {"role": "assistant", "content": content, "tool_calls": [
        {"type": "function", "id": "c1", "function": {"name": "fee", "arguments": {"card": "gold"}}}]}


# Each set: its entry in dataset_info.json, and rows good and bad.
SETS = {
    "alpaca": ({}, [
        {"instruction": "a", "input": "", "output": "b"}, {"instruction": "a", "input": "i", "output": "b"},
        {"instruction": "", "input": "i", "output": "b"}, {"instruction": "a", "input": None, "output": "b"},
        {"instruction": "a", "input": "", "output": None}, {"instruction": "", "input": "", "output": ""},
    ]),
    "alpaca_columns": ({"columns": {"prompt": "q", "response": "a", "system": "s", "history": "h"}}, [
        {"q": "a", "a": "b", "s": "be", "h": [["q1", "a1"], ["q2", "a2"]]}, {"q": "a", "a": "b", "s": "", "h": []},
        {"q": "a", "a": "b", "s": None, "h": None},
    ]),
    "alpaca_ranking": ({"ranking": True, "columns": {"prompt": "instruction", "query": "input", "chosen": "c", "rejected": "r"}}, [
        {"instruction": "a", "input": "i", "c": "good", "r": "bad"}, {"instruction": "a", "input": "", "c": "good", "r": None},
    ]),
    "alpaca_kto": ({"columns": {"prompt": "instruction", "response": "output", "kto_tag": "t"}}, [
        {"instruction": "a", "output": "b", "t": True}, {"instruction": "a", "output": "b", "t": False},
    ]),
    "sharegpt": ({"formatting": "sharegpt"}, [
        {"conversations": shares(("human", "a"), ("gpt", "b"))},
        {"conversations": shares(("system", "s"), ("human", "a"), ("gpt", "b"))},
        {"conversations": shares(("human", "a"), ("function_call", CALL), ("observation", "5"), ("gpt", "b"))},
        {"conversations": shares(("human", "a"), ("function_call", CALLS), ("observation", "5"), ("gpt", "b"))},
        {"conversations": shares(("gpt", "b"), ("human", "a"))},
        {"conversations": shares(("human", "a"), ("gpt", "b"), ("human", "c"))},
        {"conversations": shares(("human", "a"), ("human", "b"), ("gpt", "c"))},
        {"conversations": shares(("human", "a"), ("observation", "5"))},
        {"conversations": shares(("human", "a"), ("assistant", "b"))},
        {"conversations": shares(("human", "a"), ("gpt", "b"), ("system", "s"), ("gpt", "c"))},
        {"conversations": []},
        {"conversations": shares(("system", "s"))},
        {"conversations": shares(("human", "a"), ("gpt", ""))},
    ]),
    "sharegpt_columns": ({"formatting": "sharegpt", "columns": {"messages": "m", "system": "s", "tools": "t"}}, [
        {"m": shares(("human", "a"), ("gpt", "b")), "s": "be", "t": TOOLS},
        {"m": shares(("human", "a"), ("gpt", "b")), "s": "", "t": ""},
        {"m": shares(("system", "own"), ("human", "a"), ("gpt", "b")), "s": "be", "t": None},
    ]),
    "sharegpt_ranking": ({"formatting": "sharegpt", "ranking": True, "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"}}, [
        {"conversations": shares(("human", "a")), "chosen": shares(("gpt", "x"))[0], "rejected": shares(("gpt", "y"))[0]},
        {"conversations": shares(("human", "a"), ("gpt", "b"), ("human", "c")), "chosen": shares(("gpt", "x"))[0], "rejected": shares(("function_call", CALL))[0]},
        {"conversations": shares(("human", "a"), ("gpt", "b")), "chosen": shares(("gpt", "x"))[0], "rejected": shares(("gpt", "y"))[0]},
    ]),
    "sharegpt_kto": ({"formatting": "sharegpt", "columns": {"messages": "messages", "kto_tag": "label"},
                      "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}}, [
        {"messages": chat(("user", "a"), ("assistant", "b")), "label": True},
        {"messages": chat(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")), "label": False},
        {"messages": chat(("user", "a")), "label": False},
        {"messages": chat(("system", "s"), ("user", "a"), ("assistant", "b")), "label": True},
    ]),
    "openai": ({"formatting": "openai", "columns": {"messages": "messages", "tools": "tools"}, "tags": OPENAI}, [
        {"messages": chat(("user", "a"), ("assistant", "b")), "tools": None},
        {"messages": [*chat(("system", "s"), ("user", "a")), openai_call(), *chat(("tool", "5"), ("tool", "6"), ("assistant", "b"))], "tools": json.loads(TOOLS)},
        {"messages": [*chat(("user", "a")), openai_call(), *chat(("tool", "5"))], "tools": None},
        {"messages": chat(("user", "a"), ("user", "b"), ("assistant", "c")), "tools": None},
        {"messages": chat(("user", "a")), "tools": None},
    ]),
}


def standard(example):
    """What LLaMA-Factory makes of a row; None if its processors drop it."""
    prompt, response = example["_prompt"], example["_response"]
    if len(prompt) % 2 != 1 or not response:
        return None
    tools = json.loads(example["_tools"]) if example["_tools"] else []
    return {"prompt": prompt, "response": response, "system": example["_system"] or "", "tools": tools}


def convert(entry, rows, folder):
    attr = get_dataset_list(["set"], {"set": {"file_name": "set.json", **entry}})[0]
    converter = get_dataset_converter(attr.formatting, attr, SimpleNamespace(media_dir=str(folder)))
    return [standard(converter(row)) for row in rows]


def with_calls(turn):
    if turn["role"] != "function":
        return [turn["role"], turn["content"]]
    calls = json.loads(turn["content"])
    calls = calls if isinstance(calls, list) else [calls]
    return [turn["role"], json.dumps(calls, sort_keys=True, ensure_ascii=False, separators=(",", ":"))]


def digest(examples):
    hasher = hashlib.sha256()
    for example in examples:
        turns = [with_calls(turn) for turn in example["prompt"] + example["response"]]
        line = json.dumps([turns, example["system"], len(example["tools"])], ensure_ascii=False, separators=(",", ":"))
        hasher.update(line.encode() + b"\n")
    return hasher.hexdigest()


def demo(folder):
    """For each local set of the demo data its samples and their digest."""
    info, made = json.loads((folder / "dataset_info.json").read_text()), {}
    for name, entry in info.items():
        file = folder / entry.get("file_name", "missing")
        if not file.is_file() or file.suffix != ".json":
            continue
        converted = convert(entry, json.loads(file.read_text()), folder)
        kept = [example for example in converted if example]
        made[name] = {"rows": len(converted), "samples": len(kept), "sha256": digest(kept)}
    return made


def supervised(out):
    sources, cases = {}, []
    for name in TEMPLATES:
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=str(out / "tokenizer.json"), bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
        )
        for cutoff in [2048, 60, 24, 7]:
            for train_on_prompt, mask_history in [(False, False), (True, False), (False, True)]:
                data_args = SimpleNamespace(
                    template=name, cutoff_len=cutoff, train_on_prompt=train_on_prompt, mask_history=mask_history,
                    tool_format=None, default_system=None, enable_thinking=True,
                )
                template = get_template_and_fix_tokenizer(tokenizer, data_args)
                sources[name] = {"jinja": template._get_jinja_template(tokenizer), "eos": tokenizer.eos_token}
                processor = SupervisedDatasetProcessor(template, tokenizer, None, data_args)
                for number, pairs in enumerate(CHATS):
                    messages = chat(*pairs)
                    ids, labels = processor._encode_data_example(messages[:-1], messages[-1:], None, None, [], [], [])
                    cases.append({
                        "template": name, "chat": number, "cutoff_len": cutoff, "train_on_prompt": train_on_prompt,
                        "mask_history": mask_history, "ids": ids, "labels": labels,
                    })
    return sources, cases


def main(out, folder):
    version = importlib.metadata.version("llamafactory")
    rows = {name: {"entry": entry, "rows": rows, "expected": convert(entry, rows, out)} for name, (entry, rows) in SETS.items()}
    lines = ",\n".join(f"{json.dumps(name)}:{json.dumps(made, separators=(',', ':'))}" for name, made in rows.items())
    (out / "llamafactory_rows.json").write_text("{\n" + lines + "\n}\n")
    sources, cases = supervised(out)
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    head = json.dumps({"templates": sources, "chats": [chat(*pairs) for pairs in CHATS]}, separators=(",", ":"))
    (out / "llamafactory_sft.json").write_text(head[:-1] + ',\n"cases":[\n' + lines + "\n]}\n")
    lengths = [[s, t, c, *infer_seqlen(s, t, c)] for s in [0, 1, 5, 40, 900] for t in [0, 1, 7, 40, 900] for c in [1, 8, 64, 1000]]
    (out / "llamafactory_lengths.json").write_text(json.dumps(lengths, separators=(",", ":")) + "\n")
    if folder:
        (out / "llamafactory_demo.json").write_text(json.dumps(demo(folder), indent=1) + "\n")
    (out / "PROVENANCE_llamafactory").write_text(
        "Made by make_llamafactory.py in this folder:\n\n"
        "    PYTHONPATH=LLAMAFACTORY python make_llamafactory.py OUT DEMO\n\n"
        f"llamafactory {version} from PyPI, installed without its dependencies; no seed is used. DEMO is the `data`\n"
        "folder of LLaMA-Factory's repository at ff6d4d12e; digests of its rows stand in llamafactory_demo.json.\n"
    )
    print(sum(len(made["rows"]) for made in rows.values()), len(cases))


main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
