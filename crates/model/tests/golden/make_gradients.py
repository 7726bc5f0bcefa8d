"""Makes the golden gradients of all tiny checkpoints in `families/` and `encoders/`.

    python make_gradients.py

Reads the checkpoints beside this script, computes losses and gradients with `transformers` (and PEFT)
in f64 by torch's autograd, and writes `gradients/decoders.json`, `gradients/padding.json`,
`gradients/lora.json`, `gradients/heads.json` and `gradients/encoders.json`. Of each tensor they hold its norm and its
projections on two vectors of signs, under the name and in the form that our loader gives it: fused
matrices are cut, transposed ones turned. Signs and random values are those of splitmix64, which the
tests draw again. Versions are written to PROVENANCE_gradients.
"""

import json
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import peft
import torch
import transformers
from transformers import (
    AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification,
    AutoModelForTokenClassification)

HERE = Path(__file__).parent
SEED = 20261129
torch.manual_seed(SEED)
torch.set_default_dtype(torch.float64)
transformers.utils.logging.disable_progress_bar()

DECODERS = [
    "deepseek_v2", "deepseek_v2_lite", "gemma", "gemma2", "gemma2_scalar", "gemma3", "glm", "glm4", "gpt2", "gpt_neox",
    "gpt_neox_sequential", "granite", "llama", "llama_bias", "mistral", "mistral_window", "mixtral",
    "olmo2", "phi3", "phi4", "qwen2", "qwen3", "qwen3_moe", "smollm3", "starcoder2",
    "starcoder2_window",
]
LENGTHS = [13, 1, 22, 9]
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SHAPE = dict(r=4, lora_alpha=6.0, lora_dropout=0.0, bias="none", task_type="CAUSAL_LM")


def pairs(targets, **more):
    return lambda: peft.LoraConfig(target_modules=targets, **SHAPE, **more)


def vectors(targets, inputs):
    return lambda: peft.IA3Config(target_modules=targets, feedforward_modules=inputs, task_type="CAUSAL_LM")


