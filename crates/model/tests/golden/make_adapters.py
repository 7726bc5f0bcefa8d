"""Adapters as PEFT writes them, and the logits of `transformers` with them.

Run: python make_adapters.py [NAME ...]

Writes `adapters/NAME/` beside this script, for each adapter:

- `adapter_config.json`, `adapter_model.safetensors`: what `save_pretrained` of PEFT writes; of experts
  what it wrote before transformers 5, when each was a module of its own: PEFT changes such adapters
  as it reads them, so the logits are still PEFT's,
- `forward.safetensors`: `tokens` and `logits` of the base with the adapter in f32, keys and values
  rounded to bf16 as in our cache.

Versions are written to PROVENANCE_adapters.
"""

import sys
from pathlib import Path
from unittest import mock

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
    "gpt2": ("families/gpt2", dict(
        r=4, lora_alpha=6, fan_in_fan_out=True, target_modules=["c_attn", "c_proj", "c_fc"])),
    "glm": ("families/glm", dict(r=3, lora_alpha=4, target_modules=["k_proj", "gate_up_proj", "down_proj"])),
    "starcoder2": ("families/starcoder2", dict(r=3, lora_alpha=4, target_modules=["v_proj", "c_fc", "c_proj"])),
    "dora": ("tiny_llama", dict(r=4, lora_alpha=8, use_dora=True, target_modules=ALL)),
    "phi3_dora": ("families/phi3", dict(r=2, lora_alpha=4, use_dora=True, target_modules=["qkv_proj", "gate_up_proj"])),
    "gpt_neox_dora": ("families/gpt_neox", dict(
        r=2, lora_alpha=2, use_dora=True, target_modules=["query_key_value", "dense", "dense_4h_to_h"])),
    "gpt2_dora": ("families/gpt2", dict(
        r=2, lora_alpha=2, fan_in_fan_out=True, use_dora=True, target_modules=["c_attn", "c_proj", "c_fc"])),
    "ia3": ("tiny_llama", dict(ia3=True, target_modules=ALL, feedforward_modules=["down_proj"])),
    "phi3_ia3": ("families/phi3", dict(
        ia3=True, target_modules=["qkv_proj", "o_proj", "down_proj"], feedforward_modules=["o_proj", "down_proj"])),
    "gpt_neox_ia3": ("families/gpt_neox", dict(
        ia3=True, target_modules=["query_key_value", "dense", "dense_4h_to_h"], feedforward_modules=["dense_4h_to_h"])),
    "gpt2_ia3": ("families/gpt2", dict(ia3=True, fan_in_fan_out=True, target_modules=None)),
    "prefix": ("tiny_llama", dict(num_virtual_tokens=5)),
    "qwen3_prefix": ("families/qwen3", dict(num_virtual_tokens=20)),
    "deepseek_v2": ("families/deepseek_v2", dict(r=3, lora_alpha=4, target_modules=[
        "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj", "gate_proj", "up_proj",
        "down_proj"])),
    "deepseek_v2_lite": ("families/deepseek_v2_lite", dict(
        r=2, lora_alpha=3, target_modules=["q_proj", "kv_b_proj"])),
}
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
# Name: folder of the base, names of the MLP, of gate, up and down, keys of the configuration.
EXPERTS = {
    "mixtral": ("families/mixtral", "block_sparse_moe", ["w1", "w3", "w2"], dict(r=2, lora_alpha=3)),
    "qwen3_moe": ("families/qwen3_moe", "mlp", ["gate_proj", "up_proj", "down_proj"], dict(r=2, lora_alpha=4)),
}


def bf16_cache_attention(module, query, key, value, mask, **kwargs):
    eager = sys.modules[type(module).__module__].eager_attention_forward
    if hasattr(module, "kv_a_layernorm"):
        # The latent is rounded where it is made, see below.
        nope = module.qk_nope_head_dim
        key = torch.cat([key[..., :nope], key[..., nope:].bfloat16().float()], -1)
    else:
        key, value = key.bfloat16().float(), value.bfloat16().float()
    return eager(module, query, key, value, mask, **kwargs)


AttentionInterface.register("bf16_cache", bf16_cache_attention)
AttentionMaskInterface.register("bf16_cache", eager_mask)


