//! The product against exact sums, the levels against each other, and batches against single rows.

use proptest::prelude::*;

use super::*;
use crate::test_rng::Rng;
use crate::{Level, MatmulScratch, Pool, level};

/// f32 sums of up to 1536 products of magnitude ~1 in another order; measured 2e-5 at most.
const SUM_TOLERANCE: f32 = 2e-4;

/// File bytes of a random matrix with every code value and moderate scales.
fn random_blocks(format: QuantFormat, n: usize, k: usize, rng: &mut Rng) -> Vec<u8> {
    let mut bytes = vec![0u8; n * format.row_bytes(k)];
    for block in bytes.chunks_exact_mut(format.block_bytes()) {
        block.fill_with(|| rng.next_u64() as u8);
        let d = half::f16::from_f32(0.01 + 0.005 * rng.uniform());
        block[..2].copy_from_slice(&d.to_le_bytes());
        if format.has_min() {
            let m = half::f16::from_f32(-0.08 + 0.03 * rng.uniform());
            block[2..4].copy_from_slice(&m.to_le_bytes());
        }
    }
    bytes
}

fn matrix(format: QuantFormat, bytes: &[u8], k: usize) -> QuantMatrix {
    let rows: Vec<&[u8]> = bytes.chunks_exact(format.row_bytes(k)).collect();
    QuantMatrix::from_blocks(format, &rows, k).unwrap()
}

fn product(level: Level, threads: usize, w: &QuantMatrix, x: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / w.k() * w.n()];
    w.matmul_at(level, &Pool::new(threads), x, &mut out, w.n(), false, &mut MatmulScratch::new());
    out
}

#[test]
fn packing_keeps_every_weight() {
    let mut rng = Rng::new(1);
    for format in QuantFormat::ALL {
        for (n, k) in [(16, 64), (5, 96), (33, 32), (48, 576)] {
            let bytes = random_blocks(format, n, k, &mut rng);
            let w = matrix(format, &bytes, k);
            let (mut expected, mut found) = (vec![0.0; n * k], vec![0.0; k]);
            dequantize_blocks(format, &bytes, &mut expected);
            for (row, expected) in expected.chunks_exact(k).enumerate() {
                w.dequantize_row(row, &mut found);
                assert_eq!(found, expected, "{w:?} row {row}");
            }
        }
    }
}

#[test]
fn the_product_is_that_of_the_quantized_values() {
    let mut rng = Rng::new(2);
    for format in QuantFormat::ALL {
        for (n, k) in [(64, 64), (20, 96), (80, 384), (7, 1536)] {
            let w = matrix(format, &random_blocks(format, n, k, &mut rng), k);
            let x = rng.normals(3 * k);
            let out = product(level(), 2, &w, &x);
            let mut weights = vec![0.0; k];
            for row in 0..n {
                w.dequantize_row(row, &mut weights);
                for (t, x) in x.chunks_exact(k).enumerate() {
                    let expected: f64 = round_to_8_bits(x)
                        .iter()
                        .zip(&weights)
                        .map(|(&x, &w)| x as f64 * w as f64)
                        .sum();
                    let error = (out[t * n + row] - expected as f32).abs();
                    assert!(error < SUM_TOLERANCE, "{w:?} [{t}, {row}]: off by {error}");
                }
            }
        }
    }
}

fn round_to_8_bits(x: &[f32]) -> Vec<f32> {
    x.chunks_exact(32)
        .flat_map(|block| {
            let largest = block.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            block.iter().map(move |v| (v * (127.0 / largest)).round_ties_even() * largest / 127.0)
        })
        .collect()
}