PHI3 = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
NEOX = ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]
GPT2 = ["c_attn", "c_proj", "c_fc"]
GLM = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_up_proj", "down_proj"]
LATENT = ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"]
# Name: family, adapter.
ADAPTERS = {
    "llama": ("llama", pairs(ALL)),
    "qwen3": ("qwen3", pairs(ALL)),
    "gemma3": ("gemma3", pairs(ALL)),
    "olmo2": ("olmo2", pairs(["q_proj", "k_proj", "v_proj", "down_proj"])),
    "starcoder2": ("starcoder2", pairs(["q_proj", "c_fc", "c_proj"])),
    "phi3": ("phi3", pairs(PHI3)),
    "phi3_dora": ("phi3", pairs(PHI3, use_dora=True)),
    "phi3_ia3": ("phi3", vectors(["qkv_proj", "gate_up_proj", "down_proj"], ["down_proj"])),
    "phi3_norms": ("phi3", pairs(["qkv_proj"], modules_to_save=["norm"])),
    "gpt_neox": ("gpt_neox", pairs(NEOX)),
    "gpt_neox_dora": ("gpt_neox", pairs(["query_key_value", "dense_4h_to_h"], use_dora=True)),
    "gpt_neox_ia3": ("gpt_neox", lambda: peft.IA3Config(task_type="CAUSAL_LM")),
    "gpt2": ("gpt2", pairs(GPT2, fan_in_fan_out=True)),
    "gpt2_dora": ("gpt2", pairs(GPT2, fan_in_fan_out=True, use_dora=True)),
    "gpt2_ia3": ("gpt2", lambda: peft.IA3Config(task_type="CAUSAL_LM", fan_in_fan_out=True)),
    "gpt2_norms": ("gpt2", pairs(["c_attn"], fan_in_fan_out=True, modules_to_save=["ln_f", "wpe"])),
    "glm": ("glm", pairs(GLM)),
    "glm4": ("glm4", pairs(GLM)),
    "mixtral": ("mixtral", pairs(["q_proj", "k_proj", "v_proj", "o_proj", "gate", "w1", "w2", "w3"])),
    "mixtral_ia3": ("mixtral", vectors(["k_proj", "v_proj", "gate", "w1", "w2"], ["w2"])),
    "mixtral_gate": ("mixtral", pairs(["v_proj", "w2"], modules_to_save=["gate"])),
    "qwen3_moe": ("qwen3_moe", pairs(ALL)),
    "qwen3_moe_dora": ("qwen3_moe", pairs(["q_proj", "gate", "gate_proj", "down_proj"], use_dora=True)),
    "deepseek_v2": ("deepseek_v2", pairs([*LATENT, "gate_proj", "up_proj", "down_proj"])),
    "deepseek_v2_lite": ("deepseek_v2_lite", pairs(["q_proj", "kv_b_proj", "gate"])),
    "deepseek_v2_dora": ("deepseek_v2", pairs(LATENT, use_dora=True)),
    "deepseek_v2_ia3": ("deepseek_v2", vectors(["q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj"], ["kv_b_proj"])),
    "deepseek_v2_whole": ("deepseek_v2", pairs(["q_a_proj"], modules_to_save=["kv_a_layernorm", "kv_b_proj"])),
    "gemma2_norms": ("gemma2", pairs(["q_proj"], modules_to_save=["norm", "pre_feedforward_layernorm"])),
}
# What a reader needs of PEFT's configuration.
SAID = [
    "peft_type", "task_type", "r", "lora_alpha", "target_modules", "feedforward_modules", "fan_in_fan_out",
    "use_dora", "modules_to_save",
]
HEADS = {"llama": ["sequence", "token", "vector"], "gemma3": ["sequence"], "gpt_neox": ["vector"]}
HEAD_LABELS = 3
# name: (head, pooling of vectors)
ENCODERS = {
    "bert": ["mean", "first"],
    "roberta": ["mean"],
    "xlm_roberta": ["mean"],
    "camembert": ["mean"],
    "modernbert": ["mean", "first"],
    "embed_mean": ["mean"],
    "bert_sequence": ["sequence"],
    "bert_cross_encoder": ["sequence"],
    "bert_tokens": ["token"],
    "roberta_cross_encoder": ["sequence"],
    "roberta_tokens": ["token"],
    "xlm_roberta_sequence": ["sequence"],
    "xlm_roberta_cross_encoder": ["sequence"],
    "modernbert_sequence": ["sequence"],
    "modernbert_cross_encoder": ["sequence"],
    "modernbert_tokens": ["token"],
}


def splitmix64(seed: int, count: int) -> np.ndarray:
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, count + 1, dtype=np.uint64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def signs(seed: int, count: int) -> np.ndarray:
    return 1.0 - 2.0 * (splitmix64(seed, count) >> np.uint64(63)).astype(np.float64)


def uniform(seed: int, shape) -> torch.Tensor:
    """Within -1 and 1, exact in f32."""
    bits = splitmix64(seed, int(np.prod(shape))) >> np.uint64(40)
    return torch.tensor(bits.astype(np.float64) / 2**23 - 1.0).reshape(tuple(shape))


def seed_of(name: str) -> int:
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) % 2**64
    return seed


def digest(gradient: torch.Tensor) -> list[float]:
    flat = gradient.detach().double().numpy().reshape(-1)
    return [float(np.linalg.norm(flat)), *(float(flat @ signs(seed, flat.size)) for seed in (1, 2))]


