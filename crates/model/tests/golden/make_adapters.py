"""Adapters as PEFT writes them, and the logits of `transformers` with them.

Run: python make_adapters.py

Writes `adapters/NAME/` beside this script, for each adapter:

- `adapter_config.json`, `adapter_model.safetensors`: what `save_pretrained` of PEFT writes,
- `forward.safetensors`: `tokens` and `logits` of the base with the adapter in f32, keys and values
  rounded to bf16 as in our cache.

Versions are written to PROVENANCE_adapters.
"""

import sys
from pathlib import Path

import peft
import torch
import transformers
from safetensors.torch import save_file
from transformers import AttentionInterface, AttentionMaskInterface, AutoModelForCausalLM
from transformers.masking_utils import eager_mask

SEED = 20261125
HERE = Path(__file__).parent
TOKENS = 40
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# Name: folder of the base, keys of the configuration.
ADAPTERS = {
    "attention": ("tiny_llama", dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])),
    "all": ("tiny_llama", dict(r=3, lora_alpha=5, use_rslora=True, target_modules=ALL + ["lm_head"])),
    "patterns": ("tiny_llama", dict(
        r=8, lora_alpha=16, target_modules=["k_proj", "o_proj", "down_proj"],
        rank_pattern={"layers.1.mlp.down_proj": 2}, alpha_pattern={"o_proj": 3})),
    "phi3": ("families/phi3", dict(
        r=4, lora_alpha=8, target_modules=["qkv_proj", "o_proj", "gate_up_proj", "down_proj"])),
    "gpt_neox": ("families/gpt_neox", dict(
        r=4, lora_alpha=4, target_modules=["query_key_value", "dense", "dense_h_to_4h", "embed_out"])),
}


def bf16_cache_attention(module, query, key, value, mask, **kwargs):
    eager = sys.modules[type(module).__module__].eager_attention_forward
    return eager(module, query, key.bfloat16().float(), value.bfloat16().float(), mask, **kwargs)


AttentionInterface.register("bf16_cache", bf16_cache_attention)
AttentionMaskInterface.register("bf16_cache", eager_mask)


def adapter(name: str, base: str, keys: dict) -> None:
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_pretrained(HERE / base, dtype=torch.float32).eval()
    model.set_attn_implementation("bf16_cache")
    tokens = torch.randint(0, model.config.vocab_size, (1, TOKENS))
    with torch.no_grad():
        before = model(tokens).logits[0]
        model = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **keys)).eval()
        for parameter_name, parameter in model.named_parameters():
            if "lora_" in parameter_name:
                parameter.normal_(0.0, 0.15)
        logits = model(tokens).logits[0].contiguous()
    model.peft_config["default"].base_model_name_or_path = base
    folder = HERE / "adapters" / name
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    save_file({"tokens": tokens[0].to(torch.int32), "logits": logits}, folder / "forward.safetensors")
    print(name, "largest logit", float(logits.abs().max()), "moved", float((logits - before).abs().max()))


if __name__ == "__main__":
    for name, (base, keys) in ADAPTERS.items():
        adapter(name, base, keys)
    (HERE / "PROVENANCE_adapters").write_text(
        f"make_adapters.py, seed {SEED}; torch {torch.__version__}, transformers "
        f"{transformers.__version__}, peft {peft.__version__}\n"
    )
