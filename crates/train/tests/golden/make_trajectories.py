"""Makes loss curves of twenty steps with the trainers of transformers, TRL and sentence-transformers.

    python make_trajectories.py [RUN ...]

Each run starts from a tiny checkpoint of `crates/model/tests/golden`, takes its samples in order and
ends in `trajectories.json`: the samples (in our form, labels at the position that predicts them), and
of each run the losses and the gradient norms of all steps. The trainers are the libraries' own with
shuffling, dropout, mixed precision and auxiliary losses off; what is not theirs is said beside the run. New tensors
(adapters, scores) start from splitmix64 of their names, which the test draws again.
Versions are written to PROVENANCE_trajectories.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["HF_HUB_OFFLINE"] = "1"

import bitsandbytes
import numpy as np
import peft
import sentence_transformers
import tokenizers
import torch
import transformers
import trl
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments)
from sentence_transformers.cross_encoder import (
    CrossEncoder, CrossEncoderTrainer, CrossEncoderTrainingArguments)
from sentence_transformers.cross_encoder.losses import (
    BinaryCrossEntropyLoss, ListNetLoss, RankNetLoss)
from sentence_transformers.sentence_transformer.losses import (
    CoSENTLoss, CosineSimilarityLoss, MultipleNegativesRankingLoss, TripletLoss)
from transformers import (
    AutoModelForCausalLM, AutoModelForSequenceClassification, AutoModelForTokenClassification,
    PreTrainedTokenizerFast, Trainer, TrainingArguments)
from transformers.trainer_pt_utils import get_parameter_names
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

HERE = Path(__file__).parent
MODELS = HERE.parents[2] / "model" / "tests" / "golden"
WORK = Path(tempfile.mkdtemp())
SEED = 20261129
STEPS = 20
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
QUERIES = ["query", "key", "value", "attention.output.dense"]
LATENT = ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"]
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def splitmix64(seed: int, count: int) -> np.ndarray:
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, count + 1, dtype=np.uint64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(name: str, shape) -> torch.Tensor:
    """Values within -0.1 and 0.1 by the name of a tensor."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) % 2**64
    bits = splitmix64(seed, int(np.prod(shape))) >> np.uint64(40)
    values = (bits.astype(np.float32) / np.float32(2**23) - np.float32(1)) * np.float32(0.1)
    return torch.tensor(values).reshape(tuple(shape))


# --- Samples ---------------------------------------------------------------------------------------

generator = torch.Generator().manual_seed(SEED)


def draw(low: int, high: int, count: int = 1) -> list[int]:
    return torch.randint(low, high, (count,), generator=generator).tolist()


def one(low: int, high: int) -> int:
    return draw(low, high)[0]


def next_labels(tokens: list[int], supervised) -> list:
    """The token that follows each position, where that one is supervised."""
    following = [*tokens[1:], None]
    return [t if i + 1 < len(tokens) and supervised(i + 1) else None for i, t in enumerate(following)]


def row(prompt: list[int], completion: list[int]) -> dict:
    tokens = prompt + completion
    return {"tokens": tokens, "labels": next_labels(tokens, lambda at: at >= len(prompt))}


# Token 0 pads; 1 and 2 begin and end.
SFT = [(draw(3, 96, one(1, 10)), draw(3, 96, one(1, 14)) + [2]) for _ in range(16)]
BLOCKS = [draw(3, 96, 24) for _ in range(8)]
PAIRS = [
    (draw(3, 96, one(1, 8)), draw(3, 96, one(1, 12)) + [2], draw(3, 96, one(1, 12)) + [2])
    for _ in range(8)]
# Prompts of one token: TRL's likelihood of ORPO is over the prompt too, of which nothing is then left.
SHORT_PAIRS = [
    ([1], draw(3, 96, one(1, 12)) + [2], draw(3, 96, one(1, 12)) + [2]) for _ in range(4)]
LIKED = [(draw(3, 96, one(1, 8)), draw(3, 96, one(2, 12)) + [2], bool(i % 3)) for i in range(6)]
MARGINS = [0.0, 0.5, 1.0, 0.25, 0.0, 0.75, 0.1, 0.0]
TEXTS = [(draw(5, 300, one(3, 20)), one(0, 3)) for _ in range(16)]
TAGS = []
for _ in range(16):
    tokens = draw(5, 300, one(3, 20))
    TAGS.append((tokens, [None if one(0, 4) == 0 else one(0, 5) for _ in tokens]))
    TAGS[-1][1][0] = 1