# Parts of names that `transformers` calls otherwise than our loader.
RENAMED = {
    "gemma2": [
        ("post_attention_layernorm", "post_self_attn_layernorm"),
        ("pre_feedforward_layernorm", "post_attention_layernorm"),
        ("post_feedforward_layernorm", "post_mlp_layernorm")],
    "olmo2": [
        ("post_attention_layernorm", "post_self_attn_layernorm"),
        ("post_feedforward_layernorm", "post_mlp_layernorm")],
    "starcoder2": [("mlp.c_fc", "mlp.up_proj"), ("mlp.c_proj", "mlp.down_proj")],
    "gpt2": [
        ("transformer.wte", "model.embed_tokens"), ("transformer.wpe", "model.embed_positions"),
        ("transformer.ln_f", "model.norm"), ("transformer.h", "model.layers"),
        ("ln_1", "input_layernorm"), ("ln_2", "post_attention_layernorm"),
        ("mlp.c_fc", "mlp.up_proj"), ("mlp.c_proj", "mlp.down_proj"),
        ("attn.c_proj", "self_attn.o_proj"), ("attn.c_attn", "self_attn.qkv_proj")],
    "gpt_neox": [
        ("gpt_neox.embed_in", "model.embed_tokens"), ("gpt_neox.final_layer_norm", "model.norm"),
        ("embed_out", "lm_head"), ("gpt_neox.layers", "model.layers"),
        ("attention.query_key_value", "self_attn.qkv_proj"),
        ("attention.dense", "self_attn.o_proj"), ("mlp.dense_h_to_4h", "mlp.up_proj"),
        ("mlp.dense_4h_to_h", "mlp.down_proj")],
}
RENAMED["gemma3_text"] = RENAMED["gemma2"]


def ours(name: str, model_type: str) -> str:
    for theirs, own in RENAMED.get(model_type, []):
        if theirs in name:
            name = name.replace(theirs, own)
            # A name has one norm: the new name may contain the old name of another.
            if "norm" in own:
                break
    return name


def parts(name: str, gradient: torch.Tensor, config) -> dict[str, torch.Tensor]:
    """Our loader's tensors of one of `transformers`."""
    name = ours(name, config.model_type)
    if config.model_type == "gpt2" and gradient.dim() == 2 and "embed" not in name:
        gradient = gradient.T
    if "qkv_proj" in name:
        heads = config.num_attention_heads
        if config.model_type == "gpt_neox":
            by_head = gradient.reshape(heads, 3, -1, *gradient.shape[1:])
            cut = [by_head[:, i].reshape(-1, *gradient.shape[1:]) for i in range(3)]
        else:
            width = getattr(config, "head_dim", None) or config.hidden_size // heads
            groups = heads if config.model_type == "gpt2" else config.num_key_value_heads
            cut = gradient.split([heads * width, groups * width, groups * width])
        return {name.replace("qkv_proj", f"{part}_proj"): cut[i] for i, part in enumerate("qkv")}
    if ".experts." in name:
        found = {}
        for expert, own in enumerate(gradient):
            part = lambda kind: name.replace(".experts.", f".experts.{expert}.").replace(*kind) + ".weight"
            if "gate_up_proj" in name:
                found[part(("gate_up", "gate"))], found[part(("gate_up", "up"))] = own.chunk(2)
            else:
                found[part(("", ""))] = own
        return found
    if "gate_up_proj" in name:
        gate, up = gradient.chunk(2)
        return {name.replace("gate_up", "gate"): gate, name.replace("gate_up", "up"): up}
    return {name: gradient}


def digests(model, config, names=lambda name: name) -> dict:
    out = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter.grad is not None:
            for part, gradient in parts(names(name), parameter.grad, config).items():
                out[part] = digest(gradient)
    return dict(sorted(out.items()))


def load(kind, folder: Path, **kwargs):
    model = kind.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager", **kwargs)
    if getattr(model.config, "num_experts", None) or hasattr(model.config, "num_local_experts"):
        model.set_experts_implementation("eager")
    return model.eval()


class Expert(torch.nn.Module):
    def __init__(self, block, idx: int, names: list):
        super().__init__()
        gate, up = block.experts.gate_up_proj[idx].chunk(2)
        self.names, self.act = names, block.experts.act_fn
        for name, weight in zip(names, [gate, up, block.experts.down_proj[idx]]):
            setattr(self, name, linear(weight))

    def forward(self, x):
        gate, up, down = (getattr(self, name) for name in self.names)
        return down(self.act(gate(x)) * up(x))


