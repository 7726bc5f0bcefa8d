//! Values kept in two bytes, and the steps that make or read them.

use super::*;
use crate::{DenseMatrix, Gate, RowNorm, RowOperand};

fn words(operand: &RowOperand) -> Vec<u32> {
    let steps = operand.dtype().steps(operand.reduction());
    operand.view().words[..operand.rows() * steps].to_vec()
}

fn halves(x: &[f32]) -> Vec<u16> {
    x.iter().map(|&x| half::bf16::from_f32(x).to_bits()).collect()
}

#[test]
fn kept_values_are_the_rounded_ones() {
    at_every_level(|pool| {
        let mut x = Rng::new(11).normals(83);
        x[..4].copy_from_slice(&[f32::NAN, f32::INFINITY, -0.0, f32::MAX]);
        let expected: Vec<f32> = x.iter().map(|&x| half::bf16::from_f32(x).to_f32()).collect();
        let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let (mut alone, mut kept, mut again) = (x.clone(), vec![0; 83], vec![0.0; 83]);
        round_to_bf16(pool, &mut alone);
        round_to_halves(pool, &mut x, &mut kept);
        widen_halves(pool, &kept, &mut again);
        assert!(x[0].is_nan());
        assert_eq!(bits(&x)[1..], bits(&expected)[1..]);
        assert_eq!((bits(&x), bits(&x)), (bits(&alone), bits(&again)));
        round_to_bf16(pool, &mut []);
        round_to_halves(pool, &mut [], &mut []);
        widen_halves(pool, &[], &mut []);
    });
}

#[test]
fn columns_of_halves_are_those_of_their_values() {
    at_every_level(|pool| {
        for (n, k) in [(1, 1), (7, 19), (34, 48), (33, 5)] {
            let mut x = Rng::new(12).normals(n * k);
            let mut kept = vec![0; n * k];
            round_to_halves(pool, &mut x, &mut kept);
            let mut found = DenseMatrix::with_capacity(DenseType::Bf16, k, n);
            found.repack_transposed_halves(pool, &kept, n, k);
            let expected = DenseMatrix::pack_transposed(pool, &x, n, k, DenseType::Bf16);
            assert_eq!((found.n(), found.k()), (k, n));
            let rows = |matrix: &DenseMatrix| {
                let mut row = vec![0.0; n];
                let mut all = Vec::new();
                for i in 0..k {
                    matrix.row(i, &mut row);
                    all.extend_from_slice(&row);
                }
                all
            };
            assert_eq!(rows(&found), rows(&expected), "{n} x {k}");
            // Padding is multiplied too.
            let operand = &mut RowOperand::new(DenseType::Bf16);
            operand.set(pool, &Rng::new(13).normals(3 * n), 3, n, n);
            let product = |matrix: &DenseMatrix| {
                let mut out = vec![f32::NAN; 3 * k];
                matrix.matmul_operand(pool, operand, &mut out, k, false);
                out
            };
            assert_eq!(product(&found), product(&expected), "{n} x {k}");
        }
    });
}

#[test]
fn a_gate_gives_the_operand_that_its_steps_give() {
    at_every_level(|pool| {
        for gate in [Gate::Silu, Gate::GeluTanh, Gate::GeluErf] {
            for dtype in [DenseType::F32, DenseType::Bf16] {
                let (t, f) = (5, 21);
                let start = Rng::new(15).normals(t * 2 * f);
                let mut expected = start.clone();
                if dtype == DenseType::Bf16 {
                    round_to_bf16(pool, &mut expected);
                }
                let mut act = vec![0.0; t * f];
                crate::gated_mul(pool, gate, &expected, f, &mut act);
                let mut operand = RowOperand::new(dtype);
                operand.set(pool, &act, t, f, f);
                for keeps in [false, true] {
                    let (mut x, mut kept) = (start.clone(), vec![0; t * 2 * f]);
                    let mut found = RowOperand::new(dtype);
                    let place = keeps.then_some(&mut kept[..]);
                    gated_operand(pool, gate, &mut x, f, place, &mut found);
                    assert_eq!(words(&found), words(&operand), "{gate:?} {dtype:?}");
                    assert_eq!(x, expected, "{gate:?} {dtype:?}");
                    if keeps && dtype == DenseType::Bf16 {
                        assert_eq!(kept, halves(&start), "{gate:?}");
                    }
                }
            }
        }
    });
}

