//! The block formats by name, and what a file holds of them.

use std::fmt;

/// Values per scale of the activations; every format's blocks are whole multiples of it.
pub(crate) const BLOCK: usize = 32;
/// Values per super-block of the K-quants.
pub(crate) const SUPER_BLOCK: usize = 256;

/// How a block of weights is stored, by ggml's names.
///
/// `d` and `m` are f16, `q` unsigned codes. In 4- and 5-bit blocks of 32, byte `i` of the codes
/// holds the low bits of code `i` low and of code `i + 16` high. The K-quants are super-blocks of
/// 256: each run of 32 or 16 values has a small integer `s` that multiplies `d`, and where there is
/// a minimum another, `t`, that multiplies `dmin`.
///
/// # Source
/// ggml, `ggml-common.h` and `ggml-quants.c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(non_camel_case_types, reason = "the names are ggml's own")]
pub enum QuantFormat {
    /// 4 bits, `w = d * (q - 8)`; 18 bytes per 32.
    Q4_0,
    /// 4 bits, `w = d * q + m`; 20 bytes per 32.
    Q4_1,
    /// 5 bits, `w = d * (q - 16)`; 22 bytes per 32.
    Q5_0,
    /// 5 bits, `w = d * q + m`; 24 bytes per 32.
    Q5_1,
    /// 8 bits signed, `w = d * q`; 34 bytes per 32.
    Q8_0,
    /// 2 bits, `w = d * s * q - dmin * t`, `s` and `t` of 4 bits per 16; 84 bytes per 256.
    Q2_K,
    /// 3 bits, `w = d * s * (q - 4)`, `s` of 6 bits (minus 32) per 16; 110 bytes per 256.
    Q3_K,
    /// 4 bits, `w = d * s * q - dmin * t`, `s` and `t` of 6 bits per 32; 144 bytes per 256.
    Q4_K,
    /// 5 bits, `w = d * s * q - dmin * t`, `s` and `t` of 6 bits per 32; 176 bytes per 256.
    Q5_K,
    /// 6 bits, `w = d * s * (q - 32)`, `s` of 8 bits signed per 16; 210 bytes per 256.
    Q6_K,
    /// 4 bits that choose among 16 uneven values `v`, `w = d * v[q]`; 18 bytes per 32.
    IQ4_NL,
    /// 4-bit floats (e2m1), `w = 2^(e - 128) * v[q]`, `v` twice the float; 17 bytes per 32.
    MXFP4,
}

impl QuantFormat {
    /// Every format.
    pub const ALL: [QuantFormat; 12] = [
        QuantFormat::Q4_0,
        QuantFormat::Q4_1,
        QuantFormat::Q5_0,
        QuantFormat::Q5_1,
        QuantFormat::Q8_0,
        QuantFormat::Q2_K,
        QuantFormat::Q3_K,
        QuantFormat::Q4_K,
        QuantFormat::Q5_K,
        QuantFormat::Q6_K,
        QuantFormat::IQ4_NL,
        QuantFormat::MXFP4,
    ];

    /// Name, values per block, bytes per block.
    const fn row(self) -> (&'static str, usize, usize) {
        match self {
            QuantFormat::Q4_0 => ("Q4_0", BLOCK, 18),
            QuantFormat::Q4_1 => ("Q4_1", BLOCK, 20),
            QuantFormat::Q5_0 => ("Q5_0", BLOCK, 22),
            QuantFormat::Q5_1 => ("Q5_1", BLOCK, 24),
            QuantFormat::Q8_0 => ("Q8_0", BLOCK, 34),
            QuantFormat::Q2_K => ("Q2_K", SUPER_BLOCK, 84),
            QuantFormat::Q3_K => ("Q3_K", SUPER_BLOCK, 110),
            QuantFormat::Q4_K => ("Q4_K", SUPER_BLOCK, 144),
            QuantFormat::Q5_K => ("Q5_K", SUPER_BLOCK, 176),
            QuantFormat::Q6_K => ("Q6_K", SUPER_BLOCK, 210),
            QuantFormat::IQ4_NL => ("IQ4_NL", BLOCK, 18),
            QuantFormat::MXFP4 => ("MXFP4", BLOCK, 17),
        }
    }

    /// ggml's name of the format.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// Values per block of a file; rows are whole blocks.
    pub fn block_len(self) -> usize {
        self.row().1
    }

    /// Bytes of one block in a file.
    pub fn block_bytes(self) -> usize {
        self.row().2
    }

    /// Bytes of a row of `k` values in a file; `k` is a multiple of the block length.
    pub fn row_bytes(self, k: usize) -> usize {
        k / self.block_len() * self.block_bytes()
    }

    /// Whether [`quantize_blocks`](crate::quantize_blocks) writes it; the others are only read.
    pub fn can_quantize(self) -> bool {
        match self {
            QuantFormat::Q4_0
            | QuantFormat::Q4_1
            | QuantFormat::Q5_0
            | QuantFormat::Q5_1
            | QuantFormat::Q8_0 => true,
            QuantFormat::Q2_K
            | QuantFormat::Q3_K
            | QuantFormat::Q4_K
            | QuantFormat::Q5_K
            | QuantFormat::Q6_K
            | QuantFormat::IQ4_NL
            | QuantFormat::MXFP4 => false,
        }
    }
}

impl fmt::Display for QuantFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