class Apart(torch.nn.Module):
    """Experts with a module for each projection, as before transformers 5, which PEFT's keys are from."""

    def __init__(self, block, names: list):
        super().__init__()
        self.router, self.gate = [block.gate], linear(block.gate.weight)
        count = range(len(block.experts.down_proj))
        self.experts = torch.nn.ModuleList(Expert(block, idx, names) for idx in count)
        self.shared_experts = getattr(block, "shared_experts", None)

    def choose(self, probs):
        router = self.router[0]
        if getattr(router, "topk_method", "greedy") == "group_limited_greedy":
            groups = probs.unflatten(-1, (router.num_group, -1))
            best = groups.amax(-1).topk(router.topk_group, -1).indices
            among = torch.zeros_like(groups[..., 0]).scatter(-1, best, 1.0)
            probs = (groups * among[..., None]).flatten(-2)
        weights, chosen = probs.topk(router.top_k, -1)
        if getattr(router, "norm_topk_prob", not hasattr(router, "topk_method")):
            weights = weights / weights.sum(-1, keepdim=True)
        return weights * getattr(router, "routed_scaling_factor", 1.0), chosen

    def forward(self, hidden):
        x = hidden.flatten(0, 1)
        weights, chosen = self.choose(self.gate(x).softmax(-1))
        out = torch.zeros_like(x) if self.shared_experts is None else self.shared_experts(x)
        for idx, expert in enumerate(self.experts):
            rows, at = torch.where(chosen == idx)
            if len(rows):
                out = out.index_add(0, rows, weights[rows, at, None] * expert(x[rows]))
        return out.view_as(hidden)


def linear(weight: torch.Tensor) -> torch.nn.Linear:
    module = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    module.weight = torch.nn.Parameter(weight.detach().double().clone())
    return module


def apart(model):
    """The model with its experts as modules, which must give the same."""
    usual = ["gate_proj", "up_proj", "down_proj"]
    names = dict(mixtral=["w1", "w3", "w2"], qwen3_moe=usual, deepseek_v2=usual)
    names = names.get(model.config.model_type)
    if names:
        tokens = torch.arange(3, 60)[None]
        before = model(tokens).logits
        for layer in model.model.layers:
            if hasattr(layer.mlp, "experts"):
                layer.mlp = Apart(layer.mlp, names)
        off = (model(tokens).logits - before).abs().max() / before.abs().max()
        assert off < 1e-6, off
    return model


def decoder_batch() -> dict:
    """Sequences with their own labels; some positions have none, one sequence has none at all."""
    generator = torch.Generator().manual_seed(SEED)
    draw = lambda count: torch.randint(3, 96, (count,), generator=generator).tolist()
    tokens, labels, starts = [], [], []
    for length in LENGTHS:
        starts.append(len(tokens))
        sequence = draw(length)
        following = [*sequence[1:], 2]
        tokens += sequence
        labels += [None if i % 4 == 1 or length == 1 else following[i] for i in range(length)]
    return {"tokens": tokens, "labels": labels, "seq_starts": starts}


def padded(batch: dict):
    starts = [*batch["seq_starts"], len(batch["tokens"])]
    longest = max(b - a for a, b in zip(starts, starts[1:]))
    ids = torch.zeros(len(starts) - 1, longest, dtype=torch.long)
    labels = torch.full_like(ids, -100)
    for row, (a, b) in enumerate(zip(starts, starts[1:])):
        ids[row, : b - a] = torch.tensor(batch["tokens"][a:b])
        wanted = [-100 if label is None else label for label in batch["labels"][a:b]]
        labels[row, : b - a] = torch.tensor(wanted)
    return ids, labels


