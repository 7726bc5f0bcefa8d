//! The product against exact sums, the levels against each other, and batches against single rows.

use proptest::prelude::*;

use super::*;
use crate::dense::{check_weight, precise_type};
use crate::level::with_level;
use crate::test_rng::Rng;
use crate::{DenseMatrix, Level, MatmulScratch, Pool, level};
use crate::{DenseType, WeightRef};

/// f32 sums of up to 1536 products of magnitude ~1 in another order; measured 2e-5 at most.
const SUM_TOLERANCE: f32 = 2e-4;

/// The formats, each with the nearest number of columns from `k` up that it can have.
pub(super) fn formats(k: usize) -> impl Iterator<Item = (QuantFormat, usize)> {
    QuantFormat::ALL.into_iter().map(move |format| (format, k.next_multiple_of(format.block_len())))
}

/// Scales with which the weights of random codes are of magnitude 0.1 or so.
fn usual_scales(format: QuantFormat) -> (f32, f32) {
    match format {
        QuantFormat::Q4_0 | QuantFormat::Q5_0 | QuantFormat::Q8_0 => (0.01, 0.0),
        QuantFormat::Q4_1 | QuantFormat::Q5_1 => (0.01, -0.08),
        QuantFormat::Q2_K => (0.01, 0.01),
        QuantFormat::Q3_K => (0.001, 0.0),
        QuantFormat::Q4_K | QuantFormat::Q5_K => (0.0003, 0.001),
        QuantFormat::Q6_K => (0.0001, 0.0),
        QuantFormat::IQ4_NL => (0.002, 0.0),
        QuantFormat::MXFP4 => (0.03, 0.0),
    }
}

/// Writes the scale and, if there is one, the factor of the minimum into a block of a file.
fn set_scales(format: QuantFormat, block: &mut [u8], d: f32, m: f32) {
    let (d_at, m_at) = match format {
        QuantFormat::Q4_0 | QuantFormat::Q5_0 | QuantFormat::Q8_0 | QuantFormat::IQ4_NL => {
            (0, None)
        }
        QuantFormat::Q4_1 | QuantFormat::Q5_1 | QuantFormat::Q4_K | QuantFormat::Q5_K => {
            (0, Some(2))
        }
        QuantFormat::Q2_K => (80, Some(82)),
        QuantFormat::Q3_K => (108, None),
        QuantFormat::Q6_K => (208, None),
        QuantFormat::MXFP4 => {
            block[0] = (128.0 + d.log2().round()) as u8;
            return;
        }
    };
    let mut put = |at: usize, value: f32| {
        block[at..at + 2].copy_from_slice(&half::f16::from_f32(value).to_le_bytes());
    };
    put(d_at, d);
    if let Some(m_at) = m_at {
        put(m_at, m);
    }
}

/// File bytes of a random matrix with every code value and moderate scales.
pub(super) fn random_blocks(format: QuantFormat, n: usize, k: usize, rng: &mut Rng) -> Vec<u8> {
    let mut bytes = vec![0u8; n * format.row_bytes(k)];
    let (d, m) = usual_scales(format);
    for block in bytes.chunks_exact_mut(format.block_bytes()) {
        block.fill_with(|| rng.next_u64() as u8);
        let (d, m) = (d * (1.0 + 0.5 * rng.uniform()), m * (1.0 + 0.4 * rng.uniform()));
        set_scales(format, block, d, m);
    }
    bytes
}

pub(super) fn matrix(format: QuantFormat, bytes: &[u8], k: usize) -> QuantMatrix {
    let rows: Vec<&[u8]> = bytes.chunks_exact(format.row_bytes(k)).collect();
    QuantMatrix::from_blocks(&Pool::new(2), format, &rows, k).unwrap()
}

pub(super) fn product(level: Level, threads: usize, w: &QuantMatrix, x: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / w.k() * w.n()];
    w.matmul_at(level, &Pool::new(threads), x, &mut out, w.n(), false, &mut MatmulScratch::new());
    out
}

