"""Makes the small tokenizers that the other goldens are encoded with.

    python make_tokenizer.py OUT

OUT is this folder. One is a byte-level BPE with the control tokens of several families and a begin
token before every text; the other is a WordPiece that frames texts and pairs as BERT does.
"""

import json
import sys
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SPECIAL = [
    "<unk>", "<s>", "</s>", "<pad>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>",
    "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<bos>", "<start_of_turn>", "<end_of_turn>",
    "[INST]", "[/INST]", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>",
]

CORPUS = [
    "system user assistant tool model ipython", "You are a helpful assistant.", "Be brief. Answer in one word.",
    "What is the fee for a gold card?", "The fee is 5 dollars a month.", "And for a silver card? It is free.",
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n<tools>\n</tools>",
    "<tool_call>\n{\"name\": \"fee\", \"arguments\": {\"card\": \"gold\"}}\n</tool_call>", "<tool_response>\n5\n</tool_response>",
    "<think>\n\n</think>\n\n", "{\"type\": \"function\", \"function\": {\"name\": \"fee\", \"description\": \"The fee of a card.\"}}",
    "金卡的年费是多少？金卡每月五美元。你好，世界！", "Thanks! 😀 You are welcome 🎉", "one\ntwo\n\nthree", "  indented\n    more",
    "The quick brown fox jumps over the lazy dog.", "import os\nfor x in range(10):\n    print(x)\n",
]


def byte_level(out):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    begin = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", begin)]
    )
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    config = {"bos_token": "<s>", "eos_token": "<|im_end|>", "pad_token": "<pad>", "unk_token": "<unk>"}
    (out / "tokenizer_config.json").write_text(json.dumps(config) + "\n")
    return tokenizer.get_vocab_size()


def word_piece(out):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=300, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    ids = {name: tokenizer.token_to_id(name) for name in ["[CLS]", "[SEP]"]}
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=list(ids.items())
    )
    tokenizer.save(str(out / "wordpiece.json"), pretty=False)
    return tokenizer.get_vocab_size()


def main(out):
    print(byte_level(out), word_piece(out))
    (out / "PROVENANCE_tokenizer").write_text(
        "Made by make_tokenizer.py in this folder:\n\n    python make_tokenizer.py OUT\n\n"
        f"tokenizers {tokenizers.__version__}; trained on the sentences in the script, no seed is used.\n"
    )


main(Path(sys.argv[1]))