#[test]
fn gates_of_halves_are_those_of_their_values() {
    at_every_level(|pool| {
        for gate in [Gate::Silu, Gate::GeluTanh, Gate::GeluErf] {
            let (t, f) = (5, 21);
            let mut rng = Rng::new(16);
            let (mut x, dout) = (rng.normals(t * 2 * f), rng.normals(t * f));
            let mut kept = vec![0; t * 2 * f];
            round_to_halves(pool, &mut x, &mut kept);
            let (mut found, mut expected) = (vec![f32::NAN; t * f], vec![0.0; t * f]);
            gated_mul_halves(pool, gate, &kept, f, &mut found);
            crate::gated_mul(pool, gate, &x, f, &mut expected);
            assert_eq!(found, expected, "{gate:?}");
            let mut found = vec![f32::NAN; t * 2 * f];
            gated_mul_halves_backward(pool, gate, &kept, &dout, f, &mut found);
            gated_mul_backward(pool, gate, &mut x, &dout, f);
            assert_eq!(found, x, "{gate:?}");
        }
    });
}

/// Rows of several blocks, an odd number of them, and fewer than a block has.
#[test]
fn a_gate_goes_back_in_one_pass_as_in_two() {
    at_every_level(|pool| {
        for gate in [Gate::Silu, Gate::GeluTanh, Gate::GeluErf] {
            for (t, f) in [(1, 1), (5, 21), (35, 32)] {
                let mut rng = Rng::new(19);
                let (mut x, dout) = (rng.normals(t * 2 * f), rng.normals(t * f));
                let mut kept = vec![0; t * 2 * f];
                round_to_halves(pool, &mut x, &mut kept);
                let mut act = vec![0.0; t * f];
                crate::gated_mul(pool, gate, &x, f, &mut act);
                let mut expected = x.clone();
                gated_mul_backward(pool, gate, &mut expected, &dout, f);
                for dtype in [DenseType::F32, DenseType::Bf16] {
                    let columns = DenseMatrix::pack_transposed(pool, &act, t, f, dtype);
                    for halves in [false, true] {
                        let mut found = if halves { vec![f32::NAN; 2 * t * f] } else { x.clone() };
                        let mut made = DenseMatrix::with_capacity(dtype, f, t);
                        let kept = halves.then_some(&kept[..]);
                        gated_columns_backward(pool, gate, kept, &dout, f, &mut found, &mut made);
                        let what = (gate, t, f, dtype, halves);
                        assert_eq!(found, expected, "{what:?}");
                        assert_eq!((made.n(), made.k()), (f, t), "{what:?}");
                        assert!(made.packed_from(0) == columns.packed_from(0), "{what:?}");
                    }
                }
            }
        }
    });
}

#[test]
fn norms_give_the_operands_that_their_rows_give() {
    at_every_level(|pool| {
        for dtype in [DenseType::F32, DenseType::Bf16] {
            let (t, c, eps) = (5, 37, 1e-5);
            let mut rng = Rng::new(18);
            let (x, gain, bias) = (rng.normals(t * c), rng.normals(c), rng.normals(c));
            let (mut normed, mut expected) = (vec![0.0; t * c], RowOperand::new(dtype));
            let mut found = RowOperand::new(dtype);
            crate::rms_norm(pool, &x, &gain, eps, &mut normed);
            expected.set(pool, &normed, t, c, c);
            crate::rms_norm_operand(pool, &x, &gain, eps, &mut found);
            assert_eq!(words(&found), words(&expected), "rms {dtype:?}");
            layer_norm(pool, &x, &gain, &bias, eps, &mut normed);
            expected.set(pool, &normed, t, c, c);
            layer_norm_operand(pool, &x, &gain, &bias, eps, &mut found);
            assert_eq!(words(&found), words(&expected), "layer {dtype:?}");
        }
    });
}

#[test]
fn both_gradients_of_a_norm_are_those_that_it_gives_one_by_one() {
    at_every_level(|pool| {
        let (t, c, eps) = (5, 37, 1e-5);
        let mut rng = Rng::new(17);
        let (x, gain, bias, dy) =
            (rng.normals(t * c), rng.normals(c), rng.normals(c), rng.normals(t * c));
        let (start, sums) = (rng.normals(t * c), rng.normals(c));
        let (gain_c, bias_c, of) = (&gain[..], &bias[..], (&x[..], &dy[..]));
        for norm in [RowNorm::Rms { gain_c, eps }, RowNorm::Layer { gain_c, bias_c, eps }] {
            let (mut dx, mut dgain, mut stats) = (start.clone(), sums.clone(), vec![0.0; 2 * t]);
            norm_backward(pool, norm, of, Some(&mut dx), None, &mut []);
            norm_backward(pool, norm, of, None, Some(&mut dgain), &mut stats);
            stats.fill(f32::NAN);
            let (mut both_dx, mut both_dgain) = (start.clone(), sums.clone());
            let (to_x, to_gain) = (Some(&mut both_dx[..]), Some(&mut both_dgain[..]));
            norm_backward(pool, norm, of, to_x, to_gain, &mut stats);
            assert_eq!((both_dx, both_dgain), (dx, dgain), "{norm:?}");
        }
    });
}
