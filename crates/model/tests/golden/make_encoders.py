"""Makes the golden values of the encoder families: tiny random checkpoints with what they compute.

    python make_encoders.py [NAME ...]
    python make_encoders.py --gguf LLAMA_CPP LLAMA_QUANTIZE [NAME ...]

The first form writes `encoders/NAME/` beside this script, for each family and head:

- `config.json`, `model.safetensors` (bf16), `tokenizer.json` and, for embedding models, the files of
  `sentence-transformers`,
- `forward.safetensors`: for each input its token ids and types as the tokenizer of `transformers` gives
  them, and in f32 what the model makes of them: `hidden_*` (last hidden states), `logits_*`, or
  `embeddings`. The last input are ids that no text gives (with padding in their middle).

`encoders/inputs.json` holds the texts and the pairs. Versions are written to PROVENANCE_encoders.

The second form adds what llama.cpp makes of these folders; LLAMA_CPP is its source with the converter,
LLAMA_QUANTIZE its built tool of that name:

- `model.gguf` (bf16) for the folders that it converts,
- `model-Q8_0.gguf` for some of them.

Not converted are token classifiers (llama.cpp has none), CamemBERT (taken for a BERT with a WordPiece
vocabulary), other activations than GELU in BERT's MLP, and what sentence-transformers does beyond
pooling by mean, first or last token: the files have no place for these. Those of BERT's classifiers lack
the pooler, their trunks are whole; the file of `modernbert_sequence` lacks the kinds of the layers and the
activation before the last one.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from functools import cache
from pathlib import Path

import sentence_transformers
import tokenizers
import torch
import transformers
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules as st
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    CONFIG_MAPPING,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedTokenizerFast,
)

HERE = Path(__file__).parent
SEED = 20261125
VOCAB = 320

TEXTS = [
    "How do I block a stolen debit card?",
    "",
    "Replacement cards are sent within five to seven business days; until then, pay with the app.",
    "Überweisungen ins Ausland kosten 15 €, naïve café, ＡＢＣ ﬁne.",
    "银行卡丢失后应该怎么办？请立即挂失。",
    "To dispute a charge, open the transaction, choose \"Report a problem\" and follow the steps; we "
    "answer within ten business days, and a provisional credit may be issued meanwhile. " * 3,
]
PAIRS = [
    ["How do I block a stolen card?", "You can block a card in the app under Cards."],
    ["fee", "A transfer abroad costs 15 € and arrives on the next business day."],
    ["银行卡丢失", "请立即在应用中挂失您的银行卡。"],
    ["What is the fee of a transfer abroad? " * 6, "A transfer abroad costs fifteen euros. " * 4],
    ["card", TEXTS[5]],
    ["", ""],
]

SHAPE = dict(
    vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
    num_attention_heads=2, initializer_range=0.15,
)
BERT = dict(max_position_embeddings=64, type_vocab_size=2, pad_token_id=0)
ROBERTA = dict(
    max_position_embeddings=66, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2,
)
MODERN = dict(
    num_hidden_layers=4, max_position_embeddings=128, local_attention=12, pad_token_id=0,
    bos_token_id=2, eos_token_id=3, cls_token_id=2, sep_token_id=3,
)
BIASES = dict(
    norm_bias=True, attention_bias=True, mlp_bias=True, classifier_bias=True,
    classifier_pooling="mean", classifier_activation="relu", hidden_activation="gelu_pytorch_tanh",
    layer_types=["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
    rope_parameters=dict(
        full_attention=dict(rope_type="default", rope_theta=5000.0),
        sliding_attention=dict(rope_type="default", rope_theta=300.0)),
)
CLASSES = {0: "refund", 1: "card", 2: "transfer"}
ENTITIES = {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC", 4: "I-LOC"}


def labels(names: dict) -> dict:
    return dict(id2label=names, label2id={name: i for i, name in names.items()})


TRUNK, MLM = AutoModel, AutoModelForMaskedLM
SEQUENCE, TOKENS = AutoModelForSequenceClassification, AutoModelForTokenClassification
# name: (model_type, head, tokenizer, changes of the shape)
MODELS = {
    "bert": ("bert", TRUNK, "wordpiece", BERT),
    "bert_mlm": ("bert", MLM, "wordpiece", {**BERT, "hidden_act": "gelu_new"}),
    "bert_cross_encoder": ("bert", SEQUENCE, "wordpiece", {**BERT, "num_labels": 1}),
    "bert_sequence": ("bert", SEQUENCE, "wordpiece", {**BERT, **labels(CLASSES)}),
    "bert_tokens": ("bert", TOKENS, "wordpiece", {**BERT, **labels(ENTITIES)}),
    "roberta": ("roberta", TRUNK, "byte_level", ROBERTA),
    "roberta_cross_encoder": ("roberta", SEQUENCE, "byte_level", {**ROBERTA, "num_labels": 1}),
    "roberta_tokens": ("roberta", TOKENS, "byte_level", {**ROBERTA, **labels(ENTITIES)}),
    "xlm_roberta": ("xlm-roberta", TRUNK, "unigram", ROBERTA),
    "xlm_roberta_cross_encoder": ("xlm-roberta", SEQUENCE, "unigram", {**ROBERTA, "num_labels": 1}),
    "xlm_roberta_sequence": ("xlm-roberta", SEQUENCE, "unigram", {**ROBERTA, **labels(CLASSES)}),
    "camembert": ("camembert", TRUNK, "unigram", ROBERTA),
    "modernbert": ("modernbert", TRUNK, "modern", MODERN),
    "modernbert_mlm": ("modernbert", MLM, "modern", MODERN),
    "modernbert_cross_encoder": ("modernbert", SEQUENCE, "modern", {**MODERN, "num_labels": 1}),
    "modernbert_sequence": ("modernbert", SEQUENCE, "modern", {**MODERN, **BIASES, **labels(CLASSES)}),
    "modernbert_tokens": ("modernbert", TOKENS, "modern", {**MODERN, **labels(ENTITIES)}),
}
# name: (trunk, pooling, modules behind it)
EMBEDDERS = {
    "embed_mean": ("bert", "mean", ["normalize"]),
    "embed_cls": ("xlm_roberta", "cls", ["normalize"]),
    "embed_max": ("modernbert", "max", []),
    "embed_all": (
        "roberta", ("max", "mean", "cls", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"), []),
    "embed_dense": ("bert", "mean", ["dense", "plain_dense", "normalize"]),
}

# What is converted: the name of the pre-tokenizer, which the converter takes from a list of digests of
# real vocabularies.
PRE_TOKENIZERS = {"wordpiece": "bert-bge", "byte_level": "roberta-bpe", "modern": "modern-bert"}
GGUF = [
    "bert", "bert_cross_encoder", "roberta", "roberta_cross_encoder", "xlm_roberta",
    "xlm_roberta_cross_encoder", "xlm_roberta_sequence", "modernbert", "modernbert_cross_encoder",
    "modernbert_sequence", "embed_mean", "embed_cls",
]
QUANTIZED = ["bert", "modernbert"]


def special(names: list[str]) -> dict:
    kinds = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
    return dict(zip(kinds, names))


@cache
def tokenizer(kind: str) -> PreTrainedTokenizerFast:
    corpus = TEXTS + [text for pair in PAIRS for text in pair]
    if kind == "wordpiece":
        names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        tok = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tok.normalizer = normalizers.BertNormalizer(lowercase=True)
        tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tok.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=VOCAB, special_tokens=names)
        single, pair = "[CLS] $A [SEP]", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1"
        order = names
    elif kind == "unigram":
        names = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        tok = tokenizers.Tokenizer(models.Unigram())
        tok.normalizer = normalizers.Sequence(
            [normalizers.NFKC(), normalizers.Replace(tokenizers.Regex(" {2,}"), " ")])
        tok.pre_tokenizer = pre_tokenizers.Metaspace()
        tok.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=220, special_tokens=names, unk_token="<unk>", show_progress=False)
        single, pair = "<s> $A </s>", "<s> $A </s> </s> $B </s>"
        order = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
    else:
        modern = kind == "modern"
        names = (
            ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] if modern
            else ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
        tok = tokenizers.Tokenizer(models.BPE())
        if modern:
            tok.normalizer = normalizers.NFC()
        tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tok.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCAB, special_tokens=names,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
        single, pair = "[CLS] $A [SEP]", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1"
        order = names if modern else ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
    tok.train_from_iterator(corpus, trainer)
    if kind == "byte_level":
        ids = [(name, tok.token_to_id(name)) for name in ("</s>", "<s>")]
        tok.post_processor = processors.RobertaProcessing(*ids, trim_offsets=True)
    else:
        used = [(name, tok.token_to_id(name)) for name in names]
        tok.post_processor = processors.TemplateProcessing(
            single=single, pair=pair, special_tokens=used)
    return PreTrainedTokenizerFast(tokenizer_object=tok, **special(order))


def randomized(model: torch.nn.Module) -> torch.nn.Module:
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "norm" in key.lower() and key.endswith("weight"):
                parameter.uniform_(0.7, 1.3)
            elif key.endswith("bias"):
                parameter.uniform_(-0.3, 0.3)
    return model.eval()


def max_tokens(config) -> int:
    offset = config.model_type in ("roberta", "xlm-roberta", "camembert")
    return config.max_position_embeddings - (config.pad_token_id + 1 if offset else 0)


def forward(model, head, tok, config) -> dict:
    inputs = PAIRS if head is SEQUENCE and config.num_labels == 1 else TEXTS
    out = {}
    for i, text in enumerate([*inputs, None]):
        if text is None:
            ids = [config.bos_token_id or 2, 40, 41, config.pad_token_id, 42, 43, 44, 3]
            types = [0, 0, 0, 0, 1, 1, 1, 1] if config.model_type == "bert" else [0] * len(ids)
        else:
            text = text if isinstance(text, list) else [text]
            # As a batch of one: a single pair with an empty second text would count as one text.
            encoded = tok(
                *[[part] for part in text], truncation=True, max_length=max_tokens(config),
                return_token_type_ids=True)
            ids, types = encoded.input_ids[0], encoded.token_type_ids[0]
        kwargs = dict(token_type_ids=torch.tensor([types])) if config.model_type == "bert" else {}
        with torch.no_grad():
            result = model(
                torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), **kwargs
            )
        out[f"tokens_{i}"] = torch.tensor(ids, dtype=torch.int32)
        out[f"types_{i}"] = torch.tensor(types, dtype=torch.int32)
        name = "hidden" if head is TRUNK else "logits"
        values = result.last_hidden_state if head is TRUNK else result.logits
        out[f"{name}_{i}"] = values[0].contiguous()
    return out


def make_model(name: str, model_type: str, head, kind: str, changes: dict) -> None:
    torch.manual_seed(SEED)
    config = CONFIG_MAPPING[model_type](**{**SHAPE, **changes})
    folder = HERE / "encoders" / name
    shutil.rmtree(folder, ignore_errors=True)
    randomized(head.from_config(config)).bfloat16().save_pretrained(folder)
    tok = tokenizer(kind)
    tok.backend_tokenizer.no_truncation()
    tok.backend_tokenizer.no_padding()
    (folder / "tokenizer.json").write_text(tok.backend_tokenizer.to_str())
    if head is MLM:
        # The trunk of a model with another head.
        model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        head = TRUNK
    else:
        model = head.from_pretrained(folder, dtype=torch.float32).eval()
    model.set_attn_implementation("eager")
    out = forward(model, head, tok, config)
    save_file(out, folder / "forward.safetensors")
    values = torch.cat([t.flatten() for key, t in out.items() if key.startswith(("hidden", "logits"))])
    print(name, "largest value", float(values.abs().max()))


def make_embedder(name: str, trunk: str, pooling, behind: list[str]) -> None:
    torch.manual_seed(SEED)
    source, folder = HERE / "encoders" / trunk, HERE / "encoders" / name
    shutil.rmtree(folder, ignore_errors=True)
    work = folder.with_suffix(".work")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(source, work)
    names = special(["<pad>", "<unk>", "<s>", "</s>", "<mask>"])
    if MODELS[trunk][2] in ("wordpiece", "modern"):
        names = special(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    own = PreTrainedTokenizerFast(tokenizer_file=str(source / "tokenizer.json"), **names)
    own.save_pretrained(work)
    config = CONFIG_MAPPING[MODELS[trunk][0]].from_pretrained(source)
    transformer = st.Transformer(
        str(work), max_seq_length=min(60, max_tokens(config)), model_kwargs={"dtype": torch.float32})
    parts = [transformer, st.Pooling(config.hidden_size, pooling_mode=pooling)]
    for module in behind:
        if module == "normalize":
            parts.append(st.Normalize())
        else:
            plain = module == "plain_dense"
            act = torch.nn.Identity() if plain else torch.nn.Tanh()
            size = (24, 16) if plain else (config.hidden_size, 24)
            parts.append(st.Dense(*size, bias=not plain, activation_function=act))
    model = SentenceTransformer(modules=parts, device="cpu")
    model.save_pretrained(str(folder), create_model_card=False)
    # The tokenizer's truncation and padding are not ours to keep; the weights go back to bf16.
    shutil.copy(source / "tokenizer.json", folder)
    weights = {key: t.bfloat16() for key, t in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for extra in ("special_tokens_map.json", "README.md"):
        (folder / extra).unlink(missing_ok=True)
    out = {"embeddings": torch.tensor(model.encode(TEXTS)).contiguous()}
    save_file(out, folder / "forward.safetensors")
    shutil.rmtree(work)
    print(name, tuple(out["embeddings"].shape), sorted(p.name for p in folder.iterdir()))


CONVERT = """
import sys
sys.path.insert(0, sys.argv[1]); sys.path.insert(0, sys.argv[1] + "/gguf-py")
import conversion.base as base
import convert_hf_to_gguf as convert
pre = sys.argv[2]
base.TextModel.get_vocab_base_pre = lambda self, tokenizer: pre
sys.argv = ["convert", sys.argv[3], "--outfile", sys.argv[4], "--outtype", "bf16"]
convert.main()
"""


def sentencepiece_model(path: Path, out: Path) -> None:
    """The vocabulary of XLM-R's tokenizer.json as the SentencePiece model that real ones come from.

    Its normalization holds the rules of NFKC for the characters of the inputs.
    """
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2 as schema

    texts = "".join(TEXTS + [text for pair in PAIRS for text in pair])
    changed = {c: unicodedata.normalize("NFKC", c) for c in sorted(set(texts))}
    hexes = lambda text: " ".join(f"{ord(c):04X}" for c in text)
    rules = [f"{hexes(c)}\t{hexes(to)}" for c, to in changed.items() if to != c]
    with tempfile.TemporaryDirectory() as work:
        tsv = Path(work) / "rules.tsv"
        tsv.write_text("\n".join(rules) + "\n")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(TEXTS), model_prefix=f"{work}/rules", vocab_size=100,
            normalization_rule_tsv=str(tsv), hard_vocab_limit=False, minloglevel=2)
        trained = schema.ModelProto()
        trained.ParseFromString(Path(f"{work}/rules.model").read_bytes())
    vocab = json.loads(path.read_text())["model"]["vocab"]
    assert [piece for piece, _ in vocab[:5]] == ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    normal, unknown, control = 1, 2, 3
    model = schema.ModelProto()
    for piece, kind in [("<unk>", unknown), ("<s>", control), ("</s>", control), ("<mask>", control)]:
        model.pieces.add(piece=piece, score=0.0, type=kind)
    for piece, score in vocab[5:]:
        model.pieces.add(piece=piece, score=score, type=normal)
    model.trainer_spec.model_type = schema.TrainerSpec.UNIGRAM
    model.trainer_spec.vocab_size = len(model.pieces)
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = False
    model.normalizer_spec.precompiled_charsmap = trained.normalizer_spec.precompiled_charsmap
    out.write_bytes(model.SerializeToString())


def make_gguf(llama_cpp: str, quantize: str, name: str) -> None:
    folder = HERE / "encoders" / name
    kind = MODELS[EMBEDDERS[name][0] if name in EMBEDDERS else name][2]
    with tempfile.TemporaryDirectory() as parent:
        # The converter names the model after its folder.
        work = Path(parent) / name
        shutil.copytree(folder, work)
        if not (work / "tokenizer_config.json").exists():
            names = special(["<pad>", "<unk>", "<s>", "</s>", "<mask>"])
            if kind in ("wordpiece", "modern"):
                names = special(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
            tok = PreTrainedTokenizerFast(tokenizer_file=str(work / "tokenizer.json"), **names)
            tok.save_pretrained(work)
        if kind == "unigram":
            sentencepiece_model(folder / "tokenizer.json", work / "sentencepiece.bpe.model")
        if kind == "modern":
            # Published files have it under both names.
            config = json.loads((work / "config.json").read_text())
            config["layer_norm_eps"] = config["norm_eps"]
            (work / "config.json").write_text(json.dumps(config))
        pre = PRE_TOKENIZERS.get(kind, "default")
        out = folder / "model.gguf"
        done = subprocess.run(
            [sys.executable, "-c", CONVERT, llama_cpp, pre, str(work), str(out)],
            capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{name} not converted:\n{done.stderr}")
    if name in QUANTIZED:
        subprocess.run([quantize, out, folder / "model-Q8_0.gguf", "Q8_0"], check=True, capture_output=True)
    print(name, out.stat().st_size, "bytes")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--gguf"]:
        llama_cpp, quantize, *only = sys.argv[2:]
        for name in GGUF:
            if not only or name in only:
                make_gguf(llama_cpp, quantize, name)
        provenance = HERE / "PROVENANCE_encoders"
        first = provenance.read_text().splitlines()[0]
        provenance.write_text(
            f"{first}\nGGUF files: transformers {transformers.__version__}, converter and "
            "llama-quantize of llama.cpp as in llama-cpp-python 0.3.36\n")
        sys.exit()
    only = set(sys.argv[1:])
    (HERE / "encoders").mkdir(exist_ok=True)
    inputs = {"texts": TEXTS, "pairs": PAIRS}
    (HERE / "encoders" / "inputs.json").write_text(
        json.dumps(inputs, ensure_ascii=False, indent=1) + "\n")
    for name, model in MODELS.items():
        if not only or name in only:
            make_model(name, *model)
    for name, embedder in EMBEDDERS.items():
        if not only or name in only:
            make_embedder(name, *embedder)
    (HERE / "PROVENANCE_encoders").write_text(
        f"make_encoders.py, seed {SEED}; torch {torch.__version__}, transformers "
        f"{transformers.__version__}, tokenizers {tokenizers.__version__}, sentence-transformers "
        f"{sentence_transformers.__version__}\n"
    )