#[test]
fn packing_keeps_every_weight() {
    let mut rng = Rng::new(1);
    for (n, k) in [(16, 64), (5, 96), (33, 32), (48, 576)] {
        for (format, k) in formats(k) {
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
    for (n, k) in [(64, 64), (20, 96), (80, 384), (7, 1536)] {
        for (format, k) in formats(k) {
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
fn the_precise_product_is_that_of_the_unpacked_weights() {
    let mut rng = Rng::new(8);
    let mut scratch = MatmulScratch::new();
    for (n, k) in [(64, 64), (20, 96), (101, 384)] {
        for (format, k) in formats(k) {
            let w = matrix(format, &random_blocks(format, n, k, &mut rng), k);
            let mut weights = vec![0.0; n * k];
            for (row, weights) in weights.chunks_exact_mut(k).enumerate() {
                w.dequantize_row(row, weights);
            }
            for (rows, threads) in [(1, 1), (2, 2), (25, 3)] {
                let (x, pool) = (rng.normals(rows * k), Pool::new(threads));
                for level in Level::supported() {
                    let (mut found, mut expected) = (vec![1.0; rows * n], vec![1.0; rows * n]);
                    with_level(level, || {
                        w.matmul_precise(&pool, &x, &mut found, n, true, &mut scratch);
                        let dense = DenseMatrix::pack(&pool, &weights, n, k, precise_type(level));
                        dense.matmul(&pool, &x, &mut expected, n, true, &mut scratch);
                    });
                    assert!(found == expected, "{w:?} {level:?} {rows} rows");
                }
            }
        }
    }
}

/// Shapes `(rows, n, k)`: odd ones, row tasks, and reductions over several blocks of made steps in
/// either type, along `k` and along `n`. The other side of these is short: all of it is multiplied 32
/// times, which takes long under emulation.
const WEIGHT_SHAPES: [(usize, usize, usize); 4] =
    [(5, 37, 96), (50, 16, 256), (50, 20, 2176), (5, 2080, 32)];

#[test]
fn blocks_are_a_weight_in_both_directions() {
    let mut rng = Rng::new(10);
    for (rows, n, k) in WEIGHT_SHAPES {
        for (format, k) in formats(k) {
            let w = matrix(format, &random_blocks(format, n, k, &mut rng), k);
            let mut weights = vec![0.0; n * k];
            for (row, weights) in weights.chunks_exact_mut(k).enumerate() {
                w.dequantize_row(row, weights);
            }
            for level in Level::supported() {
                for dtype in [DenseType::F32, DenseType::Bf16] {
                    let pool = Pool::new(2);
                    with_level(level, || {
                        check_weight(&pool, WeightRef::Quant(&w), &weights, dtype, rows);
                    });
                }
            }
        }
    }
}

#[test]
fn rows_with_values_that_are_not_finite_have_no_result_and_spoil_no_other() {
    let mut rng = Rng::new(9);
    for (format, k) in formats(576) {
        let w = matrix(format, &random_blocks(format, 20, k, &mut rng), k);
        let x = rng.normals(6 * k);
        for level in Level::supported() {
            let whole = product(level, 1, &w, &x);
            for (i, value) in
                [f32::NAN, f32::INFINITY, -f32::NAN, f32::NEG_INFINITY].into_iter().enumerate()
            {
                let mut broken = x.clone();
                // Also in the blocks that do not fill a step of the widest version.
                broken[3 * k + (k - 1) * i / 3] = value;
                let out = product(level, 1, &w, &broken);
                assert!(out[3 * 20..4 * 20].iter().all(|y| y.is_nan()), "{w:?} {level:?} {value}");
                assert_eq!(out[..3 * 20], whole[..3 * 20], "{w:?} {level:?} {value}");
                assert_eq!(out[4 * 20..], whole[4 * 20..], "{w:?} {level:?} {value}");
            }
        }
    }
}

#[test]
fn levels_agree_bit_for_bit() {
    let mut rng = Rng::new(3);
    for (n, k) in [(64, 64), (20, 96), (37, 576)] {
        for (format, k) in formats(k) {
            let w = matrix(format, &random_blocks(format, n, k, &mut rng), k);
            for rows in [1, 2, 5, 6, 7, 13, 41] {
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

#[cfg(target_arch = "x86_64")]
#[test]
fn avx2_computes_alike_with_and_without_vnni() {
    use crate::level::without_avx_vnni;
    if Level::Avx2.missing_feature().is_some() {
        return;
    }
    let mut rng = Rng::new(13);
    for (n, k) in [(16, 64), (37, 288)] {
        for (format, k) in formats(k) {
            let mut bytes = random_blocks(format, n, k, &mut rng);
            // Extreme codes too: sums of products of bytes must not saturate.
            let (zeros, ones) = bytes.split_at_mut(format.row_bytes(k));
            for (row, code) in [(zeros, 0x00), (&mut ones[..format.row_bytes(k)], 0xff)] {
                row.fill(code);
                for block in row.chunks_exact_mut(format.block_bytes()) {
                    set_scales(format, block, 0.01, 0.01);
                }
            }
            let w = matrix(format, &bytes, k);
            for rows in [1, 2, 3, 4, 9] {
                let mut x = rng.normals(rows * k);
                for x in &mut x[..k] {
                    *x = x.signum();
                }
                let scalar = product(Level::Scalar, 1, &w, &x);
                assert_eq!(product(Level::Avx2, 1, &w, &x), scalar, "{w:?} {rows} rows");
                let without = without_avx_vnni(|| product(Level::Avx2, 1, &w, &x));
                assert_eq!(without, scalar, "{w:?} {rows} rows, without VNNI");
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_batch_or_on_threads() {
    let mut rng = Rng::new(4);
    for (format, k) in formats(480) {
        let n = 200;
        let w = matrix(format, &random_blocks(format, n, k, &mut rng), k);
        let x = rng.normals(400 * k);
        let alone: Vec<f32> =
            x.chunks_exact(k).flat_map(|row| product(level(), 1, &w, row)).collect();
        for rows in [1, 2, 7, 32, 400] {
            for threads in [1, 3] {
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
    for (format, k) in formats(64) {
        for code in [0x00, 0x3f, 0x7f, 0x80, 0xff] {
            let mut bytes = vec![code; 16 * format.row_bytes(k)];
            for block in bytes.chunks_exact_mut(format.block_bytes()) {
                set_scales(format, block, 1.0, 0.0);
            }
            let w = matrix(format, &bytes, k);
            let mut weights = vec![0.0; k];
            w.dequantize_row(0, &mut weights);
            let magnitude: f32 = weights.iter().map(|w| w.abs()).sum();
            let signs = weights.iter().map(|w| w.signum()).collect();
            for x in [vec![1.0; k], vec![-1.0; k], signs] {
                let expected: f32 = x.iter().zip(&weights).map(|(x, w)| x * w).sum();
                for level in Level::supported() {
                    let out = product(level, 1, &w, &[&x[..]; 5].concat());
                    let worst = out.iter().map(|y| (y - expected).abs()).fold(0.0, f32::max);
                    // A step that saturated would be off by a 128th or more.
                    let limit = 1e-5 * magnitude;
                    assert!(worst <= limit, "{w:?} codes {code:#x} {level:?}: {out:?} {expected}");
                }
            }
        }
    }
}

#[test]
fn levels_agree_on_extreme_scales() {
    let mut rng = Rng::new(8);
    for (format, k) in formats(96) {
        let n = 21;
        let mut bytes = random_blocks(format, n, k, &mut rng);
        // The largest f16, the smallest subnormal ones, zero; a subnormal f32 for MXFP4.
        let scales = [65504.0, -6e-8, 3e-7, 0.0, 1e-5, -2.0];
        for (i, block) in bytes.chunks_exact_mut(format.block_bytes()).enumerate() {
            let (d, m) = (scales[i % 6], scales[(i / 6 + 1) % 6]);
            if format == QuantFormat::MXFP4 {
                block[0] = [0, 1, 2, 3, 90, 140][i % 6];
            } else {
                set_scales(format, block, d, m);
            }
        }
        let w = matrix(format, &bytes, k);
        let mut x = rng.normals(6 * k);
        for (row, factor) in x.chunks_exact_mut(k).zip([1.0, 1e25, 1e-25, 1e-36, 0.0, 1e4]) {
            for v in row {
                *v *= factor;
            }
        }
        let scalar = product(Level::Scalar, 1, &w, &x);
        assert!(scalar.iter().all(|y| y.is_finite()), "{w:?}");
        for level in Level::supported() {
            assert_eq!(product(level, 1, &w, &x), scalar, "{w:?} {level:?}");
        }
    }
}

#[test]
fn adding_products_is_adding_after_the_product() {
    let mut rng = Rng::new(7);
    for (format, k) in formats(96) {
        let n = 37;
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
    for (format, k) in formats(64) {
        let mut bytes = Vec::new();
        if format.can_quantize() {
            quantize_blocks(format, &vec![0.0; 4 * k], &mut bytes);
        } else {
            bytes.resize(4 * format.row_bytes(k), 0);
        }
        let w = matrix(format, &bytes, k);
        assert_eq!(product(level(), 1, &w, &vec![1.0; k]), [0.0; 4], "{w:?}");
        let random = matrix(format, &random_blocks(format, 4, k, &mut Rng::new(6)), k);
        assert_eq!(product(level(), 1, &random, &vec![0.0; k]), [0.0; 4]);
    }
}

#[test]
fn packed_weights_take_hardly_more_than_the_file() {
    for (format, k) in formats(1024) {
        let bytes = random_blocks(format, 64, k, &mut Rng::new(9));
        let packed = matrix(format, &bytes, k).bytes();
        assert!(packed <= bytes.len() * 106 / 100, "{format}: {packed} for {}", bytes.len());
    }
}

#[test]
fn wrong_sizes_from_files_are_errors() {
    use crate::KernelError;
    let format = QuantFormat::Q4_0;
    let row = vec![0u8; 36];
    let error =
        |rows: &[&[u8]], k| QuantMatrix::from_blocks(&Pool::new(2), format, rows, k).unwrap_err();
    assert!(matches!(error(&[], 64), KernelError::OutOfRange { found: 0, .. }));
    assert!(matches!(error(&[&row], 48), KernelError::Columns { k: 48, .. }));
    assert!(matches!(error(&[&row], 0), KernelError::Columns { k: 0, .. }));
    assert_eq!(
        error(&[&row, &row[1..]], 64).to_string(),
        "row 1 of a Q4_0 matrix has 35 bytes, 64 columns imply 36"
    );
    assert_eq!(
        QuantMatrix::from_blocks(&Pool::new(2), QuantFormat::Q4_K, &[&row], 96)
            .unwrap_err()
            .to_string(),
        "Q4_K needs a positive multiple of 256 columns, found 96"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn levels_agree_on_any_shape(
        n in 1usize..70, blocks in 1usize..7, rows in 1usize..20, seed in 0u64..1000,
    ) {
        let mut rng = Rng::new(seed + 1);
        for format in QuantFormat::ALL {
            // Few of the long blocks: the scalar products take most of the time.
            let k = (blocks * 32).next_multiple_of(format.block_len());
            let w = matrix(format, &random_blocks(format, n, k, &mut rng), k);
            let x = rng.normals(rows * k);
            let scalar = product(Level::Scalar, 1, &w, &x);
            for level in Level::supported() {
                prop_assert_eq!(&product(level, 2, &w, &x), &scalar);
            }
        }
    }
}
