"""Makes goldens of SentencePiece vocabularies with the sentencepiece library itself.

    PYTHONPATH=LLAMA_CPP/gguf-py python make_sentencepiece.py LLAMA_CPP OUT

LLAMA_CPP is llama.cpp's source tree, whose vocabularies are turned back into SentencePiece models;
OUT is this folder. The texts are those of smollm2_tokens.json.
"""

import json
import sys
from pathlib import Path

import sentencepiece
from gguf import GGUFReader
from sentencepiece import sentencepiece_model_pb2 as schema

VOCABULARIES = ["llama-spm", "nomic-bert-moe"]
USER_DEFINED, BYTE = 4, 6
KINDS = {"llama": schema.TrainerSpec.BPE, "t5": schema.TrainerSpec.UNIGRAM}


def model_of(path):
    reader = GGUFReader(path)

    def value(key, default=None):
        field = reader.get_field(f"tokenizer.ggml.{key}")
        return default if field is None else field.contents()

    model = schema.ModelProto()
    for text, score, kind in zip(value("tokens"), value("scores"), value("token_type")):
        # GGUF files spell the spaces of pieces that are always whole as spaces.
        piece = text.replace(" ", "\u2581") if kind == USER_DEFINED else text
        model.pieces.add(piece=piece, score=score, type=kind)
    spec = model.trainer_spec
    spec.model_type = KINDS[value("model")]
    spec.vocab_size = len(model.pieces)
    spec.byte_fallback = BYTE in value("token_type")
    spec.unk_id = value("unknown_token_id")
    rules = model.normalizer_spec
    rules.add_dummy_prefix = value("add_space_prefix", True)
    rules.remove_extra_whitespaces = value("remove_extra_whitespaces", False)
    rules.precompiled_charsmap = bytes(value("precompiled_charsmap", []))
    return sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())


def main(source, out):
    texts = [entry["text"] for entry in json.loads((out / "smollm2_tokens.json").read_text())]
    made = []
    for name in VOCABULARIES:
        processor = model_of(source / "models" / f"ggml-vocab-{name}.gguf")
        for text in texts:
            ids = processor.encode(text)
            entry = {"vocabulary": name, "text": text, "ids": ids}
            decoded = processor.decode(ids)
            if decoded != text:
                entry["decoded"] = decoded
            made.append(entry)
    lines = ",\n".join(json.dumps(entry, ensure_ascii=True, separators=(",", ":")) for entry in made)
    (out / "sentencepiece_tokens.json").write_text("[\n" + lines + "\n]\n")
    (out / "PROVENANCE_sentencepiece").write_text(
        "Made by make_sentencepiece.py in this folder:\n\n"
        "    PYTHONPATH=LLAMA_CPP/gguf-py python make_sentencepiece.py LLAMA_CPP OUT\n\n"
        f"sentencepiece {sentencepiece.__version__}; vocabularies {', '.join(VOCABULARIES)} of llama.cpp's\n"
        "source as in the Python package llama-cpp-python 0.3.36. `decoded` stands only where it\n"
        "differs from the text.\n"
    )
    print(len(made))


main(Path(sys.argv[1]), Path(sys.argv[2]))
