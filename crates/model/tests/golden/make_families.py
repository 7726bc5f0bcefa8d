"""Makes the golden values of the decoder families: tiny random checkpoints with their logits.

    python make_families.py LLAMA_CPP

LLAMA_CPP is llama.cpp's source, whose converter makes the GGUF files (and knows what it cannot
convert). Writes `families/NAME/` beside this script, for each family:

- `config.json`, `model.safetensors`: what `save_pretrained` of `transformers` writes, in bf16,
- `model.gguf`: the same converted, where llama.cpp knows the family and its files hold all that the
  family computes (they say nothing of the windows of Mistral and StarCoder 2, nor of Gemma's
  `query_pre_attn_scalar`; those of GLM nothing of the width of a head),
- `forward.safetensors`: `tokens` and `logits` of `transformers` in f32 on these weights, with keys
  and values (of latent attention: the latent and the rotated part of the key) rounded to bf16 as in
  our cache.

Versions are written to PROVENANCE_families.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import torch
import transformers
import transformers.utils.logging
from safetensors.torch import load_file, save_file
from transformers import AttentionInterface, AttentionMaskInterface, AutoModelForCausalLM, CONFIG_MAPPING
from transformers.masking_utils import eager_mask

HERE = Path(__file__).parent
SEED = 20261124
TOKENS = 28

SHAPE = dict(
    vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
    bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.1,
)
LLAMA3 = dict(
    rope_type="llama3", rope_theta=10000.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=32,
)
YARN = dict(
    rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=32,
    beta_fast=32, beta_slow=1, mscale=0.707, mscale_all_dim=0.707,
)


def longrope(pairs: int) -> dict:
    return dict(
        rope_type="longrope", rope_theta=10000.0, original_max_position_embeddings=16,
        short_factor=[1.0 + 0.05 * i for i in range(pairs)],
        long_factor=[1.0 + 0.5 * i for i in range(pairs)],
    )


MOE = dict(
    num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, norm_topk_prob=True,
    decoder_sparse_step=1, mlp_only_layers=[],
)
MLA = dict(
    kv_lora_rank=16, qk_nope_head_dim=16, qk_rope_head_dim=16, v_head_dim=24, num_key_value_heads=4,
    n_routed_experts=4, n_shared_experts=2, num_experts_per_tok=2, moe_intermediate_size=16,
    first_k_dense_replace=1, routed_scaling_factor=1.5, norm_topk_prob=False,
    head_dim=16,
)

# name: (model_type, changes of the shape)
FAMILIES = {
    "gemma": ("gemma", dict(head_dim=16)),
    "llama": ("llama", dict(tie_word_embeddings=False, rope_parameters=LLAMA3)),
    "llama_bias": ("llama", dict(tie_word_embeddings=True, attention_bias=True, mlp_bias=True)),
    "smollm3": ("smollm3", dict(num_hidden_layers=4, tie_word_embeddings=True)),
    "mistral": ("mistral", dict(sliding_window=None, head_dim=16)),
    "mistral_window": ("mistral", dict(sliding_window=8, head_dim=16)),
    "mixtral": ("mixtral", dict(num_local_experts=4, num_experts_per_tok=2, sliding_window=None)),
    "qwen2": ("qwen2", dict(tie_word_embeddings=True)),
    "qwen3": ("qwen3", dict(head_dim=16, tie_word_embeddings=True)),
    "qwen3_moe": ("qwen3_moe", dict(head_dim=16, tie_word_embeddings=False, **MOE)),
    "gemma2": ("gemma2", dict(
        head_dim=16, query_pre_attn_scalar=16, sliding_window=8, attn_logit_softcapping=5.0,
        final_logit_softcapping=3.0)),
    "gemma2_scalar": ("gemma2", dict(
        head_dim=16, query_pre_attn_scalar=24, sliding_window=8, attn_logit_softcapping=5.0,
        final_logit_softcapping=3.0)),
    "gemma3": ("gemma3_text", dict(
        head_dim=16, query_pre_attn_scalar=16, sliding_window=8, num_hidden_layers=7,
        rope_parameters=dict(
            sliding_attention=dict(rope_type="default", rope_theta=10000.0),
            full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000000.0)))),
    "phi3": ("phi3", dict(num_key_value_heads=4, sliding_window=8)),
    "phi4": ("phi3", dict(
        num_attention_heads=2, num_key_value_heads=1, partial_rotary_factor=0.75,
        rope_parameters=longrope(6),
        original_max_position_embeddings=16, tie_word_embeddings=True)),
    "gpt2": ("gpt2", dict(n_embd=32, n_layer=2, n_head=4, n_positions=128)),
    "gpt_neox": ("gpt_neox", dict(use_parallel_residual=True, rotary_pct=0.25)),
    "gpt_neox_sequential": ("gpt_neox", dict(use_parallel_residual=False, rotary_pct=1.0)),
    "olmo2": ("olmo2", dict()),
    "granite": ("granite", dict(
        embedding_multiplier=12.0, attention_multiplier=0.2, residual_multiplier=0.22,
        logits_scaling=8.0, tie_word_embeddings=True)),
    "starcoder2": ("starcoder2", dict(use_bias=True, sliding_window=None)),
    "starcoder2_window": ("starcoder2", dict(use_bias=True, sliding_window=8)),
    "glm": ("glm", dict(
        num_attention_heads=2, num_key_value_heads=1, head_dim=16, attention_bias=True,
        partial_rotary_factor=0.5, rms_norm_eps=1e-5)),
    "glm4": ("glm4", dict(head_dim=16, attention_bias=True, partial_rotary_factor=0.5)),
    "deepseek_v2": ("deepseek_v2", dict(
        q_lora_rank=24, topk_method="group_limited_greedy", n_group=2, topk_group=1,
        rope_parameters=YARN, **MLA)),
    "deepseek_v2_lite": ("deepseek_v2", dict(q_lora_rank=None, topk_method="greedy", **MLA)),
}
# With the usual seed a key or value of these lies so near the middle of two bf16 that two sums in f32
# round it apart, which moves all later logits by 1e-4.
OTHER_SEEDS = {"gemma3": 1}
# Those whose GGUF file would not say all, see above.
NO_GGUF = {"mistral_window", "starcoder2_window", "gemma2_scalar"}


transformers.utils.logging.disable_progress_bar()


def bf16_cache_attention(module, query, key, value, mask, **kwargs):
    eager = sys.modules[type(module).__module__].eager_attention_forward
    if hasattr(module, "kv_a_layernorm"):
        nope = module.qk_nope_head_dim
        key = torch.cat([key[..., :nope], key[..., nope:].bfloat16().float()], -1)
    else:
        key, value = key.bfloat16().float(), value.bfloat16().float()
    return eager(module, query, key, value, mask, **kwargs)


AttentionInterface.register("bf16_cache", bf16_cache_attention)
AttentionMaskInterface.register("bf16_cache", eager_mask)


def old_keys(path: Path) -> None:
    """Adds keys that transformers 5 moved and llama.cpp's converter still reads."""
    config = json.loads(path.read_text())
    if config["model_type"] == "gpt2":
        config["n_ctx"] = config["n_positions"]
    if config["model_type"] == "gpt_neox":
        config["rotary_pct"] = config["rope_parameters"]["partial_rotary_factor"]
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def make(name: str, model_type: str, changes: dict) -> Path:
    torch.manual_seed(SEED + OTHER_SEEDS.get(name, 0))
    config = CONFIG_MAPPING[model_type](**{**SHAPE, **changes})
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "norm" in key or "ln_" in key:
                parameter.uniform_(-0.3, 0.3)
                if not key.endswith("bias") and "gemma" not in name:
                    parameter.add_(1.0)
            elif key.endswith("bias"):
                parameter.uniform_(-0.5, 0.5)
    model = model.bfloat16()
    folder = HERE / "families" / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    old_keys(folder / "config.json")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    for module in model.modules():
        if hasattr(module, "kv_a_layernorm"):
            module.kv_a_layernorm.register_forward_hook(lambda m, i, out: out.bfloat16().float())
    model.set_attn_implementation("bf16_cache")
    tokens = torch.randint(0, config.vocab_size, (1, TOKENS))
    with torch.no_grad():
        logits = model(tokens).logits[0].contiguous()
    save_file({"tokens": tokens[0].to(torch.int32), "logits": logits}, folder / "forward.safetensors")
    print(name, "largest logit", float(logits.abs().max()))
    return folder


