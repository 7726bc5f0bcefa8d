//! Formulas in f64 against the ops, at every level and over tails.

use super::elementwise::{activate_at, add_at, gated_mul_at};
use super::logits::{block_maxima_at, block_weights_at, log_softmax_at_level, softmax_weights_at};
use super::norm::rms_norm_at;
use super::rope::rope_at;
use super::*;
use crate::test_rng::Rng;
use crate::{Level, Pool};

/// A few roundings of f32, relative to values of magnitude 1 to 10.
const TOLERANCE: f64 = 2e-6;

fn assert_close(found: &[f32], expected: impl IntoIterator<Item = f64>) {
    for (i, (&found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found as f64 - expected).abs();
        assert!(error <= TOLERANCE * (1.0 + expected.abs()), "[{i}]: {found}, not {expected}");
    }
}

/// Calls `check(level, pool, rows, width)` over levels, threads and awkward widths.
fn for_shapes(check: impl Fn(Level, &Pool, usize, usize)) {
    for level in Level::supported() {
        for threads in [1, 2, 3] {
            let pool = Pool::new(threads);
            for (rows, width) in [(1, 1), (3, 2), (5, 31), (2, 576), (7, 100), (40, 578)] {
                check(level, &pool, rows, width);
            }
        }
    }
}

#[test]
fn rms_norm_is_its_formula() {
    for_shapes(|level, pool, rows, width| {
        let mut rng = Rng::new(width as u64);
        let (x, gain) = (rng.normals(rows * width), rng.normals(width));
        let mut out = vec![f32::NAN; x.len()];
        rms_norm_at(level, pool, &x, &gain, 1e-5, &mut out);
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact(width)) {
            let mean = x.iter().map(|&v| (v as f64).powi(2)).sum::<f64>() / width as f64;
            let scale = 1.0 / (mean + 1e-5).sqrt();
            assert_close(out, x.iter().zip(&gain).map(|(&x, &g)| x as f64 * scale * g as f64));
        }
    });
}

#[test]
fn add_adds_everything_once() {
    for_shapes(|level, pool, rows, width| {
        let mut rng = Rng::new(width as u64);
        let (x, y) = (rng.normals(rows * width), rng.normals(rows * width));
        let mut sum = x.clone();
        add_at(level, pool, &mut sum, &y);
        assert!(sum.iter().zip(x.iter().zip(&y)).all(|(sum, (x, y))| *sum == x + y));
    });
}

#[test]
fn gates_are_their_formulas() {
    let silu = |x: f64| x / (1.0 + (-x).exp());
    let gelu_tanh = |x: f64| {
        x / 2.0 * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
    };
    // PyTorch's gelu of -3, -1, -0.5, 0.5, 1 and 3, exact form.
    let exact = [(-3.0, -0.004_049_7), (-1.0, -0.158_655_3), (-0.5, -0.154_268_8)];
    let exact =
        exact.into_iter().chain([(0.5, 0.345_731_2), (1.0, 0.841_344_7), (3.0, 2.995_950_2)]);
    for (x, expected) in exact {
        let mut out = [0.0];
        gated_mul(&Pool::new(1), Gate::GeluErf, &[x, 1.0], 1, &mut out);
        assert!((out[0] - expected).abs() < 1e-6, "gelu({x}) is {}, not {expected}", out[0]);
    }
    for_shapes(|level, pool, rows, width| {
        let mut rng = Rng::new(width as u64);
        let gate_up: Vec<f32> = rng.normals(2 * rows * width).iter().map(|v| v * 4.0).collect();
        for (gate, act) in
            [(Gate::Silu, &silu as &dyn Fn(f64) -> f64), (Gate::GeluTanh, &gelu_tanh)]
        {
            let mut out = vec![f32::NAN; rows * width];
            gated_mul_at(level, pool, gate, &gate_up, width, &mut out);
            for (row, out) in gate_up.chunks_exact(2 * width).zip(out.chunks_exact(width)) {
                let (gate, up) = row.split_at(width);
                let expected = gate.iter().zip(up).map(|(&g, &u)| act(g as f64) * u as f64);
                assert_close(out, expected);
            }
            let mut alone = gate_up[..rows * width].to_vec();
            activate_at(level, pool, gate, &mut alone);
            assert_close(&alone, gate_up.iter().take(rows * width).map(|&x| act(x as f64)));
        }
    });
}

