//! Forward steps against formulas in f64; every backward against central differences of an f64
//! forward; all at every level of the machine.

use super::*;
use crate::level::with_level;
use crate::test_rng::Rng;
use crate::{DenseType, Level, Pool, RopeSpec, RopeTable};

/// A few roundings of f32, relative to the magnitudes involved.
const F32_TOLERANCE: f64 = 5e-6;
/// bf16 operands keep 8 bits; differences average out over a dot product.
const BF16_TOLERANCE: f64 = 2e-2;
/// Step of the central differences, in f64.
const STEP: f64 = 1e-5;

fn assert_close(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let size = expected.iter().map(|x| x * x).sum::<f64>() / expected.len() as f64;
    let bound = tolerance * (size.sqrt() + 1e-3);
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(found) - expected).abs();
        assert!(
            error <= bound + tolerance * expected.abs(),
            "{what} [{i}]: {found}, not {expected}"
        );
    }
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// Gradient of `sum(weights * f(x))` by central differences.
fn differences(x: &[f32], weights: &[f32], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let mut x = wide(x);
    let project =
        |x: &[f64]| -> f64 { f(x).iter().zip(weights).map(|(y, &w)| y * f64::from(w)).sum() };
    (0..x.len())
        .map(|i| {
            let at = x[i];
            x[i] = at + STEP;
            let above = project(&x);
            x[i] = at - STEP;
            let below = project(&x);
            x[i] = at;
            (above - below) / (2.0 * STEP)
        })
        .collect()
}

fn at_every_level(check: impl Fn(&Pool)) {
    for level in Level::supported() {
        for threads in [1, 3] {
            let pool = Pool::new(threads);
            with_level(level, || check(&pool));
        }
    }
}

#[test]
fn rms_norm_backward_is_the_derivative() {
    at_every_level(|pool| {
        for (t, c) in [(1, 1), (3, 17), (5, 64)] {
            let mut rng = Rng::new(1);
            let (x, gain, dy) = (rng.normals(t * c), rng.normals(c), rng.normals(t * c));
            let start = rng.normals(t * c);
            let norm = |x: &[f64]| -> Vec<f64> {
                let row = |x: &[f64]| {
                    let mean = x.iter().map(|x| x * x).sum::<f64>() / c as f64;
                    let scale = 1.0 / (mean + 1e-5f32 as f64).sqrt();
                    x.iter().zip(&gain).map(|(x, &g)| x * scale * f64::from(g)).collect::<Vec<_>>()
                };
                x.chunks_exact(c).flat_map(row).collect()
            };
            let mut expected = differences(&x, &dy, norm);
            expected.iter_mut().zip(&start).for_each(|(e, &s)| *e += f64::from(s));
            let mut dx = start.clone();
            rms_norm_backward(pool, &x, &gain, 1e-5, &dy, &mut dx);
            assert_close("rms_norm", &dx, &expected, F32_TOLERANCE);
        }
    });
}

#[test]
fn silu_mul_backward_is_the_derivative() {
    at_every_level(|pool| {
        let (t, f) = (3, 21);
        let mut rng = Rng::new(2);
        let (gate_up, dout) = (rng.normals(t * 2 * f), rng.normals(t * f));
        let forward = |x: &[f64]| -> Vec<f64> {
            let row = |row: &[f64]| {
                let (gate, up) = row.split_at(f);
                let out = |(g, u): (&f64, &f64)| g / (1.0 + (-g).exp()) * u;
                gate.iter().zip(up).map(out).collect::<Vec<_>>()
            };
            x.chunks_exact(2 * f).flat_map(row).collect()
        };
        let expected = differences(&gate_up, &dout, forward);
        let mut found = gate_up.clone();
        silu_mul_backward(pool, &mut found, &dout, f);
        assert_close("silu_mul", &found, &expected, F32_TOLERANCE);
    });
}

#[test]
fn rope_backward_is_the_transpose_of_rope() {
    at_every_level(|pool| {
        let (heads, d, positions) = (3, 20, [0u32, 7, 3, 31]);
        let table = RopeTable::new(&RopeSpec::plain(d, 10_000.0), 32);
        let mut rng = Rng::new(3);
        let width = heads * d;
        let (x, dy) = (rng.normals(4 * width), rng.normals(4 * width));
        let (mut y, mut dx) = (x.clone(), dy.clone());
        crate::rope(pool, &mut y, width, heads, &positions, &table);
        rope_backward(pool, &mut dx, &positions, &table);
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        assert!((dot(&y, &dy) - dot(&x, &dx)).abs() < 1e-4);
        crate::rope(pool, &mut dx, width, heads, &positions, &table);
        assert_close("rope", &dx, &wide(&dy), F32_TOLERANCE);
    });
}