#[test]
fn levels_agree_bit_for_bit() {
    let mut rng = Rng::new(3);
    for format in QuantFormat::ALL {
        for (n, k) in [(64, 64), (20, 96), (37, 576)] {
            let w = matrix(format, &random_blocks(format, n, k, &mut rng), k);
            for rows in [1, 2, 5, 6, 7, 13] {
                let mut x = rng.normals(rows * k);
                x[..32].fill(0.0);
                x[40] = 1e-38;
                let scalar = product(Level::Scalar, 1, &w, &x);
                for level in Level::supported() {
                    assert_eq!(product(level, 1, &w, &x), scalar, "{w:?} {rows} rows {level:?}");
                }
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_batch_or_on_threads() {
    let mut rng = Rng::new(4);
    for (format, n, k) in
        [(QuantFormat::Q4_1, 200, 576), (QuantFormat::Q4_0, 72, 96), (QuantFormat::Q8_0, 8, 1536)]
    {
        let w = matrix(format, &random_blocks(format, n, k, &mut rng), k);
        let x = rng.normals(400 * k);
        let alone: Vec<f32> =
            x.chunks_exact(k).flat_map(|row| product(level(), 1, &w, row)).collect();
        for rows in [1, 2, 7, 32, 200, 400] {
            for threads in [1, 2, 3] {
                let batch = product(level(), threads, &w, &x[..rows * k]);
                assert_eq!(batch, alone[..rows * n], "{w:?} {rows} rows {threads} threads");
            }
        }
    }
}

#[test]
fn rows_wider_than_the_product_keep_the_rest() {
    let mut rng = Rng::new(5);
    let (format, n, k, ldo) = (QuantFormat::Q8_0, 21, 64, 30);
    let w = matrix(format, &random_blocks(format, n, k, &mut rng), k);
    let x = rng.normals(9 * k);
    let tight = product(level(), 1, &w, &x);
    let mut wide = vec![7.0; 8 * ldo + n];
    w.matmul(&Pool::new(2), &x, &mut wide, ldo, &mut MatmulScratch::new());
    for (row, (wide, tight)) in wide.chunks(ldo).zip(tight.chunks_exact(n)).enumerate() {
        assert_eq!(&wide[..n], tight, "row {row}");
        assert!(wide[n..].iter().all(|&v| v == 7.0), "row {row}");
    }
}

#[test]
fn extreme_codes_and_activations_do_not_saturate() {
    for format in QuantFormat::ALL {
        for code in [0x00, 0x7f, 0x80, 0xff] {
            let mut bytes = vec![code; 16 * format.row_bytes(64)];
            for block in bytes.chunks_exact_mut(format.block_bytes()) {
                block[..2].copy_from_slice(&half::f16::ONE.to_le_bytes());
                block[2..format.header_bytes()].fill(0);
            }
            let w = matrix(format, &bytes, 64);
            let mut weights = [0.0; 64];
            w.dequantize_row(0, &mut weights);
            for x in [[1.0; 64], [-1.0; 64], std::array::from_fn(|i| weights[i].signum())] {
                let expected: f32 = x.iter().zip(weights).map(|(x, w)| x * w).sum();
                for level in Level::supported() {
                    let out = product(level, 1, &w, &[x, x, x, x, x].concat());
                    let worst = out.iter().map(|y| (y - expected).abs()).fold(0.0, f32::max);
                    assert!(worst < 1e-2, "{w:?} codes {code:#x} {level:?}: {out:?} {expected}");
                }
            }
        }
    }
}

#[test]
fn adding_products_is_adding_after_the_product() {
    let mut rng = Rng::new(7);
    for format in QuantFormat::ALL {
        let (n, k) = (37, 96);
        let w = matrix(format, &random_blocks(format, n, k, &mut rng), k);
        let (x, before) = (rng.normals(5 * k), rng.normals(5 * n));
        for level in Level::supported() {
            let mut out = before.clone();
            let mut scratch = MatmulScratch::new();
            w.matmul_at(level, &Pool::new(2), &x, &mut out, n, true, &mut scratch);
            let product = product(level, 1, &w, &x);
            let expected: Vec<f32> = before.iter().zip(&product).map(|(a, b)| a + b).collect();
            assert_eq!(out, expected, "{w:?} {level:?}");
        }
    }
}

#[test]
fn zero_blocks_give_zero() {
    for format in QuantFormat::ALL {
        let mut bytes = Vec::new();
        quantize_blocks(format, &[0.0; 4 * 64], &mut bytes);
        let w = matrix(format, &bytes, 64);
        assert_eq!(product(level(), 1, &w, &[1.0; 64]), [0.0; 4]);
        let random = matrix(format, &random_blocks(format, 4, 64, &mut Rng::new(6)), 64);
        assert_eq!(product(level(), 1, &random, &[0.0; 64]), [0.0; 4]);
    }
}

#[test]
fn wrong_sizes_from_files_are_errors() {
    use crate::KernelError;
    let format = QuantFormat::Q4_0;
    let row = vec![0u8; 36];
    let error = |rows: &[&[u8]], k| QuantMatrix::from_blocks(format, rows, k).unwrap_err();
    assert!(matches!(error(&[], 64), KernelError::OutOfRange { found: 0, .. }));
    assert!(matches!(error(&[&row], 48), KernelError::Columns { k: 48, .. }));
    assert!(matches!(error(&[&row], 0), KernelError::Columns { k: 0, .. }));
    assert_eq!(
        error(&[&row, &row[1..]], 64).to_string(),
        "row 1 of a Q4_0 matrix has 35 bytes, 64 columns imply 36"
    );
}

/// See `tests/golden/PROVENANCE`.
const GGML_BLOCKS: &[u8] = include_bytes!("../../tests/golden/ggml_blocks.bin");

#[test]
fn blocks_are_those_of_ggml() {
    let len = 12 * 32;
    let floats = |bytes: &[u8]| -> Vec<f32> {
        bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    };
    let (x, mut rest) = GGML_BLOCKS.split_at(4 * len);
    for format in QuantFormat::ALL {
        let (expected, after) = rest.split_at(format.row_bytes(len));
        let (values, after) = after.split_at(4 * len);
        rest = after;
        let (mut bytes, mut back) = (Vec::new(), vec![0.0; len]);
        quantize_blocks(format, &floats(x), &mut bytes);
        assert!(bytes == expected, "{format}: other bytes");
        dequantize_blocks(format, &bytes, &mut back);
        assert_eq!(back, floats(values), "{format}");
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
        format in proptest::sample::select(QuantFormat::ALL.to_vec()),
    ) {
        let (mut bytes, mut back) = (Vec::new(), vec![0.0; 64]);
        quantize_blocks(format, &x, &mut bytes);
        prop_assert_eq!(bytes.len(), format.row_bytes(64));
        dequantize_blocks(format, &bytes, &mut back);
        for (x, back) in x.chunks_exact(32).zip(back.chunks_exact(32)) {
            let largest = x.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            // Q4_0 clips the far end by up to one step; f16 scales add 2^-11 of the range.
            let step = match format {
                QuantFormat::Q4_0 => largest / 8.0,
                QuantFormat::Q4_1 => largest / 15.0,
                QuantFormat::Q8_0 => largest / 254.0,
            } * 1.01 + largest * 1.5e-3;
            for (x, back) in x.iter().zip(back) {
                prop_assert!((x - back).abs() <= step, "{} became {}, step {}", x, back, step);
            }
        }
    }

    #[test]
    fn levels_agree_on_any_shape(
        n in 1usize..70, blocks in 1usize..7, rows in 1usize..20, seed in 0u64..1000,
    ) {
        let (k, mut rng) = (blocks * 32, Rng::new(seed + 1));
        for format in QuantFormat::ALL {
            let w = matrix(format, &random_blocks(format, n, k, &mut rng), k);
            let x = rng.normals(rows * k);
            let scalar = product(Level::Scalar, 1, &w, &x);
            for level in Level::supported() {
                prop_assert_eq!(&product(level, 2, &w, &x), &scalar);
            }
        }
    }
}