def vocabulary() -> PreTrainedTokenizerFast:
    """Only its ids of special tokens are used."""
    words = {"<pad>": 0, "<s>": 1, "</s>": 2} | {f"t{i}": i for i in range(3, 96)}
    tok = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<pad>"))
    tok.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tok, pad_token="<pad>", bos_token="<s>", eos_token="</s>")


# --- Trainers --------------------------------------------------------------------------------------


class Recorder:
    """Keeps what each micro-step gave and takes samples as they are."""

    def __init__(self, *args, **kwargs):
        self.micro = []
        super().__init__(*args, **kwargs)

    def training_step(self, *args, **kwargs):
        loss = super().training_step(*args, **kwargs)
        self.micro.append(loss.item())
        return loss

    def _prepare_dataset(self, dataset, *_, **__):
        return dataset

    def curve(self) -> dict:
        self.train()
        accumulated = self.args.gradient_accumulation_steps
        losses = [sum(self.micro[i : i + accumulated]) for i in range(0, len(self.micro), accumulated)]
        norms = [line["grad_norm"] for line in self.state.log_history if "grad_norm" in line]
        assert len(losses) == len(norms) == STEPS, (len(losses), len(norms))
        return {"losses": losses, "grad_norms": [float(norm) for norm in norms]}


class Plain(Recorder, Trainer): ...
class Sft(Recorder, trl.SFTTrainer): ...
class Dpo(Recorder, trl.DPOTrainer): ...
class Reward(Recorder, trl.RewardTrainer): ...
class Sentence(Recorder, SentenceTransformerTrainer): ...
class Cross(Recorder, CrossEncoderTrainer): ...


class Kto(Recorder, trl.KTOTrainer):
    def _prepare_dataset(self, dataset, *_, **__):
        # As TRL's own, for a batch of the whole set.
        completions = dataset["completion_ids"]
        return dataset.add_column("KL_completion_ids", [completions[-1], *completions[:-1]])


class OwnRows:
    """Rows of ids in the place of tokenized text."""

    def tokenize_row(self, feature, model=None):
        pair = json.loads(feature["prompt"])
        out = {"prompt": "", "chosen": "", "rejected": ""}
        for kind, completion in zip(("chosen", "rejected"), pair[1:]):
            ids = pair[0] + completion
            out[f"{kind}_input_ids"] = ids
            out[f"{kind}_attention_mask"] = [1] * len(ids)
            out[f"{kind}_labels"] = [-100] * len(pair[0]) + completion
        out["prompt_input_ids"] = pair[0]
        out["prompt_attention_mask"] = [1] * len(pair[0])
        return out


class Cpo(Recorder, OwnRows, CPOTrainer): ...
class Orpo(Recorder, OwnRows, ORPOTrainer): ...


def settings(rate: float, batch: int, accumulated: int = 1, **more) -> dict:
    return dict(
        output_dir=str(WORK / "run"), max_steps=STEPS, per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulated, learning_rate=rate, weight_decay=0.01,
        lr_scheduler_type="constant", max_grad_norm=1.0, logging_steps=1, save_strategy="no",
        report_to=[], use_cpu=True, bf16=False, fp16=False, gradient_checkpointing=False,
        disable_tqdm=True, seed=SEED, train_sampling_strategy="sequential",
    ) | more


def causal(name: str):
    model = AutoModelForCausalLM.from_pretrained(
        MODELS / name, dtype=torch.float32, attn_implementation="eager")
    if getattr(model.config, "num_experts", None) or hasattr(model.config, "num_local_experts"):
        model.set_experts_implementation("eager")
    return model


def pairs_beside(targets, **more):
    return peft.LoraConfig(
        r=4, lora_alpha=8.0, target_modules=targets, lora_dropout=0.0, bias="none", **more)


def begin(model, prefix=""):
    """Draws the first halves of pairs."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_A" in name:
                parameter.copy_(uniform(prefix + name.replace(".default", ""), parameter.shape))
    return model


def with_lora(model, targets):
    return begin(peft.get_peft_model(model, pairs_beside(targets)))


def last_layer(model):
    """As LLaMA-Factory's `freeze` with one layer and the extra module `norm`."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(".layers.1." in name or name == "model.norm.weight")
    return model


