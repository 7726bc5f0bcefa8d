//! Blocks of files against ggml's own.

use proptest::prelude::*;

use super::*;

/// See `tests/golden/PROVENANCE`.
const GGML_BLOCKS: &[u8] = include_bytes!("../../tests/golden/ggml_blocks.bin");

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// The formats that `quantize_blocks` writes, or the others.
fn formats(writable: bool) -> impl Iterator<Item = QuantFormat> {
    QuantFormat::ALL.into_iter().filter(move |format| format.can_quantize() == writable)
}

#[test]
fn blocks_are_those_of_ggml() {
    let len = 12 * 32;
    let (x, mut rest) = GGML_BLOCKS.split_at(4 * len);
    for format in formats(true) {
        let (expected, after) = rest.split_at(format.row_bytes(len));
        let (values, after) = after.split_at(4 * len);
        rest = after;
        let (mut bytes, mut back) = (Vec::new(), vec![0.0; len]);
        quantize_blocks(format, &floats(x), &mut bytes);
        assert!(bytes == expected, "{format}: other bytes");
        dequantize_blocks(format, &bytes, &mut back);
        assert_eq!(bits(&back), bits(&floats(values)), "{format}");
    }
    let len = 2 * 256;
    for format in formats(false) {
        let (bytes, after) = rest.split_at(format.row_bytes(len));
        let (values, after) = after.split_at(4 * len);
        rest = after;
        let mut found = vec![0.0; len];
        dequantize_blocks(format, bytes, &mut found);
        assert_eq!(bits(&found), bits(&floats(values)), "{format}");
    }
    assert!(rest.is_empty());
}

#[test]
fn blocks_follow_the_formulas_of_the_reference_quantizers() {
    let mut x = [0.0f32; 32];
    x[0] = -8.0;
    x[1] = 7.0;
    x[16] = 3.4;
    x[17] = 3.5;
    let mut bytes = Vec::new();
    quantize_blocks(QuantFormat::Q4_0, &x, &mut bytes);
    // d = -8 / -8 = 1; codes 0, 15, 8…; 3.4 + 8.5 -> 11, 3.5 + 8.5 -> 12.
    assert_eq!(bytes[..4], [0x00, 0x3c, 0xb0, 0xcf]);
    assert!(bytes[4..].iter().all(|&b| b == 0x88));

    let mut x = [1.0f32; 32];
    x[3] = 16.0;
    x[19] = 8.4;
    let mut bytes = Vec::new();
    quantize_blocks(QuantFormat::Q4_1, &x, &mut bytes);
    // m = 1, d = 15 / 15 = 1; element 3 -> 15, element 19 -> trunc(7.4 + 0.5) = 7.
    assert_eq!(bytes[..8], [0x00, 0x3c, 0x00, 0x3c, 0, 0, 0, 0x7f]);

    let mut x = [0.0f32; 32];
    x[0] = -16.0;
    x[1] = 15.0;
    x[16] = -0.6;
    let mut bytes = Vec::new();
    quantize_blocks(QuantFormat::Q5_0, &x, &mut bytes);
    // d = 1; codes 0, 31, 16...; -0.6 + 16.5 -> 15, the only other one without a fifth bit.
    assert_eq!(bytes[..8], [0x00, 0x3c, 0xfe, 0xff, 0xfe, 0xff, 0xf0, 0x0f]);

    let mut x = [0.0f32; 32];
    x[0] = -127.0;
    x[1] = 0.5;
    x[2] = -1.5;
    x[3] = 2.49;
    let mut bytes = Vec::new();
    quantize_blocks(QuantFormat::Q8_0, &x, &mut bytes);
    // d = 1; halves go away from zero.
    assert_eq!(bytes[..6], [0x00, 0x3c, 0x81, 1, 0xfe, 2]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn quantizing_loses_at_most_one_step(
        x in proptest::collection::vec(-100.0f32..100.0, 64),
        format in proptest::sample::select(formats(true).collect::<Vec<_>>()),
    ) {
        let (mut bytes, mut back) = (Vec::new(), vec![0.0; 64]);
        quantize_blocks(format, &x, &mut bytes);
        prop_assert_eq!(bytes.len(), format.row_bytes(64));
        dequantize_blocks(format, &bytes, &mut back);
        for (x, back) in x.chunks_exact(32).zip(back.chunks_exact(32)) {
            let largest = x.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            // Q4_0 and Q5_0 clip the far end by up to one step; f16 scales add 2^-11 of the range.
            let steps = match format.name() {
                "Q4_0" => 8.0,
                "Q4_1" => 15.0,
                "Q5_0" => 16.0,
                "Q5_1" => 31.0,
                _ => 254.0,
            };
            let step = largest / steps * 1.01 + largest * 1.5e-3;
            for (x, back) in x.iter().zip(back) {
                prop_assert!((x - back).abs() <= step, "{} became {}, step {}", x, back, step);
            }
        }
    }
}
