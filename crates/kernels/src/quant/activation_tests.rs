//! Activations in 8 bits: the levels against each other, and what the rounding costs of a product.

use super::activations::{Rows, Sums, quantize_rows};
use super::format::BLOCK;
use super::tests::{formats, matrix, product, random_blocks};
use crate::level::with_level;
use crate::test_rng::Rng;
use crate::test_values::{Mix, Placed, assert_same};
use crate::{Level, MatmulScratch, Pool, level};

/// Quantized blocks with their sums.
struct Quantized {
    codes: Vec<i8>,
    scales: Vec<f32>,
    corrections: Vec<i32>,
    scaled_sums: Vec<f32>,
}

fn quantized(level: Level, x: &[f32], sums: Sums) -> Quantized {
    let blocks = x.len() / BLOCK;
    let mut all = Quantized {
        codes: vec![0; x.len()],
        scales: vec![0.0; blocks],
        corrections: vec![0; blocks * sums.subs],
        scaled_sums: vec![0.0; blocks * sums.subs],
    };
    let out = Rows {
        codes: &mut all.codes,
        scales: &mut all.scales,
        corrections: &mut all.corrections,
        scaled_sums: &mut all.scaled_sums,
    };
    quantize_rows(level, x, sums, out);
    all
}

#[test]
fn awkward_activations_have_one_form_at_every_level() {
    let mut rng = Rng::new(21);
    for (blocks, subs) in [1, 2, 3, 4, 5, 8, 11].into_iter().flat_map(|n| [(n, 1), (n, 2)]) {
        for (mix, zero_point) in Mix::ALL.into_iter().zip([8, 32, 128]) {
            let sums = Sums { zero_point, subs };
            let x = Placed::new(&mix.values(&mut rng, blocks * BLOCK));
            let expected = quantized(Level::Scalar, &x, sums);
            for level in Level::supported() {
                let (found, what) = (quantized(level, &x, sums), format!("{level:?} {mix:?}"));
                assert_same(&what, &found.scales, &expected.scales);
                assert_same(&what, &found.scaled_sums, &expected.scaled_sums);
                // Blocks without a scale have no result, whatever their codes are.
                for b in (0..blocks).filter(|&b| !expected.scales[b].is_nan()) {
                    let (of_block, of_subs) =
                        (b * BLOCK..(b + 1) * BLOCK, b * subs..(b + 1) * subs);
                    assert_eq!(found.codes[of_block.clone()], expected.codes[of_block], "{what}");
                    let corrections = (&found.corrections, &expected.corrections);
                    assert_eq!(corrections.0[of_subs.clone()], corrections.1[of_subs], "{what}");
                }
            }
        }
    }
}

#[test]
fn unaligned_slices_have_the_products_of_aligned_ones() {
    let mut rng = Rng::new(22);
    for (format, k) in formats(96) {
        let n = 37;
        let w = matrix(format, &random_blocks(format, n, k, &mut rng), k);
        let (x, start) = (rng.normals(7 * k), rng.normals(7 * n));
        for level in Level::supported() {
            let expected = product(level, 1, &w, &x);
            let (x, mut out) = (Placed::new(&x), Placed::new(&start));
            let mut scratch = MatmulScratch::new();
            w.matmul_at(level, &Pool::new(1), &x, &mut out, n, false, &mut scratch);
            assert_eq!(out[..], expected[..], "{w:?} {level:?}");
        }
    }
}

/// Activations of normal spread have steps of a 55th of it, and are off by up to half a step.
#[test]
fn rounding_activations_to_8_bits_costs_half_a_percent_of_a_product_in_any_format() {
    let mut rng = Rng::new(23);
    for (format, k) in formats(768) {
        let (n, rows) = (64, 8);
        let w = matrix(format, &random_blocks(format, n, k, &mut rng), k);
        let x = rng.normals(rows * k);
        let (rounded, mut precise) = (product(level(), 1, &w, &x), vec![0.0; rows * n]);
        // As f32, so that nothing is rounded but the sums.
        with_level(Level::Scalar, || {
            let mut scratch = MatmulScratch::new();
            w.matmul_precise(&Pool::new(1), &x, &mut precise, n, false, &mut scratch);
        });
        let square = |x: f32| f64::from(x) * f64::from(x);
        let error: f64 = rounded.iter().zip(&precise).map(|(a, b)| square(a - b)).sum();
        let size: f64 = precise.iter().map(|&x| square(x)).sum();
        let cost = (error / size).sqrt();
        assert!((0.002..0.008).contains(&cost), "{format}: {cost}");
    }
}
