"""Makes bpe.json: a byte-level BPE vocabulary as the `tokenizers` package learns it, and the ids that
transformers gives with it.

    python make_bpe.py OUT

OUT is this folder. The texts are those of smollm2_tokens.json.
"""

import json
import sys
import tempfile
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers, processors, trainers
from tokenizers.models import BPE
from transformers import AutoTokenizer

VOCAB_SIZE = 400
BOS, EOS, PAD = "<|begin_of_text|>", "<|end_of_text|>", "<|pad|>"
SPECIAL = [BOS, EOS, PAD, "<|im_start|>", "<|im_end|>"]
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONFIG = {
    "bos_token": BOS,
    "eos_token": EOS,
    "pad_token": PAD,
    "add_prefix_space": False,
    "clean_up_tokenization_spaces": False,
    "tokenizer_class": "PreTrainedTokenizerFast",
}


def learned(texts):
    tokenizer = Tokenizer(BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=SPECIAL,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B:1", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return tokenizer


def main(out):
    texts = [entry["text"] for entry in json.loads((out / "smollm2_tokens.json").read_text())]
    tokenizer = learned(texts)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(f"{folder}/tokenizer.json")
        Path(folder, "tokenizer_config.json").write_text(json.dumps(CONFIG))
        loaded = AutoTokenizer.from_pretrained(folder)
        golden = {
            "tokenizer": json.loads(Path(folder, "tokenizer.json").read_text()),
            "config": CONFIG,
            "special": [loaded.bos_token_id, loaded.eos_token_id, loaded.pad_token_id],
            "ids": [loaded(text)["input_ids"] for text in texts],
        }
    (out / "bpe.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")


main(Path(sys.argv[1]))
