//! Every step against its formula in f64, at every level of the machine; the same bits for any
//! number of threads.

use super::*;
use crate::level::with_level;
use crate::test_close::{F32_TOLERANCE, assert_close, at_every_level, wide};
use crate::test_rng::Rng;
use crate::{DenseType, Level, Pool};

/// Relative length of the error of Newton-Schulz: five iterations with a slope of 3.4 at zero
/// multiply the roundings of the smallest directions.
const NEWTON_SCHULZ_F32: f64 = 1e-5;
/// The same with operands that keep 8 bits.
const NEWTON_SCHULZ_BF16: f64 = 1e-1;
/// Enough values that several threads get some.
const LONG: usize = 40_001;

/// Length of the difference over the length of what is expected.
fn relative_error(found: &[f32], expected: &[f64]) -> f64 {
    let square = |x: f64| x * x;
    let size: f64 = expected.iter().map(|&x| square(x)).sum();
    let pairs = found.iter().zip(expected);
    (pairs.map(|(&a, &b)| square(f64::from(a) - b)).sum::<f64>() / size).sqrt()
}

/// Runs `job` at every level with one and more threads; all results must have the same bits.
fn assert_same_bits(what: &str, job: impl Fn(&Pool) -> Vec<u32>) {
    let expected = with_level(Level::Scalar, || job(&Pool::new(1)));
    for level in Level::supported() {
        for threads in [1, 2, 3] {
            let found = with_level(level, || job(&Pool::new(threads)));
            assert!(found == expected, "{what} at {level:?} with {threads} threads");
        }
    }
}

fn bits(buffers: &[&[f32]]) -> Vec<u32> {
    buffers.iter().flat_map(|buffer| buffer.iter().map(|x| x.to_bits())).collect()
}

#[test]
fn adamw_follows_the_formula_for_several_steps() {
    at_every_level(|pool| {
        let mut rng = Rng::new(6);
        let len = 101;
        let config = AdamW { learning_rate: 0.01, weight_decay: 0.1, ..AdamW::default() };
        let mut values = rng.normals(len);
        let (mut m, mut v) = (vec![0.0; len], vec![0.0; len]);
        let mut expected = wide(&values);
        let (mut em, mut ev) = (vec![0.0f64; len], vec![0.0f64; len]);
        for step in 1..=5u64 {
            let grads = rng.normals(len);
            adamw_step(pool, &config, step, 0.5, &mut values, &grads, (&mut m, &mut v));
            for i in 0..len {
                let g = f64::from(grads[i]) * 0.5;
                em[i] = 0.9 * em[i] + 0.1 * g;
                ev[i] = 0.999 * ev[i] + 0.001 * g * g;
                let (c1, c2) = (1.0 - 0.9f64.powf(step as f64), 1.0 - 0.999f64.powf(step as f64));
                expected[i] *= 1.0 - 0.01 * 0.1;
                expected[i] -= 0.01 / c1 * em[i] / (ev[i].sqrt() / c2.sqrt() + 1e-8);
            }
        }
        assert_close("adamw", &values, &expected, F32_TOLERANCE);
    });
}

#[test]
fn sum_of_squares_has_the_same_bits_for_any_threads() {
    let values = Rng::new(7).normals(20_001);
    let exact: f64 = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let sums: Vec<f64> = [1, 2, 3].map(|n| sum_of_squares(&Pool::new(n), &values)).to_vec();
    assert!((sums[0] / exact - 1.0).abs() < 1e-12);
    assert!(sums.iter().all(|&sum| sum == sums[0]));
}

/// A first and a second moment in 8 bits.
struct Moments8bit {
    maps: [DynamicMap; 2],
    codes: [Vec<u8>; 2],
    absmax: [Vec<f32>; 2],
}

impl Moments8bit {
    fn zeros(len: usize) -> Self {
        let blocks = len.div_ceil(BLOCK_8BIT);
        Self {
            maps: [DynamicMap::signed(), DynamicMap::unsigned()],
            codes: [vec![0; len], vec![0; len]],
            absmax: [vec![0.0; blocks], vec![0.0; blocks]],
        }
    }

    fn step(&mut self, pool: &Pool, step: u64, values: &mut [f32], grads: &[f32]) {
        let factors = AdamWFactors::new(step, 0.01, (0.9, 0.995), 1e-8, 0.1, 0.5);
        let [map1, map2] = &self.maps;
        let [codes1, codes2] = &mut self.codes;
        let [absmax1, absmax2] = &mut self.absmax;
        let mut first = Moment8bit { map: map1, codes: codes1, absmax: absmax1 };
        let mut second = Moment8bit { map: map2, codes: codes2, absmax: absmax2 };
        adamw_update_8bit(pool, &factors, values, grads, &mut first, &mut second);
    }