def language_loss(model, batch: dict) -> torch.Tensor:
    ids, labels = padded(batch)
    # Without a mask: nothing looks back from the padding behind a sequence, and rows of a window
    # that saw padding only would not be numbers.
    logits = model(input_ids=ids, use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)


def decoders() -> dict:
    batch, out = decoder_batch(), {}
    for name in DECODERS:
        model = load(AutoModelForCausalLM, HERE / "families" / name)
        loss = language_loss(model, batch)
        loss.backward()
        out[name] = {"loss": loss.item(), "tensors": digests(model, model.config)}
        print(name, loss.item(), len(out[name]["tensors"]))
    return {"batch": batch, "models": out}


PADDED = ["llama", "gpt2", "gpt_neox"]


def padding() -> dict:
    """Gradients of the table where one of the batch's tokens is the one of empty places."""
    batch, out = decoder_batch(), {}
    for name in PADDED:
        model = load(AutoModelForCausalLM, HERE / "families" / name, pad_token_id=batch["tokens"][3])
        loss = language_loss(model, batch)
        loss.backward()
        tensors = digests(model, model.config)
        tables = {key: tensors[key] for key in tensors if "embed_tokens" in key}
        out[name] = {"loss": loss.item(), "tensors": tables}
        print(name, "padding", loss.item())
    return {"batch": batch, "models": out}


# PEFT would take pairs of experts for those of one parameter.
AS_THEY_ARE = mock.patch(
    "peft.utils.transformers_weight_conversion.convert_peft_config_for_transformers", lambda *a, **k: None
)


def saved_key(full: str, model_type: str) -> str:
    """The key of a trained tensor in PEFT's files."""
    key = full.replace(".default", "").replace(".modules_to_save", "")
    if model_type == "mixtral":
        key = key.replace(".mlp.", ".block_sparse_moe.")
    return key.removesuffix(".weight") if key.endswith("lora_magnitude_vector.weight") else key


def said(config) -> dict:
    values = {key: getattr(config, key, None) for key in SAID}
    plain = lambda value: sorted(value) if isinstance(value, (set, list)) else value
    return {key: plain(value) for key, value in values.items() if value is not None}


def lora() -> dict:
    batch, out = decoder_batch(), {}
    for name, (family, adapter) in ADAPTERS.items():
        model = apart(load(AutoModelForCausalLM, HERE / "families" / family))
        kind = model.config.model_type
        with AS_THEY_ARE:
            model = peft.get_peft_model(model, adapter())
        model = model.double().eval()
        trained = {saved_key(full, kind): p for full, p in model.named_parameters() if p.requires_grad}
        with torch.no_grad():
            for key, parameter in trained.items():
                parameter.copy_(0.2 * uniform(seed_of(key), parameter.shape))
        loss = language_loss(model, batch)
        loss.backward()
        out[name] = {
            "family": family, "config": said(model.peft_config["default"]), "loss": loss.item(),
            "shapes": {key: list(p.shape) for key, p in sorted(trained.items())},
            "tensors": {key: digest(p.grad) for key, p in sorted(trained.items())},
        }
        print(name, "adapter", loss.item(), len(trained))
    return {"batch": batch, "models": out}


def weigh(outputs: torch.Tensor) -> torch.Tensor:
    """A loss whose derivative by the outputs is the same random vector in every test."""
    return (uniform(7, outputs.shape) * outputs).sum()


