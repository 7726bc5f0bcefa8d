"""Writes rope_frequencies.txt: what transformers turns queries and keys by, for each scaling.

    python3 make_rope_frequencies.py        (transformers 5.23.0, torch 2.15.0)

One line each: name, longest sequence, attention factor, frequencies of the pairs.
"""

from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

PAIRS = 16
CASES = {
    "linear": (4096, {"rope_type": "linear", "factor": 4.0}),
    "dynamic": (8192, {"rope_type": "dynamic", "factor": 2.0}),
    "yarn": (8192, {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048}),
    "yarn_plain_ends": (8192, {"rope_type": "yarn", "factor": 32.0, "truncate": False, "beta_fast": 24.0,
                               "beta_slow": 2.0, "original_max_position_embeddings": 4096,
                               "attention_factor": 1.25}),
    "llama3": (131072, {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                        "high_freq_factor": 4.0, "original_max_position_embeddings": 512}),
    "longrope_short": (1024, {"rope_type": "longrope"}),
    "longrope_long": (4096, {"rope_type": "longrope"}),
}

with open("rope_frequencies.txt", "w") as out:
    for name, (longest, scaling) in CASES.items():
        theta, positions = 10000.0, longest
        if name.startswith("longrope"):
            scaling = dict(scaling, short_factor=[1 + i / 16 for i in range(PAIRS)],
                           long_factor=[2 + i / 4 for i in range(PAIRS)], factor=4.0,
                           original_max_position_embeddings=1024)
        if name == "dynamic":
            positions = 2048
        config = LlamaConfig(hidden_size=4 * 2 * PAIRS, num_attention_heads=4, head_dim=2 * PAIRS,
                             max_position_embeddings=positions,
                             rope_parameters=dict(scaling, rope_theta=theta))
        frequencies, factor = ROPE_INIT_FUNCTIONS[scaling["rope_type"]](config, "cpu", seq_len=longest)
        numbers = " ".join(repr(float(f)) for f in frequencies)
        print(name, longest, repr(float(factor)), numbers, file=out)
