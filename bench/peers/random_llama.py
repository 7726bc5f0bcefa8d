"""A GGUF file with the shape of TinyLlama 1.1B, random weights, and another file's vocabulary.

    python random_llama.py VOCABULARY.gguf OUT.gguf

Runs in the shared environment. The vocabulary is cut to TinyLlama's size; in a byte-level one the
tokens stand in the order of their merges, so the first ones are a vocabulary of their own.
"""

import sys

import numpy
from gguf import GGUFReader, GGUFWriter, LlamaFileType

LAYERS, HIDDEN, MLP, HEADS, KV_HEADS = 22, 2048, 5632, 32, 4
VOCABULARY, CONTEXT, ROPE_BASE, NORM_EPSILON = 32000, 2048, 10000.0, 1e-5
SPREAD, SEED = 0.02, 7
# One entry for a token.
LISTS = ["tokenizer.ggml.tokens", "tokenizer.ggml.token_type"]
COPIED = ["tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.bos_token_id",
          "tokenizer.ggml.eos_token_id", "tokenizer.ggml.unknown_token_id",
          "tokenizer.ggml.padding_token_id", "tokenizer.ggml.add_bos_token",
          "tokenizer.chat_template"]


def weights():
    """Name and shape of every tensor, outputs before inputs; a gain has one dimension."""
    kv = HIDDEN // HEADS * KV_HEADS
    yield "token_embd.weight", (VOCABULARY, HIDDEN)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        yield f"{block}.attn_norm.weight", (HIDDEN,)
        yield f"{block}.attn_q.weight", (HIDDEN, HIDDEN)
        yield f"{block}.attn_k.weight", (kv, HIDDEN)
        yield f"{block}.attn_v.weight", (kv, HIDDEN)
        yield f"{block}.attn_output.weight", (HIDDEN, HIDDEN)
        yield f"{block}.ffn_norm.weight", (HIDDEN,)
        yield f"{block}.ffn_gate.weight", (MLP, HIDDEN)
        yield f"{block}.ffn_up.weight", (MLP, HIDDEN)
        yield f"{block}.ffn_down.weight", (HIDDEN, MLP)
    yield "output_norm.weight", (HIDDEN,)
    yield "output.weight", (VOCABULARY, HIDDEN)


def describe(writer):
    writer.add_name("Llama 1.1B shape, random weights")
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(MLP)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(VOCABULARY)


def copy_vocabulary(writer, source):
    fields = GGUFReader(source).fields
    for key in LISTS:
        writer.add_array(key, fields[key].contents()[:VOCABULARY])
    kept = set(fields["tokenizer.ggml.tokens"].contents()[:VOCABULARY])
    merges = fields["tokenizer.ggml.merges"].contents()
    writer.add_token_merges([merge for merge in merges if kept.issuperset({*merge.split(" "), merge.replace(" ", "")})])
    for key in COPIED:
        if key in fields:
            writer.add_key_value(key, fields[key].contents(), fields[key].types[0])


def main(source, out):
    writer = GGUFWriter(out, "llama")
    describe(writer)
    copy_vocabulary(writer, source)
    dtypes = {1: numpy.dtype(numpy.float32), 2: numpy.dtype(numpy.float16)}
    for name, shape in weights():
        dtype = dtypes[len(shape)]
        size = int(numpy.prod(shape)) * dtype.itemsize
        writer.add_tensor_info(name, shape, dtype, size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    generator = numpy.random.default_rng(SEED)
    for _, shape in weights():
        # One at a time, so that the whole never stands in memory.
        if len(shape) == 1:
            writer.write_tensor_data(numpy.ones(shape, numpy.float32))
        else:
            values = generator.standard_normal(shape, numpy.float32)
            writer.write_tensor_data((values * numpy.float32(SPREAD)).astype(numpy.float16))
    writer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
