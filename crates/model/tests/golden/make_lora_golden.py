"""Golden values of LoRA training, made with torch, transformers and PEFT on a tiny random Llama.

Run from this folder: python make_lora_golden.py
Writes tiny_lora/: the base model (bf16, which f32 represents exactly), lora.safetensors and lora.json.
"""

import json
import math
import platform
from pathlib import Path

import peft
import safetensors.torch
import torch
import transformers

SEED = 20261123
FOLDER = Path(__file__).parent / "tiny_lora"
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ADAMW = {"lr": 2e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}
LENGTHS = [13, 1, 20, 9]


def base_model():
    config = transformers.LlamaConfig(
        hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, vocab_size=128, max_position_embeddings=64, rms_norm_eps=1e-5,
        rope_theta=10000.0, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
    )
    model = transformers.LlamaForCausalLM._from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.uniform_(0.5, 1.5)
            elif "embed" in name:
                weight.normal_(0.0, 0.4)
            else:
                weight.normal_(0.0, 1.0 / math.sqrt(weight.shape[1]))
            weight.copy_(weight.bfloat16().float())
    # Loaded again: casting in place would round the rotary frequencies too.
    model.bfloat16().save_pretrained(FOLDER)
    (FOLDER / "generation_config.json").unlink()
    return transformers.LlamaForCausalLM.from_pretrained(
        FOLDER, dtype=torch.float32, attn_implementation="eager"
    )


def batch():
    """Sequences with labels; some positions are not supervised, one sequence not at all."""
    sequences = []
    for length in LENGTHS:
        tokens = torch.randint(3, 128, (length,))
        labels = [int(t) for t in tokens[1:]] + [2]
        labels = [None if i < length // 3 or length == 1 else l for i, l in enumerate(labels)]
        sequences.append((tokens, labels))
    return sequences


def mean_loss(model, sequences):
    total, count = 0.0, 0
    for tokens, labels in sequences:
        rows = [i for i, label in enumerate(labels) if label is not None]
        if rows:
            logits = model(input_ids=tokens[None]).logits[0, rows]
            targets = torch.tensor([labels[i] for i in rows])
            total = total + torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
            count += len(rows)
    return total / count, count


def trained(model):
    """The trained tensors by the names they have in files."""
    def name(key):
        key = key.replace(".default", "").replace(".modules_to_save", "")
        return key.removesuffix(".weight") if key.endswith("lora_magnitude_vector.weight") else key
    return {name(n): p for n, p in model.named_parameters() if p.requires_grad}


def trajectory(model, sequences, groups, grads=(0, 20), steps=(1, 5, 20)):
    """Twenty steps of AdamW: what was saved on the way, the losses, the number of targets."""
    tensors = trained(model)
    optimizer = torch.optim.AdamW(groups(tensors), **{**ADAMW, "betas": tuple(ADAMW["betas"])}, foreach=False)
    saved, losses = {}, []
    def save(prefix, tensors):
        saved.update({f"{prefix}.{name}": t.detach().clone() for name, t in tensors.items()})

    save("init", tensors)
    for step in range(21):
        optimizer.zero_grad()
        loss, count = mean_loss(model, sequences)
        loss.backward()
        losses.append(loss.item())
        if step in grads:
            save(f"grad{step}", {name: p.grad for name, p in tensors.items()})
        if step < 20:
            optimizer.step()
        if step + 1 in steps:
            save(f"step{step + 1}", tensors)
    return saved, losses, count


def batch_meta(sequences):
    return {
        "seq_starts": [sum(LENGTHS[:i]) for i in range(len(LENGTHS))],
        "tokens": [int(t) for tokens, _ in sequences for t in tokens],
        "labels": [label for _, labels in sequences for label in labels],
    }


def provenance(what, command, seed):
    return (
        f"{what}\n"
        f"command: {command}\n"
        f"seed: {seed}\n"
        f"python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}, peft {peft.__version__}, "
        f"safetensors {safetensors.__version__}\n"
        "float32 on one thread, eager attention, AdamW without clipping\n"
    )


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    model = base_model()
    lora = peft.LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=MODULES, task_type="CAUSAL_LM")
    model = peft.get_peft_model(model, lora)
    model.train()
    sequences = batch()
    saved, losses, count = trajectory(model, sequences, lambda tensors: tensors.values())
    safetensors.torch.save_file(saved, FOLDER / "lora.safetensors")
    meta = {
        "r": 4, "lora_alpha": 8, "target_modules": MODULES, "adamw": ADAMW, **batch_meta(sequences),
        "supervised": count, "losses": losses,
    }
    (FOLDER / "lora.json").write_text(json.dumps(meta) + "\n")
    (FOLDER / "PROVENANCE").write_text(
        provenance("tiny_lora: LoRA training of a tiny random Llama", "python make_lora_golden.py", SEED)
    )


if __name__ == "__main__":
    main()