def of_blocks(model, bits: int):
    """Puts what blocks of 32 stand for in the place of the layers' matrices: GGUF's Q8_0 or Q4_0."""
    for name, parameter in model.named_parameters():
        if name.endswith("proj.weight"):
            blocks = parameter.detach().numpy().reshape(-1, 32)
            at = np.abs(blocks).argmax(1)
            largest = blocks[np.arange(len(blocks)), at]
            scale = np.abs(largest) / np.float32(127) if bits == 8 else largest / np.float32(-8)
            inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)
            scaled = blocks * inverse[:, None]
            if bits == 8:
                codes = np.copysign(np.floor(np.abs(scaled) + np.float32(0.5)), scaled)
            else:
                codes = np.minimum(np.trunc(scaled + np.float32(8.5)), 15) - 8
            values = codes * scale.astype(np.float16).astype(np.float32)[:, None]
            parameter.data = torch.tensor(values, dtype=torch.float32).reshape(parameter.shape)
    return model


def sft(
    name: str, rate: float, lora=(), batch=2, accumulated=2, optimizers=None, prepare=None, **more
) -> dict:
    model = causal(name)
    model = prepare(model) if prepare else model
    model = with_lora(model, lora) if lora else model
    data = Dataset.from_dict({
        "input_ids": [prompt + completion for prompt, completion in SFT],
        "labels": [[-100] * len(prompt) + completion for prompt, completion in SFT],
    })
    args = trl.SFTConfig(**settings(rate, batch, accumulated, **more), max_length=None)
    made = (optimizers(model, rate), None) if optimizers else (None, None)
    trainer = Sft(
        model=model, args=args, train_dataset=data, processing_class=vocabulary(), optimizers=made)
    return trainer.curve()


def balanced(name: str) -> dict:
    return sft(name, 2e-3, batch=4, accumulated=1, router_aux_loss_coef=0.05)


def groups(model, decay=0.01) -> list[dict]:
    """As `Trainer.create_optimizer` makes them, without its exceptions for 8 bits."""
    forbidden = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
    names = get_parameter_names(model, [torch.nn.LayerNorm], forbidden)
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    return [
        {"params": [p for n, p in named if n in names], "weight_decay": decay},
        {"params": [p for n, p in named if n not in names], "weight_decay": 0.0}]


def lion(model, rate):
    return bitsandbytes.optim.Lion32bit(groups(model), lr=rate, betas=(0.9, 0.99))


def adamw_8bit(model, rate):
    return bitsandbytes.optim.AdamW8bit(groups(model), lr=rate)


class MuonAndAdamW(torch.optim.Optimizer):
    """torch's Muon for the matrices of layers, and its AdamW for everything else."""

    def __init__(self, model, rate):
        hidden = [p for n, p in model.named_parameters() if ".layers." in n and p.dim() == 2]
        ids = {id(p) for p in hidden}
        rest = [
            {**g, "params": [p for p in g["params"] if id(p) not in ids]} for g in groups(model)]
        self.parts = [
            torch.optim.Muon(hidden, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, lr=rate)]
        super().__init__([{"params": hidden}, *rest], {"lr": rate})

    def step(self, closure=None):
        for part in self.parts:
            part.step()


def muon(job):
    """Runs torch's Muon with its bf16 copy kept in f32; everything else is its own code."""
    import torch.optim._muon as module

    class Torch:
        bfloat16 = torch.float32

        def __getattr__(self, name):
            return getattr(torch, name)

    module.torch = Torch()
    try:
        return job()
    finally:
        module.torch = torch


def eight_bit(job):
    """Sends the rounding of AdamW8bit through bitsandbytes' plain PyTorch code, which picks the nearest
    code, in place of its CPU library, which rounds to one of 65536 steps first."""
    from bitsandbytes.backends.cpu import ops

    library = ops._quant_blockwise_fp32_direct

    def plain(values, code, absmax, out, blocksize):
        codes, scales = torch.ops.bitsandbytes.quantize_blockwise(values.double(), code, blocksize)
        out.copy_(codes)
        absmax.copy_(scales)

    ops._quant_blockwise_fp32_direct = plain
    try:
        return job()
    finally:
        ops._quant_blockwise_fp32_direct = library


