"""Golden values of the other adapter methods, made with PEFT on the tiny Llama of make_lora_golden.py.

Run from this folder: python make_methods_golden.py
Writes methods/: per method NAME.safetensors (values and gradients on the way), and methods.json: losses,
learning rates, and what PEFT saves (keys, shapes, configuration).

python make_methods_golden.py --check FOLDER: loads the adapters that the test
`adapters_are_what_peft_saves` writes to FOLDER (CATENA_ADAPTERS_OUT) into PEFT, and compares the logits with
those of the model that PEFT itself trained or, for PiSSA, with those of the residual base.
"""

import json
import sys
import tempfile
from pathlib import Path

import peft
import safetensors
import safetensors.torch
import torch
import transformers

import make_lora_golden as lora

SEED = 20261129
FOLDER = Path(__file__).parent / "methods"
RANK, ALPHA, TOKENS, LORA_PLUS = 2, 3, 3, 16.0
LOGITS = 2e-4


def pairs(**settings):
    return peft.LoraConfig(
        r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=lora.MODULES, task_type="CAUSAL_LM", **settings
    )


CONFIGS = {
    "rslora": lambda: pairs(use_rslora=True),
    "dora": lambda: pairs(use_dora=True),
    "pissa": lambda: pairs(init_lora_weights="pissa"),
    "loraplus": lambda: pairs(),
    "patterns": lambda: peft.LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM",
        rank_pattern={"layers.1.self_attn.q_proj": 3}, alpha_pattern={"down_proj": 5},
        modules_to_save=["norm"],
    ),
    "whole": lambda: peft.LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM",
        layers_to_transform=[1], modules_to_save=["embed_tokens"], ensure_weight_tying=True,
    ),
    "ia3": lambda: peft.IA3Config(task_type="CAUSAL_LM"),
    "prefix": lambda: peft.PrefixTuningConfig(num_virtual_tokens=TOKENS, task_type="CAUSAL_LM"),
}


def base():
    return transformers.LlamaForCausalLM.from_pretrained(
        lora.FOLDER, dtype=torch.float32, attn_implementation="eager"
    )


def sequences():
    meta = json.loads((lora.FOLDER / "lora.json").read_text())
    ends = meta["seq_starts"][1:] + [len(meta["tokens"])]
    spans = list(zip(meta["seq_starts"], ends))
    return [(torch.tensor(meta["tokens"][a:b]), meta["labels"][a:b]) for a, b in spans]


def move(model, name):
    """Takes values away from where their gradients are zero or their factors one."""
    for key, value in lora.trained(model).items():
        if name == "ia3":
            value.data.add_(torch.randn_like(value), alpha=0.1)
        elif name != "pissa" and "lora_B" in key:
            value.data.normal_(0.0, 0.05)


def rates(name, tensors):
    fast = [p for key, p in tensors.items() if "lora_B" in key]
    if name != "loraplus":
        return list(tensors.values())
    slow = [p for key, p in tensors.items() if "lora_B" not in key]
    return [{"params": slow}, {"params": fast, "lr": lora.ADAMW["lr"] * LORA_PLUS}]


def logits(model, batch):
    model.eval()
    with torch.no_grad():
        return torch.cat([model(input_ids=tokens[None]).logits[0] for tokens, _ in batch])


def key_of(name, method):
    """In a file a prefix has a name of its own."""
    return name.replace("prompt_encoder.embedding.weight", "prompt_embeddings") if method == "prefix" else name


def trained_by_peft(name):
    torch.manual_seed(SEED)
    model = peft.get_peft_model(base(), CONFIGS[name]())
    model.train()
    move(model, name)
    saved, losses, _ = lora.trajectory(
        model, sequences(), lambda tensors: rates(name, tensors), steps=(20,)
    )
    saved = {key_of(key, name): value for key, value in saved.items()}
    return model, saved, losses


def listing(model):
    """What PEFT writes."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = json.loads((Path(folder) / "adapter_config.json").read_text())
        tensors = safetensors.torch.load_file(Path(folder) / "adapter_model.safetensors")
    for key, value in config.items():
        config[key] = sorted(value) if isinstance(value, list) else value
    config["base_model_name_or_path"] = None
    return {"config": config, "shapes": {key: list(t.shape) for key, t in sorted(tensors.items())}}


def main():
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    meta = {"loraplus_lr_ratio": LORA_PLUS, "num_virtual_tokens": TOKENS, "r": RANK, "lora_alpha": ALPHA, "methods": {}}
    for name in CONFIGS:
        model, saved, losses = trained_by_peft(name)
        saved["logits"] = logits(model, sequences())
        safetensors.torch.save_file({k: v.contiguous() for k, v in saved.items()}, FOLDER / f"{name}.safetensors")
        meta["methods"][name] = {"losses": losses, "saved": listing(model)}
        print(name, losses[0], losses[-1])
    (FOLDER / "methods.json").write_text(json.dumps(meta, indent=1) + "\n")
    (FOLDER / "PROVENANCE").write_text(
        lora.provenance("methods: adapter training on the model of tiny_lora", "python make_methods_golden.py", SEED)
    )


def check(folder):
    torch.set_num_threads(1)
    worst = 0.0
    for name in CONFIGS:
        expected = safetensors.torch.load_file(FOLDER / f"{name}.safetensors")["logits"]
        model = peft.PeftModel.from_pretrained(base(), folder / name)
        error = (logits(model, sequences()) - expected).abs().max().item()
        print(f"{name}: largest difference of logits {error:.2e}")
        worst = max(worst, error)
    if worst > LOGITS:
        sys.exit(f"{worst} is above {LOGITS}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        check(Path(sys.argv[2]))
    else:
        main()