#[test]
fn multipliers_and_caps_are_their_formulas() {
    for_shapes(|_, pool, rows, width| {
        let mut rng = Rng::new(width as u64);
        let (x, y) = (rng.normals(rows * width), rng.normals(rows * width));
        let wide = |x: &f32| f64::from(*x);
        let mut out = x.clone();
        add_scaled(pool, &mut out, &y, 0.22);
        assert_close(&out, x.iter().zip(&y).map(|(x, y)| wide(x) + f64::from(0.22f32) * wide(y)));
        scale(pool, &mut out, 0.0);
        assert!(out.iter().all(|x| *x == 0.0));
        let mut out: Vec<f32> = x.iter().map(|x| x * 40.0).collect();
        softcap(pool, &mut out, 30.0);
        let error =
            |(out, x): (&f32, &f32)| (wide(out) - 30.0 * (wide(x) * 40.0 / 30.0).tanh()).abs();
        assert!(out.iter().zip(&x).map(error).fold(0.0, f64::max) < 2e-5);
    });
}

#[test]
fn groups_are_normed_as_rows_are_and_other_columns_stay() {
    for_shapes(|_, pool, rows, width| {
        for (groups, gap) in [(1, 3), (4, 0)] {
            let ldx = groups * width + gap;
            let mut rng = Rng::new(width as u64);
            let (before, gain) = (rng.normals(rows * ldx), rng.normals(width));
            let mut x = before.clone();
            rms_norm_groups(pool, &mut x, ldx, (rows, groups), &gain, 1e-5);
            for (x, before) in x.chunks_exact(ldx).zip(before.chunks_exact(ldx)) {
                let mut expected = before.to_vec();
                let normed = groups * width;
                rms_norm(pool, &before[..normed], &gain, 1e-5, &mut expected[..normed]);
                assert_eq!(x, expected);
            }
        }
    });
}

#[test]
fn rope_rotates_pairs_by_position_and_leaves_other_columns() {
    for level in Level::supported() {
        for (head_dim, heads, gap, rows) in [(64, 3, 5, 40), (32, 2, 0, 7), (6, 1, 1, 3)] {
            let table = RopeTable::new(&RopeSpec::plain(head_dim, 10_000.0), 8192);
            let ldx = heads * head_dim + gap;
            let before = Rng::new(3).normals((rows - 1) * ldx + heads * head_dim);
            let positions: Vec<u32> = (0..rows as u32).map(|t| t * t * 97 % 8192).collect();
            let mut x = before.clone();
            rope_at(level, &Pool::new(2), &mut x, ldx, heads, &positions, &table);
            for (i, (&found, &untouched)) in x.iter().zip(&before).enumerate() {
                let (row, column) = (i / ldx, i % ldx);
                if column >= heads * head_dim {
                    assert_eq!(found, untouched);
                    continue;
                }
                let (half, d) = (head_dim / 2, column % head_dim);
                let exponent = -2.0 * (d % half) as f64 / head_dim as f64;
                let angle = positions[row] as f64 * 10_000f64.powf(exponent);
                let partner = if d < half { -before[i + half] } else { before[i - half] };
                let expected = untouched as f64 * angle.cos() + partner as f64 * angle.sin();
                assert_close(&[found], [expected]);
            }
        }
    }
}

#[test]
fn argmax_takes_the_first_of_equals_and_passes_over_nan() {
    let mut row = vec![0.5; 100];
    row[70] = 2.0;
    row[33] = 2.0;
    assert_eq!(argmax(&row), 33);
    row[5] = f32::NAN;
    assert_eq!(argmax(&row), 33);
    assert_eq!(argmax(&[-3.0]), 0);
    assert_eq!(argmax(&[f32::NEG_INFINITY, f32::NEG_INFINITY]), 0);
}