    fn moment(&self, which: usize) -> Vec<f64> {
        let value = |(i, code): (usize, &u8)| {
            let scale = f64::from(self.absmax[which][i / BLOCK_8BIT]);
            f64::from(self.maps[which].values()[usize::from(*code)]) * scale
        };
        self.codes[which].iter().enumerate().map(value).collect()
    }
}

#[test]
fn adamw_in_8_bits_keeps_moments_to_the_precision_of_their_codes() {
    at_every_level(|pool| {
        let (mut rng, len) = (Rng::new(8), 2 * BLOCK_8BIT + 100);
        let mut values = rng.normals(len);
        let mut state = Moments8bit::zeros(len);
        let mut expected = wide(&values);
        for step in 1..=5u64 {
            let grads = rng.normals(len);
            let (before_m, before_v) = (state.moment(0), state.moment(1));
            state.step(pool, step, &mut values, &grads);
            let (m, v) = (state.moment(0), state.moment(1));
            for (block, absmax) in state.absmax[0].iter().enumerate() {
                let values = block * BLOCK_8BIT..len.min((block + 1) * BLOCK_8BIT);
                let moments = values.map(|i| 0.9 * before_m[i] + 0.05 * f64::from(grads[i]));
                let largest = moments.fold(0.0f64, |largest, m| largest.max(m.abs()));
                assert!((f64::from(*absmax) / largest - 1.0).abs() < 1e-5, "block {block}");
            }
            let (c1, c2) = (1.0 - 0.9f64.powf(step as f64), 1.0 - 0.995f64.powf(step as f64));
            for i in 0..len {
                let g = f64::from(grads[i]) * 0.5;
                let exact_m = 0.9 * before_m[i] + 0.1 * g;
                let exact_v = 0.995 * before_v[i] + 0.005 * g * g;
                expected[i] *= 1.0 - 0.01 * 0.1;
                expected[i] -= 0.01 / c1 * exact_m / (exact_v.sqrt() / c2.sqrt() + 1e-8);
                // The coarsest neighbours of the maps are 0.0141 and 0.0071 of the largest apart.
                let block = i / BLOCK_8BIT;
                let (m_max, v_max) = (state.absmax[0][block], state.absmax[1][block]);
                assert!((m[i] - exact_m).abs() <= f64::from(m_max) * 0.0071, "m {i}");
                assert!((v[i] - exact_v).abs() <= f64::from(v_max) * 0.0036, "v {i}");
            }
        }
        assert_close("adamw in 8 bits", &values, &expected, F32_TOLERANCE);
    });
}

/// Adafactor on one matrix or vector, with everything in f64.
fn adafactor_reference(
    factors: &AdafactorFactors,
    values: &mut [f64],
    grads: &[f32],
    shape: Option<AdafactorShape>,
    state: &mut [Vec<f64>; 3],
) {
    let rms = |x: &[f64]| (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).sqrt();
    let scale = factors.smallest_scale.map_or(1.0, |smallest| rms(values).max(smallest));
    let learning_rate = factors.learning_rate * scale;
    let grads: Vec<f64> = grads.iter().map(|&g| f64::from(g * factors.grad_scale)).collect();
    let squares: Vec<f64> = grads.iter().map(|g| g * g + factors.eps).collect();
    let mut decay = |which: usize, i: usize, to: f64| {
        state[which][i] = factors.beta2 * state[which][i] + (1.0 - factors.beta2) * to;
        state[which][i]
    };
    let mut update = grads.clone();
    if let Some(AdafactorShape { batches, rows, cols }) = shape {
        for b in 0..batches {
            let at = |r: usize, c: usize| (b * rows + r) * cols + c;
            let mean = |n: usize, f: &dyn Fn(usize) -> f64| (0..n).map(f).sum::<f64>() / n as f64;
            let row: Vec<f64> = (0..rows)
                .map(|r| decay(0, b * rows + r, mean(cols, &|c| squares[at(r, c)])))
                .collect();
            let col: Vec<f64> = (0..cols)
                .map(|c| decay(1, b * cols + c, mean(rows, &|r| squares[at(r, c)])))
                .collect();
            let row_mean = mean(rows, &|r| row[r]);
            for r in 0..rows {
                for c in 0..cols {
                    update[at(r, c)] /= (row[r] * col[c] / row_mean).sqrt();
                }
            }
        }
    } else {
        for (i, update) in update.iter_mut().enumerate() {
            *update /= decay(0, i, squares[i]).sqrt();
        }
    }
    let divisor = (rms(&update) / factors.clip_threshold).max(1.0);
    for (i, value) in values.iter_mut().enumerate() {
        let mut step = update[i] / divisor * learning_rate;
        if !state[2].is_empty() {
            state[2][i] = factors.beta1 * state[2][i] + (1.0 - factors.beta1) * step;
            step = state[2][i];
        }
        *value -= factors.weight_decay * learning_rate * *value + step;
    }
}

