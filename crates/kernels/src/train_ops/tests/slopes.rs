//! Backward of norms, activations and look-ups.

use super::*;
use crate::{Gate, RowNorm};

type Formula<'a> = &'a dyn Fn(&[f64], &[f32], &[f32]) -> Vec<f64>;

fn rms(x: &[f64], gain: &[f32], _bias: &[f32]) -> Vec<f64> {
    let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    let scale = 1.0 / (mean + f64::from(1e-5f32)).sqrt();
    x.iter().zip(gain).map(|(x, &g)| x * scale * f64::from(g)).collect()
}

fn layer(x: &[f64], gain: &[f32], bias: &[f32]) -> Vec<f64> {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
    let scale = 1.0 / (variance + f64::from(1e-5f32)).sqrt();
    let affine = x.iter().zip(gain).zip(bias);
    affine.map(|((x, &g), &b)| (x - mean) * scale * f64::from(g) + f64::from(b)).collect()
}

#[test]
fn the_backward_of_norms_is_the_derivative() {
    type Kind = for<'a> fn(&'a [f32], &'a [f32]) -> RowNorm<'a>;
    let kinds: [(&str, Formula<'_>, Kind); 2] = [
        ("rms", &rms, |gain_c, _| RowNorm::Rms { gain_c, eps: 1e-5 }),
        ("layer", &layer, |gain_c, bias_c| RowNorm::Layer { gain_c, bias_c, eps: 1e-5 }),
    ];
    at_every_level(|pool| {
        for (name, formula, kind) in &kinds {
            for (t, c) in [(1, 2), (3, 17), (5, 64)] {
                let mut rng = Rng::new(1);
                let (x, gain, bias) = (rng.normals(t * c), rng.normals(c), rng.normals(c));
                let (dy, start) = (rng.normals(t * c), rng.normals(t * c));
                let rows = |x: &[f64], gain: &[f32], bias: &[f32]| -> Vec<f64> {
                    x.chunks_exact(c).flat_map(|x| formula(x, gain, bias)).collect()
                };
                let plus = |mut sums: Vec<f64>, start: &[f32]| {
                    sums.iter_mut().zip(start).for_each(|(e, &s)| *e += f64::from(s));
                    sums
                };
                let expected = plus(differences(&x, &dy, |x| rows(x, &gain, &bias)), &start);
                let mut dx = start.clone();
                let (norm, of) = (kind(&gain, &bias), (&x[..], &dy[..]));
                norm_backward(pool, norm, of, Some(&mut dx), None, &mut []);
                assert_close(name, &dx, &expected, F32_TOLERANCE * 4.0);

                // The norms are linear in gain and bias: unit vectors give their columns.
                let unit = |at: usize| {
                    let mut unit = vec![0.0; c];
                    unit[at] = 1.0;
                    unit
                };
                let along = |at: usize, of_bias: bool| -> f64 {
                    let (gain, bias) =
                        if of_bias { (vec![0.0; c], unit(at)) } else { (unit(at), vec![0.0; c]) };
                    let y = rows(&wide(&x), &gain, &bias);
                    y.iter().zip(&dy).map(|(y, &d)| y * f64::from(d)).sum()
                };
                let expected = plus((0..c).map(|at| along(at, false)).collect(), &start[..c]);
                let (mut stats, mut dgain) = (vec![0.0; 2 * t], start[..c].to_vec());
                norm_backward(pool, norm, of, None, Some(&mut dgain), &mut stats);
                assert_close("gain", &dgain, &expected, F32_TOLERANCE);
                if *name == "layer" {
                    let expected = plus((0..c).map(|at| along(at, true)).collect(), &start[..c]);
                    let mut dbias = start[..c].to_vec();
                    bias_backward(pool, &dy, c, &mut dbias);
                    assert_close("bias", &dbias, &expected, F32_TOLERANCE);
                }
            }
        }
    });
}

#[test]
fn a_bias_of_some_columns_gets_their_sums() {
    at_every_level(|pool| {
        let (t, c, ldy) = (5, 19, 40);
        let dy = Rng::new(3).normals(t * ldy - (ldy - c));
        let mut found = vec![1.0; c];
        bias_backward(pool, &dy, ldy, &mut found);
        let expected: Vec<f64> = (0..c)
            .map(|i| 1.0 + (0..t).map(|row| f64::from(dy[row * ldy + i])).sum::<f64>())
            .collect();
        assert_close("bias", &found, &expected, F32_TOLERANCE);
    });
}

type Function = fn(f64) -> f64;

fn functions() -> [(Activation, Function); 6] {
    let gelu = |x: f64| x / 2.0 * (1.0 + erf_series((x / 2f64.sqrt()).clamp(-5.0, 5.0)));
    let gelu_tanh = |x: f64| {
        let root = (2.0 / std::f64::consts::PI).sqrt();
        x / 2.0 * (1.0 + (root * (x + 0.044_715 * x.powi(3))).tanh())
    };
    [
        (Activation::Identity, |x| x),
        (Activation::Gelu, gelu),
        (Activation::GeluTanh, gelu_tanh),
        (Activation::Relu, |x| x.max(0.0)),
        (Activation::Silu, |x| x / (1.0 + (-x).exp())),
        (Activation::Tanh, f64::tanh),
    ]
}

#[test]
fn the_backward_of_gates_is_the_derivative() {
    at_every_level(|pool| {
        for gate in [Gate::Silu, Gate::GeluTanh, Gate::GeluErf] {
            let act = functions().into_iter().find(|(act, _)| *act == gate.into()).unwrap().1;
            let (t, f) = (3, 21);
            let mut rng = Rng::new(2);
            let (gate_up, dout) = (rng.normals(t * 2 * f), rng.normals(t * f));
            let forward = |x: &[f64]| -> Vec<f64> {
                let row = |row: &[f64]| {
                    let (gate, up) = row.split_at(f);
                    gate.iter().zip(up).map(|(&g, u)| act(g) * u).collect::<Vec<_>>()
                };
                x.chunks_exact(2 * f).flat_map(row).collect()
            };
            let expected = differences(&gate_up, &dout, forward);
            let mut found = gate_up.clone();
            gated_mul_backward(pool, gate, &mut found, &dout, f);
            assert_close("gated", &found, &expected, F32_TOLERANCE);
        }
    });
}

#[test]
fn the_backward_of_activations_is_the_derivative() {
    at_every_level(|pool| {
        for (act, formula) in functions() {
            let mut rng = Rng::new(4);
            let (x, dy) = (rng.normals(77), rng.normals(77));
            let expected = differences(&x, &dy, |x| x.iter().map(|&x| formula(x)).collect());
            let mut found = dy.clone();
            activation_backward(pool, act, &x, &mut found);
            assert_close("slope", &found, &expected, F32_TOLERANCE);
            let (mut out, mut in_place) = (vec![0.0; 77], x.clone());
            activation(pool, act, &x, &mut out);
            bias_activation(pool, act, &mut in_place, &[0.0]);
            assert_eq!(out, in_place);
        }
    });
}

#[test]
fn looked_up_rows_collect_their_gradients() {
    at_every_level(|pool| {
        let (rows, c) = ([2u32, 0, 2, 3], 21);
        let dx = Rng::new(5).normals(rows.len() * c);
        let mut found = vec![0.5; 4 * c];
        lookup_backward(pool, &rows, &dx, 2.0, &mut found);
        let mut expected = vec![0.5f64; 4 * c];
        for (row, dx) in rows.iter().zip(dx.chunks_exact(c)) {
            for (sum, &dx) in expected[*row as usize * c..][..c].iter_mut().zip(dx) {
                *sum += 2.0 * f64::from(dx);
            }
        }
        assert_close("table", &found, &expected, F32_TOLERANCE);
    });
}

#[test]
fn scaled_columns_are_their_formula_and_their_backward_the_derivative() {
    at_every_level(|pool| {
        let (t, n, ldo) = (5, 19, 40);
        let mut rng = Rng::new(6);
        let (x, factors) = (rng.normals(t * n), rng.normals(n));
        let strided = t * ldo - (ldo - n);
        let (start, dy) = (rng.normals(strided), rng.normals(strided));
        for accumulate in [false, true] {
            let mut found = start.clone();
            scale_columns(pool, &x, &factors, &mut found, ldo, accumulate);
            let expected: Vec<f64> = start
                .iter()
                .enumerate()
                .map(|(at, &start)| {
                    let (row, column) = (at / ldo, at % ldo);
                    if column >= n {
                        return f64::from(start);
                    }
                    let own = f64::from(x[row * n + column]) * f64::from(factors[column]);
                    own + if accumulate { f64::from(start) } else { 0.0 }
                })
                .collect();
            assert_close("columns", &found, &expected, F32_TOLERANCE);
        }
        let weights: Vec<f32> =
            (0..t).flat_map(|row| dy[row * ldo..][..n].iter().copied()).collect();
        let scaled = |x: &[f64], factors: &[f64]| -> Vec<f64> {
            x.chunks_exact(n).flat_map(|x| x.iter().zip(factors).map(|(x, f)| x * f)).collect()
        };
        let dx = differences(&x, &weights, |x| scaled(x, &wide(&factors)));
        let dfactors = differences(&factors, &weights, |factors| scaled(&wide(&x), factors));
        let expected: Vec<f64> = dfactors.iter().map(|d| d + 1.0).collect();
        let (mut found, mut sums) = (vec![f32::NAN; t * n], vec![1.0; n]);
        scale_columns_backward(pool, &x, &factors, (&dy, ldo), Some(&mut found), &mut sums);
        assert_close("dx", &found, &dx, F32_TOLERANCE);
        assert_close("dfactors", &sums, &expected, F32_TOLERANCE);
    });
}