def base_model(base: str):
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_pretrained(HERE / base, dtype=torch.float32).eval()
    for module in model.modules():
        if hasattr(module, "kv_a_layernorm"):
            module.kv_a_layernorm.register_forward_hook(lambda m, i, out: out.bfloat16().float())
    model.set_attn_implementation("bf16_cache")
    return model


# PEFT would take pairs of the MLP that all tokens go through for those of experts.
AS_THEY_ARE = mock.patch(
    "peft.utils.transformers_weight_conversion.convert_peft_config_for_transformers", lambda *a, **k: None
)


def config(keys: dict):
    keys["task_type"] = "CAUSAL_LM"
    if "num_virtual_tokens" in keys:
        return peft.PrefixTuningConfig(**keys)
    return peft.IA3Config(**keys) if keys.pop("ia3", False) else peft.LoraConfig(**keys)


def adapter(name: str, base: str, keys: dict) -> None:
    model = base_model(base)
    tokens = torch.randint(0, model.config.vocab_size, (1, TOKENS))
    with torch.no_grad():
        before = model(tokens).logits[0]
        with AS_THEY_ARE:
            model = peft.get_peft_model(model, config(dict(keys))).eval()
        for parameter_name, parameter in model.named_parameters():
            if "magnitude" in parameter_name or "ia3_" in parameter_name:
                parameter.mul_(torch.empty_like(parameter).uniform_(0.5, 1.5))
            elif "lora_" in parameter_name:
                parameter.normal_(0.0, 0.15)
            elif "prompt_encoder" in parameter_name:
                # As a cache holds them.
                parameter.copy_(parameter.bfloat16().float())
        logits = model(tokens).logits[0].contiguous()
    model.peft_config["default"].base_model_name_or_path = base
    folder = HERE / "adapters" / name
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    save(name, tokens, before, logits)


def save(name: str, tokens, before, logits) -> None:
    path = HERE / "adapters" / name / "forward.safetensors"
    save_file({"tokens": tokens[0].to(torch.int32), "logits": logits}, path)
    print(name, "largest logit", float(logits.abs().max()), "moved", float((logits - before).abs().max()))


def experts(name: str, base: str, mlp: str, projections: list, keys: dict) -> None:
    model = base_model(base)
    config = model.config
    tokens = torch.randint(0, config.vocab_size, (1, TOKENS))
    hidden = config.hidden_size
    width = getattr(config, "moe_intermediate_size", config.intermediate_size)
    sizes = [(width, hidden), (width, hidden), (hidden, width)]
    tensors = {}

    def pair(module: str, out_features: int, in_features: int) -> None:
        key = f"base_model.model.{module}.lora_"
        tensors[key + "A.weight"] = torch.randn(keys["r"], in_features) * 0.15
        tensors[key + "B.weight"] = torch.randn(out_features, keys["r"]) * 0.15

    for layer in range(config.num_hidden_layers):
        start = f"model.layers.{layer}"
        for projection in ATTENTION:
            linear = getattr(model.model.layers[layer].self_attn, projection)
            pair(f"{start}.self_attn.{projection}", linear.out_features, linear.in_features)
        pair(f"{start}.{mlp}.gate", config.num_local_experts, hidden)
        for expert in range(config.num_local_experts):
            for projection, size in zip(projections, sizes):
                pair(f"{start}.{mlp}.experts.{expert}.{projection}", *size)
    folder = HERE / "adapters" / name
    folder.mkdir(exist_ok=True)
    modules = ATTENTION + ["gate"] + projections
    peft.LoraConfig(
        task_type="CAUSAL_LM", base_model_name_or_path=base, inference_mode=True, target_modules=modules, **keys
    ).save_pretrained(folder)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    with torch.no_grad():
        before = model(tokens).logits[0]
        model = peft.PeftModel.from_pretrained(model, folder).eval()
        logits = model(tokens).logits[0].contiguous()
    save(name, tokens, before, logits)


if __name__ == "__main__":
    only = sys.argv[1:]
    for make, makes in [(adapter, ADAPTERS), (experts, EXPERTS)]:
        for name, how in makes.items():
            if not only or name in only:
                make(name, *how)
    (HERE / "PROVENANCE_adapters").write_text(
        f"make_adapters.py, seed {SEED}; torch {torch.__version__}, transformers "
        f"{transformers.__version__}, peft {peft.__version__}\n"
    )