#[test]
fn the_largest_of_blocks_is_that_of_the_row() {
    let mut rows: Vec<Vec<f32>> =
        [1, 63, 64, 65, 500].map(|width| Rng::new(width as u64).normals(width)).into();
    let mut several = vec![f32::NAN; 300];
    several[200..].fill(f32::NEG_INFINITY);
    rows.push(several.clone());
    several[70] = 1.0;
    several[270] = 1.0;
    rows.push(several);
    rows.push(vec![f32::NAN; 70]);
    for row in rows {
        let mut maxima = vec![0.0; row.len().div_ceil(LOGITS_BLOCK)];
        block_maxima(&row, &mut maxima);
        assert_eq!(largest_of_blocks(&row, &maxima), argmax(&row), "{} logits", row.len());
    }
}

#[test]
fn logits_are_finished_as_step_by_step() {
    let v = 150;
    let before = Rng::new(12).normals(3 * v);
    for finish in [
        LogitsFinish::default(),
        LogitsFinish { scale: Some(0.3), cap: None },
        LogitsFinish { scale: Some(4.0), cap: Some(2.0) },
    ] {
        let pool = Pool::new(2);
        let (mut found, mut maxima) = (before.clone(), vec![0.0; 9]);
        finish_logits(&pool, &mut found, v, finish, &mut maxima);
        let (mut expected, mut expected_maxima) = (before.clone(), vec![0.0; 9]);
        if let Some(factor) = finish.scale {
            scale(&pool, &mut expected, factor);
        }
        if let Some(cap) = finish.cap {
            softcap(&pool, &mut expected, cap);
        }
        let rows = expected.chunks_exact(v).zip(expected_maxima.chunks_exact_mut(3));
        rows.for_each(|(row, maxima)| block_maxima(row, maxima));
        assert_eq!((found, maxima), (expected, expected_maxima), "{finish:?}");
    }
}

#[test]
fn log_softmax_is_its_formula_and_masks_count_nothing() {
    for level in Level::supported() {
        let mut row: Vec<f32> = Rng::new(9).normals(49_155).iter().map(|v| v * 5.0).collect();
        row[17] = f32::NEG_INFINITY;
        let largest = row.iter().copied().fold(f32::MIN, f32::max) as f64;
        let sum: f64 = row.iter().map(|&v| (v as f64 - largest).exp()).sum();
        for token in [0, 3, 49_154] {
            let expected = row[token as usize] as f64 - largest - sum.ln();
            assert_close(&[log_softmax_at_level(level, &row, token)], [expected]);
        }
        assert_eq!(log_softmax_at_level(level, &row, 17), f32::NEG_INFINITY);
    }
}

#[test]
fn blocks_of_logits_are_summed_up_as_their_formulas_say() {
    for level in Level::supported() {
        for width in [1, 16, 64, 70, 640, 1003] {
            let mut row: Vec<f32> = Rng::new(4).normals(width).iter().map(|v| v * 6.0).collect();
            row[width / 2] = f32::NEG_INFINITY;
            let (largest, scale) = (row.iter().copied().fold(f32::MIN, f32::max), 1.25);
            let weight = |v: f32| ((v as f64 - largest as f64) * scale as f64).exp();
            let blocks = width.div_ceil(LOGITS_BLOCK);
            let (mut maxima, mut sums) = (vec![0.0; blocks], vec![0.0; blocks]);
            block_maxima_at(level, &row, &mut maxima);
            block_weights_at(level, &row, largest, scale, &mut sums);
            for ((block, &maximum), &sum) in row.chunks(LOGITS_BLOCK).zip(&maxima).zip(&sums) {
                let expected = block.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                assert_eq!(maximum, expected);
                assert_close(&[sum], [block.iter().map(|&v| weight(v)).sum()]);
            }
            let mut each = row.clone();
            softmax_weights_at(level, &mut each, largest, scale);
            assert_close(&each, row.iter().map(|&v| weight(v)));
        }
    }
}