def heads() -> dict:
    """Heads on decoders: the last token's, or each labelled token's; their tensors are random."""
    batch, out = decoder_batch(), {}
    starts = [*batch["seq_starts"], len(batch["tokens"])]
    for name, kinds in HEADS.items():
        for kind in kinds:
            loader = {
                "sequence": AutoModelForSequenceClassification,
                "token": AutoModelForTokenClassification,
                "vector": AutoModelForCausalLM,
            }[kind]
            config = AutoConfig.from_pretrained(HERE / "families" / name)
            more = {} if kind == "vector" else {"num_labels": HEAD_LABELS}
            model = load(loader, HERE / "families" / name, **more)
            with torch.no_grad():
                for full, parameter in model.named_parameters():
                    if full.startswith("score"):
                        parameter.copy_(0.2 * uniform(seed_of(full), parameter.shape))
            rows = []
            for a, b in zip(starts, starts[1:]):
                ids = torch.tensor([batch["tokens"][a:b]])
                if kind == "sequence":
                    rows.append(model(input_ids=ids, use_cache=False).logits[0])
                elif kind == "token":
                    logits = model(input_ids=ids, use_cache=False).logits[0]
                    rows += [logits[i] for i in range(b - a) if batch["labels"][a + i] is not None]
                else:
                    rows.append(model.base_model(input_ids=ids, use_cache=False).last_hidden_state[0, -1])
            outputs = torch.stack(rows)
            weigh(outputs).backward()
            out[f"{name}/{kind}"] = {
                "outputs": digest(outputs), "tensors": digests(model, config)}
            print(name, kind, tuple(outputs.shape), len(out[f"{name}/{kind}"]["tensors"]))
    return {"batch": batch, "labels": HEAD_LABELS, "models": out}


def encoder_batch() -> dict:
    generator = torch.Generator().manual_seed(SEED)
    draw = lambda count: torch.randint(5, 190, (count,), generator=generator).tolist()
    batch = {"tokens": [], "labels": [], "seq_starts": [], "token_types": []}
    for length in [11, 1, 27, 6]:
        batch["seq_starts"].append(len(batch["tokens"]))
        batch["tokens"] += draw(length)
        batch["labels"] += [None if i % 3 == 0 else 0 for i in range(length)]
        batch["token_types"] += [int(i > length // 2) for i in range(length)]
    return batch


def encoders() -> dict:
    batch, out = encoder_batch(), {}
    starts = [*batch["seq_starts"], len(batch["tokens"])]
    for name, kinds in ENCODERS.items():
        for kind in kinds:
            loader = {
                "sequence": AutoModelForSequenceClassification, "token": AutoModelForTokenClassification,
            }.get(kind, AutoModel)
            model = load(loader, HERE / "encoders" / name)
            typed = model.config.model_type == "bert"
            rows = []
            for a, b in zip(starts, starts[1:]):
                ids = torch.tensor([batch["tokens"][a:b]])
                more = {"token_type_ids": torch.tensor([batch["token_types"][a:b]])} if typed else {}
                result = model(input_ids=ids, attention_mask=torch.ones_like(ids), **more)
                if kind == "sequence":
                    rows.append(result.logits[0])
                elif kind == "token":
                    rows += [
                        result.logits[0, i] for i in range(b - a) if batch["labels"][a + i] is not None]
                elif kind == "first":
                    rows.append(result.last_hidden_state[0, 0])
                else:
                    rows.append(result.last_hidden_state[0].mean(0))
            outputs = torch.stack(rows)
            weigh(outputs).backward()
            tensors = {
                full: digest(p.grad) for full, p in model.named_parameters() if p.grad is not None}
            out[f"{name}/{kind}"] = {
                "width": outputs.shape[1], "outputs": digest(outputs),
                "tensors": dict(sorted(tensors.items()))}
            print(name, kind, tuple(outputs.shape), len(tensors))
    return {"batch": batch, "models": out}


def write(name: str, value: dict) -> None:
    """One line a tensor."""
    text = json.dumps(value, indent=1)
    text = text.replace("[\n     ", "[").replace(",\n     ", ", ").replace("\n    ]", "]")
    (HERE / "gradients" / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    (HERE / "gradients").mkdir(exist_ok=True)
    jobs = {"decoders": decoders, "padding": padding, "lora": lora, "heads": heads, "encoders": encoders}
    for name in sys.argv[1:] or jobs:
        write(name, jobs[name]())
    (HERE / "PROVENANCE_gradients").write_text(
        f"make_gradients.py, seed {SEED}; torch {torch.__version__}, transformers "
        f"{transformers.__version__}, peft {peft.__version__}\n")
