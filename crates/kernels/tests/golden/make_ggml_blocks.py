"""Writes ggml_blocks.bin: 12 blocks of f32, then each format's bytes and the values they stand for."""
import numpy as np
from gguf import GGMLQuantizationType as T, quants

rng = np.random.default_rng(7)
x = rng.standard_normal((12, 32)).astype(np.float32)
x[0] = 0.0
x[1] *= 1e-6
x[2] *= 1e4
x[3, :16] = 0.0
x[4] = np.abs(x[4]) + 3.0
x[5] = np.linspace(-8, 7.5, 32, dtype=np.float32)
with open("ggml_blocks.bin", "wb") as file:
    file.write(x.tobytes())
    for form in (T.Q4_0, T.Q4_1, T.Q8_0):
        blocks = quants.quantize(x.reshape(1, -1), form)
        file.write(blocks.tobytes())
        file.write(quants.dequantize(blocks, form).astype(np.float32).tobytes())
