"""Writes ggml_blocks.bin: 12 blocks of f32 and, for each format with a quantizer here, the bytes it makes of
them and the values they stand for; then for each other format random blocks of 512 values and their values."""
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T, quants

WRITTEN = (T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0)
# Where the f16 scales are.
READ = {T.Q2_K: (80, 82), T.Q3_K: (108,), T.Q4_K: (0, 2), T.Q5_K: (0, 2), T.Q6_K: (208,), T.IQ4_NL: (0,), T.MXFP4: ()}

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
    for form in WRITTEN:
        blocks = quants.quantize(x.reshape(1, -1), form)
        file.write(blocks.tobytes())
        file.write(quants.dequantize(blocks, form).astype(np.float32).tobytes())
    for form, places in READ.items():
        length, size = GGML_QUANT_SIZES[form]
        blocks = rng.integers(0, 256, (512 // length, size), dtype=np.uint8)
        for at in places:
            scales = rng.uniform(-0.02, 0.05, len(blocks)).astype(np.float16)
            scales[-1] = 3e-7
            blocks[:, at:at + 2] = scales.view(np.uint8).reshape(-1, 2)
        if form == T.MXFP4:
            blocks[:4, 0] = [0, 1, 2, 250]
        file.write(blocks.tobytes())
        file.write(quants.dequantize(blocks.reshape(1, -1), form).astype(np.float32).tobytes())
