"""Makes the golden values of the forward passes: logits of decoders, embeddings of the encoder.

    python make_forward.py MODELS

MODELS holds `smollm2-135m-instruct.q4_1.gguf` and `all-minilm-l6-v2/`. Writes beside this script:

- `tiny_llama/`: a random 2-layer Llama (f32) with the logits of `transformers` for two sequences,
  with keys and values as they are (`logits_*`) and rounded to bf16 (`logits_bf16_cache_*`).
- `smollm2_forward.safetensors`: tokens of four texts and, per position, the 128 most likely next
  tokens with their log-probabilities, from `transformers` in f32 on the dequantized GGUF weights.
  (Texts that the model half remembers, such as an altered licence, are no good yardstick: rounding
  activations to 8 bits inside `transformers` itself moves those by a mean KL of 0.02, others by 0.003.)
- `minilm_forward.safetensors`: token ids of texts and their `sentence-transformers` embeddings.

Versions are written to PROVENANCE_forward.
"""

import sys
from pathlib import Path

import sentence_transformers
import torch
import transformers
from safetensors.torch import save_file
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
)
from transformers.masking_utils import eager_mask
from transformers.models.llama.modeling_llama import eager_attention_forward

HERE = Path(__file__).parent
SEED = 20261123
TOP = 128
TOKENS = 88

TEXTS = [
    "To open a savings account you need a valid identity document and proof of your address that "
    "is not older than three months. The account has no monthly fee as long as the balance stays "
    "above five hundred euros; below that, a fee of two euros is charged on the last business day "
    "of the month. Interest is calculated daily and paid once a year. You may withdraw money at "
    "any time, but no more than two thousand euros in one calendar month without notice.",
    "Alice was beginning to get very tired of sitting by her sister on the bank, and of having "
    "nothing to do: once or twice she had peeped into the book her sister was reading, but it had "
    "no pictures or conversations in it, and what is the use of a book, thought Alice, without "
    "pictures or conversations? So she was considering in her own mind, as well as she could, for "
    "the hot day made her feel very sleepy and stupid, whether the pleasure of making a "
    "daisy-chain would be worth the trouble of getting up and picking the daisies.",
    "<|im_start|>user\nMy debit card was stolen yesterday while I was travelling. How do I block "
    "it, and how long does a replacement take?<|im_end|>\n<|im_start|>assistant\nI am sorry to "
    "hear that your card was stolen. You can block it at once in the mobile app under Cards, or "
    "by calling our support line, which is open day and night. A replacement card is sent to the "
    "address on your account within five to seven business days.<|im_end|>\n",
    "def quicksort(values: list[int]) -> list[int]:\n    if len(values) <= 1:\n        return "
    "values\n    pivot = values[len(values) // 2]\n    left = [v for v in values if v < pivot]\n"
    "    middle = [v for v in values if v == pivot]\n    right = [v for v in values if v > pivot]\n"
    "    return quicksort(left) + middle + quicksort(right)\n\n\nif __name__ == \"__main__\":\n"
    "    print(quicksort([3, 6, 8, 10, 1, 2, 1]))\n",
]

SENTENCES = [
    "How do I block a stolen debit card?",
    "Replacement cards are sent within five to seven business days.",
    "The weather in Lisbon is mild in November.",
    "What is the fee for an international wire transfer?",
    "",
    "a",
    "Überweisungen ins Ausland kosten 15 €.",
    "银行卡丢失后应该怎么办？",
    "To dispute a charge, open the transaction, choose \"Report a problem\" and follow the steps; "
    "we answer within ten business days, and a provisional credit may be issued meanwhile.",
    TEXTS[1],
    " ".join(TEXTS),
    "quick brown fox " * 200,
]


def bf16_cache_attention(module, query, key, value, mask, **kwargs):
    key, value = key.bfloat16().float(), value.bfloat16().float()
    return eager_attention_forward(module, query, key, value, mask, **kwargs)


AttentionInterface.register("bf16_cache", bf16_cache_attention)
AttentionMaskInterface.register("bf16_cache", eager_mask)


def tiny_llama() -> None:
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=96, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=64, max_position_embeddings=512,
        rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=False, initializer_range=0.1,
        bos_token_id=1, eos_token_id=2, torch_dtype="float32",
    )
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
    folder = HERE / "tiny_llama"
    folder.mkdir(exist_ok=True)
    config.save_pretrained(folder)
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    out = {}
    for i, length in enumerate([75, 20]):
        tokens = torch.randint(0, config.vocab_size, (1, length))
        for name, attention in [("logits", "eager"), ("logits_bf16_cache", "bf16_cache")]:
            model.set_attn_implementation(attention)
            with torch.no_grad():
                out[f"{name}_{i}"] = model(tokens).logits[0].contiguous()
        out[f"tokens_{i}"] = tokens[0].to(torch.int32)
    save_file(out, folder / "forward.safetensors")


def smollm2(models: Path) -> None:
    name = "smollm2-135m-instruct.q4_1.gguf"
    tokenizer = AutoTokenizer.from_pretrained(models, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(models, gguf_file=name, dtype=torch.float32)
    tokens, ids, log_probs = [], [], []
    for text in TEXTS:
        t = tokenizer(text, return_tensors="pt").input_ids[:, :TOKENS]
        assert t.shape[1] == TOKENS, t.shape
        with torch.no_grad():
            log_p = model.eval()(t).logits[0].log_softmax(-1)
        top = log_p.topk(TOP)
        tokens.append(t[0].to(torch.int32))
        ids.append(top.indices.to(torch.int32))
        log_probs.append(top.values)
    save_file(
        {"tokens": torch.stack(tokens), "ids": torch.stack(ids), "log_probs": torch.stack(log_probs)},
        HERE / "smollm2_forward.safetensors",
    )


def minilm(models: Path) -> None:
    model = sentence_transformers.SentenceTransformer(
        str(models / "all-minilm-l6-v2"), device="cpu", model_kwargs={"dtype": torch.float32}
    )
    embeddings = torch.tensor(model.encode(SENTENCES))
    tokenizer = AutoTokenizer.from_pretrained(models / "all-minilm-l6-v2")
    out = {"embeddings": embeddings.contiguous()}
    for i, text in enumerate(SENTENCES):
        out[f"tokens_{i:02}"] = torch.tensor(tokenizer(text).input_ids, dtype=torch.int32)
    save_file(out, HERE / "minilm_forward.safetensors")
    print({name: len(t) for name, t in out.items()}, model.max_seq_length)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    tiny_llama()
    smollm2(folder)
    minilm(folder)
    (HERE / "PROVENANCE_forward").write_text(
        f"make_forward.py, seed {SEED}; torch {torch.__version__}, transformers "
        f"{transformers.__version__}, sentence-transformers {sentence_transformers.__version__}\n"
    )