# Names of ChatGLM3's own code for those of `glm`, which computes the same.
CHATGLM = [
    ("model.embed_tokens", "transformer.embedding.word_embeddings"),
    ("model.norm", "transformer.encoder.final_layernorm"),
    ("lm_head", "transformer.output_layer"),
    ("model.layers", "transformer.encoder.layers"),
    ("self_attn.o_proj", "self_attention.dense"),
    ("mlp.gate_up_proj", "mlp.dense_h_to_4h"),
    ("mlp.down_proj", "mlp.dense_4h_to_h"),
]


def chatglm() -> Path:
    source, folder = HERE / "families" / "glm", HERE / "families" / "chatglm"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    out, qkv = {}, {}
    for key, tensor in load_file(source / "model.safetensors").items():
        for ours, theirs in CHATGLM:
            key = key.replace(ours, theirs)
        for part in "qkv":
            if f"self_attn.{part}_proj" in key:
                qkv.setdefault(key.replace(f"self_attn.{part}_proj", "self_attention.query_key_value"), {})[part] = tensor
                break
        else:
            out[key] = tensor
    out |= {key: torch.cat([parts[p] for p in "qkv"]) for key, parts in qkv.items()}
    save_file(out, folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(source / "forward.safetensors", folder)
    glm = json.loads((source / "config.json").read_text())
    config = dict(
        architectures=["ChatGLMModel"], model_type="chatglm", add_bias_linear=False,
        add_qkv_bias=True, apply_residual_connection_post_layernorm=False,
        ffn_hidden_size=glm["intermediate_size"], hidden_size=glm["hidden_size"],
        kv_channels=glm["head_dim"], layernorm_epsilon=glm["rms_norm_eps"],
        multi_query_attention=True, multi_query_group_num=glm["num_key_value_heads"],
        num_attention_heads=glm["num_attention_heads"], num_layers=glm["num_hidden_layers"],
        original_rope=True, padded_vocab_size=glm["vocab_size"], post_layer_norm=True, rmsnorm=True,
        seq_length=glm["max_position_embeddings"], tie_word_embeddings=False, eos_token_id=2,
        pad_token_id=0, torch_dtype="bfloat16",
    )
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return folder


CONVERT = """
import sys
sys.path.insert(0, sys.argv[1]); sys.path.insert(0, sys.argv[1] + "/gguf-py")
import conversion.base as base
import convert_hf_to_gguf as convert
from conversion import get_model_class
def no_vocab(self): self.gguf_writer.add_vocab_size(96)
for kind in base.ModelBase._model_classes.values():
    for cls in kind.values():
        for c in cls.__mro__:
            if "set_vocab" in vars(c): c.set_vocab = no_vocab
import conversion, json
load = base.ModelBase.load_hparams
def load_all(dir_model, *args, **kwargs):
    return {**json.loads((dir_model / "config.json").read_text()), **load(dir_model, *args, **kwargs)}
base.ModelBase.load_hparams = staticmethod(load_all)
real = conversion.get_model_class
def patched(*args, **kwargs):
    cls = real(*args, **kwargs)
    for c in cls.__mro__:
        if "set_vocab" in vars(c): c.set_vocab = no_vocab
    return cls
conversion.get_model_class = patched
convert.get_model_class = patched
sys.argv = ["convert", sys.argv[2], "--outfile", sys.argv[3], "--outtype", "bf16"]
convert.main()
"""


def gguf(llama_cpp: str, folder: Path) -> None:
    out, tokenizer = folder / "model.gguf", folder / "tokenizer.json"
    # Gemma 3's conversion counts the tokens of the tokenizer.
    vocab = {str(i): i for i in range(SHAPE["vocab_size"])}
    tokenizer.write_text(json.dumps({"model": {"vocab": vocab}, "added_tokens": []}))
    done = subprocess.run(
        [sys.executable, "-c", CONVERT, llama_cpp, str(folder), str(out)], capture_output=True, text=True
    )
    tokenizer.unlink()
    if done.returncode:
        print(folder.name, "not converted:", done.stderr.strip().splitlines()[-1:])
        out.unlink(missing_ok=True)


if __name__ == "__main__":
    only = sys.argv[2:]
    folders = [make(name, *family) for name, family in FAMILIES.items() if not only or name in only]
    if not only or "glm" in only:
        folders.append(chatglm())
    for folder in folders:
        if folder.name not in NO_GGUF:
            gguf(sys.argv[1], folder)
    (HERE / "PROVENANCE_families").write_text(
        f"make_families.py, seed {SEED}; torch {torch.__version__}, transformers "
        f"{transformers.__version__}, converter of llama.cpp as in llama-cpp-python 0.3.36\n"
    )