const ADAFACTOR: AdafactorFactors = AdafactorFactors {
    learning_rate: 0.02,
    smallest_scale: Some(1e-3),
    beta2: 0.6,
    eps: 1e-30,
    clip_threshold: 0.9,
    beta1: 0.8,
    weight_decay: 0.1,
    grad_scale: 0.5,
};

/// Four steps; returns the values and all state.
fn run_adafactor(
    pool: &Pool,
    len: usize,
    shape: Option<AdafactorShape>,
    factors: &AdafactorFactors,
    with_first: bool,
    mut watch: impl FnMut(&[f32], &[f32]),
) -> Vec<Vec<f32>> {
    let mut rng = Rng::new(9);
    let mut values = rng.normals(len);
    watch(&values, &[]);
    let rows = shape.map_or(len, AdafactorShape::num_row_means);
    let cols = shape.map_or(0, AdafactorShape::num_col_means);
    let (mut rows, mut cols) = (vec![0.0; rows], vec![0.0; cols]);
    let mut first = vec![0.0; if with_first { len } else { 0 }];
    let mut scratch = AdafactorScratch::default();
    scratch.reserve(len, shape);
    for _ in 0..4 {
        let grads = rng.normals(len);
        let moment = match shape {
            Some(shape) => AdafactorMoment::Factored { shape, rows: &mut rows, cols: &mut cols },
            None => AdafactorMoment::Full(&mut rows),
        };
        let first = with_first.then_some(first.as_mut_slice());
        adafactor_step(pool, factors, &mut values, &grads, moment, first, &mut scratch);
        watch(&values, &grads);
    }
    vec![values, rows, cols, first]
}

#[test]
fn adafactor_follows_the_formula() {
    let shapes = [(60, vec![5, 12]), (60, vec![2, 3, 10]), (37, vec![37]), (9, vec![9, 1])];
    let plain = AdafactorFactors { smallest_scale: None, weight_decay: 0.0, ..ADAFACTOR };
    for (len, shape) in shapes {
        for (factors, with_first) in [(ADAFACTOR, true), (ADAFACTOR, false), (plain, false)] {
            let shape = AdafactorShape::of(&shape);
            at_every_level(|pool| {
                let mut expected = Vec::new();
                let rows = shape.map_or(len, AdafactorShape::num_row_means);
                let cols = shape.map_or(0, AdafactorShape::num_col_means);
                let first = if with_first { len } else { 0 };
                let mut state = [vec![0.0; rows], vec![0.0; cols], vec![0.0; first]];
                run_adafactor(pool, len, shape, &factors, with_first, |values, grads| {
                    if grads.is_empty() {
                        expected = wide(values);
                        return;
                    }
                    adafactor_reference(&factors, &mut expected, grads, shape, &mut state);
                    assert_close("adafactor", values, &expected, F32_TOLERANCE);
                });
            });
        }
    }
}

#[test]
fn every_step_has_the_same_bits_at_every_level_for_any_threads() {
    let mut rng = Rng::new(10);
    let (start, grads) = (rng.normals(LONG), rng.normals(LONG));
    let state = rng.normals(LONG);
    let positive: Vec<f32> = state.iter().map(|x| x * x).collect();
    assert_same_bits("adamw", |pool| {
        let (mut values, mut m, mut v) = (start.clone(), state.clone(), positive.clone());
        let factors = AdamWFactors::new(3, 1e-2, (0.9, 0.999), 1e-8, 0.1, 0.7);
        adamw_update(pool, &factors, &mut values, &grads, (&mut m, &mut v));
        bits(&[&values, &m, &v])
    });
    assert_same_bits("adamw in 8 bits", |pool| {
        let (mut values, mut state) = (start.clone(), Moments8bit::zeros(LONG));
        (1..=3).for_each(|step| state.step(pool, step, &mut values, &grads));
        let codes = state.codes.iter().flatten().map(|&code| u32::from(code));
        let floats = bits(&[&values, &state.absmax[0], &state.absmax[1]]);
        floats.into_iter().chain(codes).collect()
    });
    assert_same_bits("sgd", |pool| {
        let (mut values, mut buffer) = (start.clone(), state.clone());
        let factors = SgdFactors {
            learning_rate: 1e-2,
            momentum: 0.9,
            nesterov: true,
            weight_decay: 0.1,
            grad_scale: 0.7,
        };
        sgd_update(pool, &factors, &mut values, &grads, &mut buffer);
        let plain = SgdFactors { momentum: 0.0, ..factors };
        sgd_update(pool, &plain, &mut values, &grads, &mut []);
        bits(&[&values, &buffer])
    });
    assert_same_bits("lion", |pool| {
        let (mut values, mut m) = (start.clone(), state.clone());
        let factors = LionFactors::new(1e-3, (0.9, 0.99), 0.1, 0.7);
        lion_update(pool, &factors, &mut values, &grads, &mut m);
        bits(&[&values, &m])
    });
    for shape in [vec![2, 150, 160], vec![48_000]] {
        assert_same_bits("adafactor", |pool| {
            let shape = AdafactorShape::of(&shape);
            let buffers = run_adafactor(pool, 48_000, shape, &ADAFACTOR, true, |_, _| {});
            bits(&buffers.iter().map(Vec::as_slice).collect::<Vec<_>>())
        });
    }
    assert_same_bits("muon's momentum", |pool| {
        let (mut values, mut buffer, mut update) = (start.clone(), state.clone(), state.clone());
        let factors = MuonFactors { momentum: 0.95, nesterov: true, grad_scale: 0.7 };
        muon_momentum(pool, &factors, &grads, &mut buffer, &mut update);
        muon_apply(pool, 0.99, 0.02, &update, &mut values);
        bits(&[&values, &buffer, &update])
    });
}