#[test]
fn cross_entropy_is_its_formula_and_its_gradient_the_derivative() {
    at_every_level(|pool| {
        let (t, v) = (3, 37);
        let mut rng = Rng::new(4);
        let mut logits = rng.normals(t * v);
        for x in &mut logits {
            *x *= 5.0;
        }
        let (targets, scale) = ([0u32, 36, 11], 0.25f32);
        let losses = |x: &[f64]| -> Vec<f64> {
            let row = |(x, &target): (&[f64], &u32)| {
                x.iter().map(|x| x.exp()).sum::<f64>().ln() - x[target as usize]
            };
            x.chunks_exact(v).zip(&targets).map(row).collect()
        };
        let expected = differences(&logits, &[scale; 3], losses);
        let (mut found, mut found_losses) = (logits.clone(), [0.0; 3]);
        cross_entropy(pool, &mut found, &targets, scale, &mut found_losses);
        assert_close("dlogits", &found, &expected, F32_TOLERANCE);
        let mut again = [0.0; 3];
        cross_entropy_loss(pool, &mut logits.clone(), &targets, &mut again);
        assert_eq!(found_losses, again);
        for (found, expected) in again.iter().zip(losses(&wide(&logits))) {
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        }
    });
}

#[test]
fn cross_entropy_of_a_nan_is_a_nan() {
    let pool = Pool::new(1);
    let (mut logits, mut losses) = (vec![0.0, f32::NAN, 1.0], [0.0]);
    cross_entropy(&pool, &mut logits, &[0], 1.0, &mut losses);
    assert!(losses[0].is_nan(), "a diverged run must show");
}

#[test]
fn layer_norm_gelu_and_bias_are_their_formulas() {
    at_every_level(|pool| {
        let (t, c) = (4, 50);
        let mut rng = Rng::new(5);
        let (x, gain, bias) = (rng.normals(t * c), rng.normals(c), rng.normals(c));
        let expected = |x: &[f32]| -> Vec<f64> {
            let x = wide(x);
            let mean = x.iter().sum::<f64>() / c as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / c as f64;
            let scale = 1.0 / (variance + 1e-12).sqrt();
            let value = |i: usize| (x[i] - mean) * scale * f64::from(gain[i]) + f64::from(bias[i]);
            (0..c).map(value).collect()
        };
        let expected: Vec<f64> = x.chunks_exact(c).flat_map(expected).collect();
        let mut out = vec![0.0; t * c];
        layer_norm(pool, &x, &gain, &bias, 1e-12, &mut out);
        assert_close("layer_norm", &out, &expected, F32_TOLERANCE);

        let mut shifted = x.clone();
        add_bias(pool, &mut shifted, &bias);
        assert!((0..t * c).all(|i| shifted[i] == x[i] + bias[i % c]));
    });
}

