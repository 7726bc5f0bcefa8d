//! Vectors for the comparisons: numbers at the edges of every lane type, and random ones.

use crate::test_rng::Rng;

/// Operands of one round. Their lanes are whatever an instruction takes them for.
pub(super) struct Inputs {
    pub(super) a: [u8; 64],
    pub(super) b: [u8; 64],
    pub(super) c: [u8; 64],
    /// The same 16 bytes four times, often a small number: a count, or what is broadcast.
    pub(super) q: [u8; 64],
}

impl Inputs {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let mut quarter = [0u32; 4];
        if rng.next_u64().is_multiple_of(4) {
            quarter = std::array::from_fn(|_| word(rng));
        } else {
            quarter[0] = (rng.next_u64() % 20) as u32;
        }
        let q = bytemuck::cast([quarter; 4]);
        Self { a: vector(rng), b: vector(rng), c: vector(rng), q }
    }
}

const F32: [f32; 22] = [
    0.0,
    1.0,
    1.5,
    0.5,
    2.5,
    126.5,
    f32::MIN_POSITIVE,
    f32::MIN_POSITIVE / 2.0,
    f32::EPSILON,
    1e-45,
    1e-40,
    1e-20,
    1e20,
    8_388_607.5,
    16_777_217.0,
    2_147_483_500.0,
    2_147_483_648.0,
    9.9e9,
    f32::MAX,
    f32::INFINITY,
    f32::NAN,
    // A NaN that signals.
    f32::from_bits(0x7f80_0001),
];

/// f16 and bf16: zero, subnormal, smallest normal, one, largest, infinity, NaN.
const BITS_16: [u16; 16] = [
    0, 1, 0x3ff, 0x400, 0x3c00, 0x7bff, 0x7c00, 0x7c01, 0x7e00, 0x7f, 0x80, 0x2000, 0x3f80, 0x7f7f,
    0x7f80, 0x7fff,
];

const BYTES: [u8; 6] = [0, 1, 0x7f, 0x80, 0x81, 0xff];

/// Every lane of one kind, or each of its own.
fn vector(rng: &mut Rng) -> [u8; 64] {
    let kind = (rng.next_u64() % 10) as usize;
    let lanes: [u32; 16] =
        std::array::from_fn(|_| if kind < 7 { of_kind(kind, rng) } else { word(rng) });
    bytemuck::cast(lanes)
}

fn word(rng: &mut Rng) -> u32 {
    let kind = (rng.next_u64() % 7) as usize;
    of_kind(kind, rng)
}

fn of_kind(kind: usize, rng: &mut Rng) -> u32 {
    let r = rng.next_u64();
    let sign = (r as u32) << 31;
    let pick = (r >> 8) as usize;
    match kind {
        0 => F32[pick % F32.len()].to_bits() ^ sign,
        1 => (r >> 8) as u32,
        2 => rng.normal().to_bits(),
        3 => (pick % 300) as u32,
        4 => u32::from_ne_bytes([0, 8, 16, 24].map(|by| BYTES[(pick >> by) % BYTES.len()])),
        5 => {
            let half = |by: usize| u32::from(BITS_16[(pick >> by) % 16]);
            (half(0) | half(4) << 16) ^ sign ^ (r as u32 >> 1 & 1) << 15
        }
        // Near the smallest normal number, where products of bf16 vanish or do not.
        _ => ((pick % 0x0200_0000) as u32) ^ sign,
    }
}