#[test]
fn lion_steps_by_signs_and_not_at_zero() {
    let mut values = [1.0, 1.0, 1.0];
    let mut momentum = [0.0, 0.0, 0.0];
    let factors = LionFactors::new(0.5, (0.9, 0.99), 0.0, 1.0);
    lion_update(&Pool::new(1), &factors, &mut values, &[2.0, -3.0, 0.0], &mut momentum);
    assert_eq!(values, [0.5, 1.5, 1.0]);
}

/// The iteration in f64, without transposing.
fn newton_schulz_reference(x: &[f32], rows: usize, cols: usize, steps: u32) -> Vec<f64> {
    let [a, b, c] = NewtonSchulz::COEFFICIENTS;
    let product = |x: &[f64], y: &[f64], n: usize, k: usize, m: usize| -> Vec<f64> {
        let at = |i: usize| (0..k).map(|j| x[i / m * k + j] * y[j * m + i % m]).sum();
        (0..n * m).map(at).collect()
    };
    let mut x = wide(x);
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-7);
    for x in &mut x {
        *x /= norm;
    }
    for _ in 0..steps {
        let transposed: Vec<f64> =
            (0..rows * cols).map(|i| x[i % rows * cols + i / rows]).collect();
        let gram = product(&x, &transposed, rows, cols, rows);
        let square = product(&gram, &gram, rows, rows, rows);
        let polynomial: Vec<f64> = gram.iter().zip(&square).map(|(g, s)| b * g + c * s).collect();
        let turned = product(&polynomial, &x, rows, rows, cols);
        x = x.iter().zip(&turned).map(|(x, t)| a * x + t).collect();
    }
    x
}

#[test]
fn newton_schulz_orthogonalizes_as_the_formula_says() {
    let shapes = [[6, 10], [10, 6], [33, 33], [1, 7], [70, 20]];
    for (dtype, tolerance) in
        [(DenseType::F32, NEWTON_SCHULZ_F32), (DenseType::Bf16, NEWTON_SCHULZ_BF16)]
    {
        at_every_level(|pool| {
            let mut iteration = NewtonSchulz::new(dtype, &shapes);
            for shape @ [rows, cols] in shapes {
                let start = Rng::new(11).normals(rows * cols);
                let expected = newton_schulz_reference(&start, rows, cols, 5);
                let mut found = start.clone();
                iteration.orthogonalize(pool, &mut found, shape, 5, 1e-7);
                let error = relative_error(&found, &expected);
                assert!(error < tolerance, "{dtype:?} [{rows}, {cols}]: {error}");
            }
        });
    }
    let mut zeros = [0.0; 12];
    NewtonSchulz::new(DenseType::F32, &[[3, 4]]).orthogonalize(
        &Pool::new(1),
        &mut zeros,
        [3, 4],
        5,
        1e-7,
    );
    assert_eq!(zeros, [0.0; 12]);
}

#[test]
fn newton_schulz_has_the_same_bits_for_any_threads() {
    let shape = [130, 200];
    let start = Rng::new(12).normals(130 * 200);
    for level in Level::supported() {
        let run = |threads| {
            with_level(level, || {
                let mut update = start.clone();
                let mut iteration = NewtonSchulz::new(DenseType::Bf16, &[shape]);
                iteration.orthogonalize(&Pool::new(threads), &mut update, shape, 5, 1e-7);
                bits(&[&update])
            })
        };
        let expected = run(1);
        assert!([2, 3].into_iter().all(|threads| run(threads) == expected), "{level:?}");
    }
}