/// `erf` from its Maclaurin series: exact enough in f64 up to 5.
fn erf_series(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / n as f64;
        sum += term / (2 * n + 1) as f64;
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

#[test]
fn gelu_is_the_exact_form_over_its_range() {
    at_every_level(|pool| {
        let x: Vec<f32> = (-600..=600).map(|i| i as f32 / 100.0).collect();
        let mut found = x.clone();
        gelu_erf(pool, &mut found);
        for (&x, &found) in x.iter().zip(&found) {
            let x = f64::from(x);
            let expected = x / 2.0 * (1.0 + erf_series((x / 2f64.sqrt()).clamp(-5.0, 5.0)));
            assert!(
                (f64::from(found) - expected).abs() < 2e-6,
                "gelu({x}): {found}, not {expected}"
            );
        }
    });
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

struct Packed {
    shape: AttentionShape,
    bounds: Vec<usize>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    dout: Vec<f32>,
}

fn packed(mask: AttentionMask, dtype: DenseType, d: usize, lens: &[usize]) -> Packed {
    let (heads, kv_heads) = (4, 2);
    let scale = 1.0 / (d as f32).sqrt();
    let shape = AttentionShape {
        num_attention_heads: heads,
        num_key_value_heads: kv_heads,
        head_dim: d,
        scale,
        mask,
        dtype,
    };
    let mut bounds = vec![0];
    for len in lens {
        bounds.push(bounds[bounds.len() - 1] + len);
    }
    let t = bounds[lens.len()];
    let mut rng = Rng::new(8);
    let mut normals = |n| rng.normals(t * n * d);
    let (q, k, v, dout) = (normals(heads), normals(kv_heads), normals(kv_heads), normals(heads));
    Packed { shape, bounds, q, k, v, dout }
}

/// Attention by its definition, in f64.
fn reference(p: &Packed, q: &[f64], k: &[f64], v: &[f64]) -> Vec<f64> {
    let s = &p.shape;
    let (d, heads, kv_heads) = (s.head_dim, s.num_attention_heads, s.num_key_value_heads);
    let mut out = vec![0.0; q.len()];
    for seq in p.bounds.windows(2) {
        for i in seq[0]..seq[1] {
            let end = if s.mask == AttentionMask::Causal { i + 1 } else { seq[1] };
            for h in 0..heads {
                let g = h / (heads / kv_heads);
                let score = |j: usize| -> f64 {
                    let dot =
                        (0..d).map(|e| q[(i * heads + h) * d + e] * k[(j * kv_heads + g) * d + e]);
                    (dot.sum::<f64>() * f64::from(s.scale)).exp()
                };
                let p: Vec<f64> = (seq[0]..end).map(score).collect();
                let sum: f64 = p.iter().sum();
                for (j, p) in (seq[0]..end).zip(p) {
                    for e in 0..d {
                        out[(i * heads + h) * d + e] += p / sum * v[(j * kv_heads + g) * d + e];
                    }
                }
            }
        }
    }
    out
}

struct Attended {
    out: Vec<f32>,
    lse: Vec<f32>,
    dq: Vec<f32>,
    dk: Vec<f32>,
    dv: Vec<f32>,
}

fn attend(pool: &Pool, p: &Packed) -> Attended {
    let tokens = *p.bounds.last().unwrap();
    let mut a = Attended {
        out: vec![f32::NAN; p.q.len()],
        lse: vec![f32::NAN; tokens * p.shape.num_attention_heads],
        dq: vec![f32::NAN; p.q.len()],
        dk: vec![f32::NAN; p.k.len()],
        dv: vec![f32::NAN; p.v.len()],
    };
    let mut scratch = AttentionScratch::new();
    let lse = Some(&mut a.lse[..]);
    attention_forward(pool, &p.shape, &p.bounds, &p.q, &p.k, &p.v, &mut a.out, lse, &mut scratch);
    let grads = (&mut a.dq[..], &mut a.dk[..], &mut a.dv[..]);
    let inputs = (&p.q[..], &p.k[..], &p.v[..]);
    attention_backward(pool, &p.shape, &p.bounds, inputs, &a.lse, &p.dout, grads, &mut scratch);
    a
}

#[test]
fn attention_is_its_formula_and_its_backward_the_derivative() {
    for mask in [AttentionMask::Causal, AttentionMask::Bidirectional] {
        for (dtype, tolerance) in
            [(DenseType::F32, F32_TOLERANCE), (DenseType::Bf16, BF16_TOLERANCE)]
        {
            let p = packed(mask, dtype, 6, &[5, 1, 0, 7]);
            let (q, k, v) = (wide(&p.q), wide(&p.k), wide(&p.v));
            let out = reference(&p, &q, &k, &v);
            let dq = differences(&p.q, &p.dout, |q| reference(&p, q, &k, &v));
            let dk = differences(&p.k, &p.dout, |k| reference(&p, &q, k, &v));
            let dv = differences(&p.v, &p.dout, |v| reference(&p, &q, &k, v));
            at_every_level(|pool| {
                let a = attend(pool, &p);
                assert_close("out", &a.out, &out, tolerance);
                assert_close("dq", &a.dq, &dq, tolerance);
                assert_close("dk", &a.dk, &dk, tolerance);
                assert_close("dv", &a.dv, &dv, tolerance);
            });
        }
    }
}

#[test]
fn long_attention_is_its_formula_over_several_blocks() {
    for mask in [AttentionMask::Causal, AttentionMask::Bidirectional] {
        let p = packed(mask, DenseType::F32, 32, &[130, 49]);
        let out = reference(&p, &wide(&p.q), &wide(&p.k), &wide(&p.v));
        at_every_level(|pool| assert_close("out", &attend(pool, &p).out, &out, F32_TOLERANCE));
    }
}

#[test]
fn packed_sequences_have_the_bits_of_separate_ones() {
    let (one, three) = (Pool::new(1), Pool::new(3));
    for dtype in [DenseType::F32, DenseType::Bf16] {
        let p = packed(AttentionMask::Causal, dtype, 16, &[60, 3, 97]);
        let together = attend(&three, &p);
        for seq in p.bounds.windows(2) {
            let part = |x: &[f32]| {
                let width = x.len() / p.bounds[3];
                x[seq[0] * width..seq[1] * width].to_vec()
            };
            let alone = Packed {
                shape: p.shape,
                bounds: vec![0, seq[1] - seq[0]],
                q: part(&p.q),
                k: part(&p.k),
                v: part(&p.v),
                dout: part(&p.dout),
            };
            let alone = attend(&one, &alone);
            assert_eq!(alone.out, part(&together.out));
            assert_eq!(alone.lse, part(&together.lse));
            assert_eq!(alone.dq, part(&together.dq));
            assert_eq!(alone.dk, part(&together.dk));
            assert_eq!(alone.dv, part(&together.dv));
        }
    }
}