def pretrain() -> dict:
    data = [{"input_ids": torch.tensor(block), "labels": torch.tensor(block)} for block in BLOCKS]
    args = TrainingArguments(**settings(2e-3, 2, 2))
    return Plain(model=causal("tiny_llama"), args=args, train_dataset=data).curve()


def pairs_of(pairs) -> Dataset:
    return Dataset.from_dict({
        "prompt_ids": [p for p, _, _ in pairs], "chosen_ids": [w for _, w, _ in pairs],
        "rejected_ids": [l for _, _, l in pairs]})


def dpo(loss, lora=False, accumulated=2, **more) -> dict:
    # The reference's tensors are loaded again from the folder, or are the model without adapters.
    model = causal("tiny_lora")
    args = trl.DPOConfig(
        **settings(1e-3 if lora else 1e-4, 4 // accumulated, accumulated), loss_type=loss, beta=0.1,
        max_length=None, **more)
    trainer = Dpo(
        model=model, args=args, train_dataset=pairs_of(PAIRS), processing_class=vocabulary(),
        peft_config=pairs_beside(TARGETS) if lora else None)
    begin(trainer.model)
    return trainer.curve()


def without_reference(trainer, config, pairs) -> dict:
    rows = [json.dumps(pair) for pair in pairs]
    data = Dataset.from_dict({"prompt": rows, "chosen": [""] * len(rows), "rejected": [""] * len(rows)})
    return trainer(
        model=causal("tiny_lora"), args=config, train_dataset=data, processing_class=vocabulary()
    ).curve()


def simpo() -> dict:
    config = CPOConfig(
        **settings(5e-5, 2, 2), loss_type="simpo", cpo_alpha=0.0, simpo_gamma=0.5, beta=2.0,
        max_length=64, remove_unused_columns=False)
    return without_reference(Cpo, config, PAIRS)


def cpo(**more) -> dict:
    # Its mean over tokens is of a micro-step.
    config = CPOConfig(
        **settings(1e-4, 4), loss_type="sigmoid", beta=0.1, max_length=64,
        remove_unused_columns=False, **more)
    return without_reference(Cpo, config, PAIRS)


def orpo() -> dict:
    config = ORPOConfig(**settings(1e-3, 4), beta=0.2, max_length=64, remove_unused_columns=False)
    return without_reference(Orpo, config, SHORT_PAIRS)


def kto(loss="kto") -> dict:
    # TRL pairs a prompt with the completion before it, we with the one behind it.
    turned = LIKED[::-1]
    data = Dataset.from_dict({
        "prompt_ids": [p for p, _, _ in turned], "completion_ids": [c for _, c, _ in turned],
        "label": [liked for _, _, liked in turned]})
    args = trl.KTOConfig(
        **settings(2e-4, len(LIKED)), beta=0.1, desirable_weight=1.0, undesirable_weight=1.5,
        loss_type=loss, max_length=None)
    return Kto(
        model=causal("tiny_lora"), args=args, train_dataset=data, processing_class=vocabulary()
    ).curve()


def reward() -> dict:
    model = AutoModelForSequenceClassification.from_pretrained(
        MODELS / "tiny_lora", dtype=torch.float32, attn_implementation="eager", num_labels=1)
    with torch.no_grad():
        model.score.weight.copy_(uniform("score.weight", model.score.weight.shape))
    data = Dataset.from_dict({
        "chosen_ids": [p + w for p, w, _ in PAIRS], "rejected_ids": [p + l for p, _, l in PAIRS],
        "margin": MARGINS})
    args = trl.RewardConfig(
        **settings(3e-4, 2, 2), center_rewards_coefficient=0.01, max_length=None)
    return Reward(model=model, args=args, train_dataset=data, processing_class=vocabulary()).curve()


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def padded(rows: list[dict]) -> dict:
    longest = max(len(row["input_ids"]) for row in rows)
    pad = lambda values, with_: values + [with_] * (longest - len(values))
    out = {
        "input_ids": torch.tensor([pad(row["input_ids"], 0) for row in rows]),
        "attention_mask": torch.tensor([pad([1] * len(row["input_ids"]), 0) for row in rows])}
    if isinstance(rows[0]["labels"], list):
        out["labels"] = torch.tensor([pad(row["labels"], -100) for row in rows])
    else:
        out["labels"] = torch.tensor([row["labels"] for row in rows])
    return out


def classify(lora=False) -> dict:
    model = AutoModelForSequenceClassification.from_pretrained(
        MODELS / "encoders/bert_sequence", dtype=torch.float32, attn_implementation="eager")
    if lora:
        # Our head is all that stands behind the trunk, PEFT's the last layer of it.
        config = pairs_beside(QUERIES, task_type="SEQ_CLS", modules_to_save=["pooler", "classifier"])
        model = begin(peft.get_peft_model(model, config))
    data = [{"input_ids": tokens, "labels": label} for tokens, label in TEXTS]
    args = TrainingArguments(**settings(5e-3 if lora else 1e-3, 4), remove_unused_columns=False)
    return Plain(
        model=without_dropout(model), args=args, train_dataset=data, data_collator=padded).curve()


def tags() -> dict:
    model = AutoModelForTokenClassification.from_pretrained(
        MODELS / "encoders/bert_tokens", dtype=torch.float32, attn_implementation="eager")
    data = [
        {"input_ids": tokens, "labels": [-100 if tag is None else tag for tag in labels]}
        for tokens, labels in TAGS]
    args = TrainingArguments(**settings(1e-3, 4), remove_unused_columns=False)
    return Plain(
        model=without_dropout(model), args=args, train_dataset=data, data_collator=padded).curve()


# Each step takes all samples: the order of their random sampler changes nothing then.
TRIPLES = [
    ("How do I block a stolen debit card?", "You can block a card in the app.", "Transfers cost 15."),
    ("What is the fee of a transfer?", "A transfer abroad costs fifteen euros.", "Pay with the app."),
    ("replacement card", "Cards are sent within five business days.", "Dispute a charge online."),
    ("dispute a charge", "Open the transaction and report a problem.", "We answer within ten days."),
    ("银行卡丢失", "请立即挂失您的银行卡。", "A provisional credit may be issued."),
]
RELEVANT = [
    ("block card", "You can block a card in the app.", 1.0), ("block card", "Transfers cost 15.", 0.0),
    ("fee", "A transfer abroad costs fifteen euros.", 1.0), ("fee", "Cards are sent soon.", 0.0),
    ("dispute", "Open the transaction and report a problem.", 0.8), ("dispute", "Hello.", 0.1),
]
# A query, its documents, and how relevant each is.
LISTS = [
    ("block card", ["You can block a card in the app.", "Transfers cost 15.", "Pay with the app."],
     [1.0, 0.0, 0.4]),
    ("fee", ["Cards are sent soon.", "A transfer abroad costs fifteen euros.", "Hello."],
     [0.2, 0.9, 0.2]),
    ("dispute", ["Open the transaction and report a problem.", "We answer within ten days.", "Hello."],
     [0.8, 0.5, 0.1]),
]


def folder(name: str) -> str:
    """With a configuration for the tokenizer, which plain checkpoints lack."""
    work = WORK / name
    shutil.copytree(MODELS / "encoders" / name, work, dirs_exist_ok=True)
    shutil.copy(MODELS / "encoders/embed_mean/tokenizer_config.json", work)
    return str(work)


def embedder():
    return without_dropout(SentenceTransformer(
        folder("embed_mean"), device="cpu",
        model_kwargs={"dtype": torch.float32, "attn_implementation": "eager"}))


def embed(loss=None, columns=("anchor", "positive", "negative"), rows=TRIPLES, lora=False) -> dict:
    model = embedder()
    if lora:
        begin(peft.inject_adapter_in_model(pairs_beside(QUERIES), model[0].auto_model), "base_model.model.")
    data = Dataset.from_dict(dict(zip(columns, map(list, zip(*rows)))))
    more = settings(5e-3 if lora else 1e-3, len(rows))
    del more["train_sampling_strategy"]
    args = SentenceTransformerTrainingArguments(**more)
    loss = loss(model) if loss else MultipleNegativesRankingLoss(model, scale=20.0)
    return Sentence(model=model, args=args, train_dataset=data, loss=loss).curve()


def scored(loss) -> dict:
    return embed(loss, ("sentence1", "sentence2", "score"), RELEVANT)


def crossed():
    model = CrossEncoder(
        folder("bert_cross_encoder"), device="cpu", num_labels=1,
        model_kwargs={"dtype": torch.float32, "attn_implementation": "eager"})
    # As BERT's own tokenizer; the plain class leaves the types out.
    model.tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    return without_dropout(model)


def rerank(loss=BinaryCrossEntropyLoss, rows=RELEVANT) -> dict:
    model = crossed()
    data = Dataset.from_dict(dict(zip(("query", "document", "label"), map(list, zip(*rows)))))
    more = settings(1e-3, len(rows))
    del more["train_sampling_strategy"]
    args = CrossEncoderTrainingArguments(**more)
    return Cross(model=model, args=args, train_dataset=data, loss=loss(model)).curve()


def text_rows(tokenizer, *texts) -> list[dict]:
    encoded = tokenizer(*texts, return_token_type_ids=True)
    return [
        {"tokens": ids, "token_types": types}
        for ids, types in zip(encoded["input_ids"], encoded["token_type_ids"])]


def samples() -> dict:
    tok = embedder().tokenizer
    parts = [text_rows(tok, list(column)) for column in zip(*TRIPLES)]
    queries, documents, relevance = map(list, zip(*RELEVANT))
    sides = [text_rows(tok, queries), text_rows(tok, documents)]
    lists = [text_rows(crossed().tokenizer, [query] * len(texts), texts) for query, texts, _ in LISTS]
    pair = lambda p, w, l: {"chosen": row(p, w), "rejected": row(p, l)}
    return {
        "sft": [row(*sample) for sample in SFT],
        "blocks": [row(block[:1], block[1:]) for block in BLOCKS],
        "pairs": [pair(*p) for p in PAIRS],
        "short_pairs": [pair(*p) for p in SHORT_PAIRS],
        "liked": [{"row": row(p, c), "desirable": liked} for p, c, liked in LIKED],
        "reward": [
            {"chosen": p + w, "rejected": p + l, "margin": m} for (p, w, l), m in zip(PAIRS, MARGINS)],
        "texts": [{"tokens": tokens, "label": label} for tokens, label in TEXTS],
        "tags": [{"tokens": tokens, "labels": labels} for tokens, labels in TAGS],
        "triples": [{"anchor": a, "positive": p, "negative": n} for a, p, n in zip(*parts)],
        "relevant": [
            {"row": r, "relevance": v}
            for r, v in zip(text_rows(crossed().tokenizer, queries, documents), relevance)],
        "scored": [{"a": a, "b": b, "score": s} for a, b, s in zip(*sides, relevance)],
        "lists": [{"rows": rows, "relevance": v} for rows, (_, _, v) in zip(lists, LISTS)],
    }


def warmed(kind: str, **details) -> dict:
    return sft(
        "tiny_lora", 2e-3, warmup_steps=5, lr_scheduler_type=kind, lr_scheduler_kwargs=details)


RUNS = {
    "sft_full": lambda: sft("tiny_llama", 2e-3),
    "sft_lora": lambda: sft("tiny_lora", 5e-3, lora=TARGETS),
    "sft_freeze": lambda: sft("tiny_lora", 2e-3, prepare=last_layer),
    "sft_qlora_q8_0": lambda: sft("tiny_lora", 5e-3, lora=TARGETS, prepare=lambda m: of_blocks(m, 8)),
    "sft_qlora_q4_0": lambda: sft("tiny_lora", 5e-3, lora=TARGETS, prepare=lambda m: of_blocks(m, 4)),
    "sft_warmup": lambda: warmed("constant_with_warmup"),
    "sft_linear": lambda: warmed("linear"),
    "sft_cosine": lambda: warmed("cosine"),
    "sft_restarts": lambda: warmed("cosine_with_restarts", num_cycles=3),
    "sft_min_lr": lambda: warmed("cosine_with_min_lr", min_lr_rate=0.2),
    "sft_inverse_sqrt": lambda: warmed("inverse_sqrt", timescale=4),
    "sft_polynomial": lambda: warmed("polynomial", power=2.5, lr_end=1e-4),
    "sft_wsd": lambda: warmed("warmup_stable_decay", num_decay_steps=8, min_lr_ratio=0.1),
    "sft_adafactor": lambda: sft("tiny_lora", 2e-3, optim="adafactor"),
    "sft_lion": lambda: sft("tiny_lora", 2e-4, optimizers=lion),
    "sft_adamw_8bit": lambda: sft("tiny_lora", 2e-3, optimizers=adamw_8bit),
    "sft_adamw_8bit_nearest": lambda: eight_bit(lambda: sft("tiny_lora", 2e-3, optimizers=adamw_8bit)),
    "sft_muon": lambda: muon(lambda: sft("tiny_lora", 2e-3, optimizers=MuonAndAdamW)),
    "pretrain": pretrain,
    "dpo": lambda: dpo("sigmoid"),
    "dpo_lora": lambda: dpo("sigmoid", lora=True),
    "ipo": lambda: dpo("ipo"),
    "hinge": lambda: dpo("hinge"),
    "robust": lambda: dpo("robust", label_smoothing=0.1),
    "dpo_nll": lambda: dpo(["sigmoid", "sft"], accumulated=1, loss_weights=[1.0, 0.5]),
    "apo_zero": lambda: dpo("apo_zero"),
    "apo_down": lambda: dpo("apo_down"),
    "exo_pair": lambda: dpo("exo_pair", label_smoothing=0.1),
    "nca_pair": lambda: dpo("nca_pair"),
    "sppo_hard": lambda: dpo("sppo_hard"),
    "discopop": lambda: dpo("discopop"),
    "simpo": simpo,
    "cpo": lambda: cpo(cpo_alpha=1.0),
    "cpo_smoothed": lambda: cpo(cpo_alpha=0.0, label_smoothing=0.1),
    "orpo": orpo,
    "kto": kto,
    "kto_apo": lambda: kto("apo_zero_unpaired"),
    "reward": reward,
    "classify": classify,
    "classify_lora": lambda: classify(lora=True),
    "tags": tags,
    "embed": embed,
    "embed_lora": lambda: embed(lora=True),
    "embed_triplet": lambda: embed(lambda model: TripletLoss(model)),
    "embed_cosent": lambda: scored(CoSENTLoss),
    "embed_cosine": lambda: scored(CosineSimilarityLoss),
    "rerank": rerank,
    "rerank_pairwise": lambda: rerank(RankNetLoss, LISTS),
    "rerank_listwise": lambda: rerank(ListNetLoss, LISTS),
    "sft_mixtral": lambda: sft("families/mixtral", 2e-3, router_aux_loss_coef=0.0),
    "sft_qwen3_moe": lambda: sft("families/qwen3_moe", 2e-3, router_aux_loss_coef=0.0),
    "sft_deepseek_v2": lambda: sft("families/deepseek_v2", 2e-3),
    "sft_deepseek_v2_lite": lambda: sft("families/deepseek_v2_lite", 2e-3),
    "sft_deepseek_v2_lora": lambda: sft("families/deepseek_v2", 5e-3, lora=LATENT),
    "balanced_mixtral": lambda: balanced("families/mixtral"),
    "balanced_qwen3_moe": lambda: balanced("families/qwen3_moe"),
}


def text(golden: dict) -> str:
    """One line a sample and a curve."""
    lines = lambda values: ",\n".join(f"  {json.dumps(value)}" for value in values)
    sets = ",\n".join(f' "{name}": [\n{lines(rows)}\n ]' for name, rows in golden["samples"].items())
    runs = ",\n".join(f' "{name}": {json.dumps(run)}' for name, run in golden["runs"].items())
    return f'{{"samples": {{\n{sets}\n}},\n"runs": {{\n{runs}\n}}}}\n'


if __name__ == "__main__":
    path = HERE / "trajectories.json"
    names = sys.argv[1:] or list(RUNS)
    runs = json.loads(path.read_text())["runs"] if sys.argv[1:] and path.exists() else {}
    runs = {name: run for name, run in runs.items() if name in RUNS}
    golden = {"samples": samples(), "runs": runs}
    for name in names:
        runs[name] = RUNS[name]()
        losses = runs[name]["losses"]
        print(f"{name}: {losses[0]:.5f} to {losses[-1]:.5f}", file=sys.stderr, flush=True)
        path.write_text(text(golden))
    shutil.rmtree(WORK)
    (HERE / "PROVENANCE_trajectories").write_text(
        f"make_trajectories.py, seed {SEED}; torch {torch.__version__}, transformers "
        f"{transformers.__version__}, trl {trl.__version__}, peft {peft.__version__}, "
        f"sentence-transformers {sentence_transformers.__version__}, bitsandbytes "
        f"{bitsandbytes.__version__}\n")
