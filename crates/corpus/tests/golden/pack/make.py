"""Writes shards with DataTrove's and Megatron's own writers, for our readers to read.

`letters` has two bytes a token, `wide` four. Megatron's writer is taken from megatron-core alone:
its package imports PyTorch, of which the writer of indices needs nothing.
"""

import importlib.util
import json
import pathlib
import sys
import types

import numpy as np
from datatrove.pipeline.tokens.tokenizer import TokenizedFile

LETTERS = [[1, 2, 65535], [7], [300, 300, 300, 4], list(range(40))]
WIDE = [[70000, 1], [2**31 - 1], [5, 6, 7]]


def megatron(path):
    """The module `indexed_dataset` of an unpacked megatron-core wheel, without its package."""
    fake = lambda name, **members: sys.modules.setdefault(name, types.SimpleNamespace(**members))
    nothing = type("Nothing", (), {"is_enabled": staticmethod(lambda: False)})
    fake("torch", utils=types.SimpleNamespace(data=types.SimpleNamespace(Dataset=object)), Tensor=object)
    names = ["ObjectStorageConfig", "S3Config", "cache_index_file", "dataset_exists",
             "get_index_cache_path", "get_object_storage_access", "is_object_storage_path", "parse_s3_path"]
    fake("megatron.core.datasets.object_storage_utils", **dict.fromkeys(names, lambda *_: False))
    fake("megatron.core.msc_utils", MultiStorageClientFeature=nothing)
    fake("megatron.core.utils", log_single_rank=lambda *_: None)
    for package in ("megatron", "megatron.core", "megatron.core.datasets"):
        fake(package)
    spec = importlib.util.spec_from_file_location("indexed_dataset", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder, module):
    for name, documents, size in (("letters", LETTERS, 2), ("wide", WIDE, 4)):
        shard = TokenizedFile(str(folder), f"{name}.ds", tokenizer_name_or_path="letters",
                              save_final_metadata=True, token_size=size)
        for tokens in documents:
            shard.write(tokens, None)
        shard.close()
        dtype = np.uint16 if size == 2 else np.int32
        with open(folder / f"{name}.bin", "wb") as tokens_file:
            for tokens in documents:
                tokens_file.write(np.array(tokens, dtype=dtype).tobytes())
        lengths = [len(tokens) for tokens in documents]
        with module._IndexWriter(str(folder / f"{name}.idx"), dtype) as index:
            index.write(lengths, None, list(range(len(documents) + 1)))
    np.save(folder / "letters.npy", np.concatenate([np.array(one, np.uint16) for one in LETTERS]))
    (folder / "documents.json").write_text(json.dumps({"letters": LETTERS, "wide": WIDE}) + "\n")


def check(folder, module):
    """Reads with Megatron's reader what stands in `folder`, wherever it comes from."""
    for name, documents in (("letters", LETTERS), ("wide", WIDE)):
        index = module._IndexReader(str(folder / f"{name}.idx"), False)
        tokens = np.fromfile(folder / f"{name}.bin", dtype=index.dtype)
        size = np.dtype(index.dtype).itemsize
        found = [tokens[place // size:place // size + length].tolist()
                 for place, length in zip(index.sequence_pointers, index.sequence_lengths)]
        assert found == documents, name
        assert index.document_indices.tolist() == list(range(len(documents) + 1)), name
    print("read back by megatron-core")


if __name__ == "__main__":
    module, folder = megatron(sys.argv[1]), pathlib.Path(sys.argv[2])
    write(folder, module)
    check(folder, module)
