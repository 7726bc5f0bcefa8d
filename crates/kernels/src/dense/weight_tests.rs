//! A weight in any form multiplies as its packed copy does, bit for bit, in both directions.

use super::{DenseMatrix, DenseType, RowOperand, WeightRef};
use crate::Pool;
use crate::test_close::at_every_level;
use crate::test_rng::Rng;

const SHAPES: [(usize, usize, usize); 5] =
    [(1, 1, 1), (3, 17, 5), (7, 37, 50), (60, 96, 160), (130, 33, 2100)];

/// Compares both products of `weight` with those of the packed `w_nk`.
pub(crate) fn check_weight(
    pool: &Pool,
    weight: WeightRef<'_>,
    w_nk: &[f32],
    dtype: DenseType,
    rows: usize,
) {
    let (n, k) = (weight.n(), weight.k());
    let mut rng = Rng::new(3);
    let mut compare = |inputs: usize, outputs: usize, transposed: bool| {
        let (x, start) = (rng.normals(rows * inputs), rng.normals(rows * (outputs + 2)));
        let packed = if transposed {
            DenseMatrix::pack_transposed(pool, w_nk, n, k, dtype)
        } else {
            DenseMatrix::pack(pool, w_nk, n, k, dtype)
        };
        let mut operand = RowOperand::new(dtype);
        for from_columns in [false, true] {
            if from_columns {
                let columns: Vec<f32> =
                    (0..x.len()).map(|at| x[at % rows * inputs + at / rows]).collect();
                operand.set_transposed(pool, &columns, inputs, rows, rows);
            } else {
                operand.set(pool, &x, rows, inputs, inputs);
            }
            for accumulate in [false, true] {
                let (mut found, mut expected) = (start.clone(), start.clone());
                packed.matmul_operand(pool, &operand, &mut expected, outputs + 2, accumulate);
                if transposed {
                    weight.matmul_transposed(pool, &operand, &mut found, outputs + 2, accumulate);
                } else {
                    weight.matmul(pool, &operand, &mut found, outputs + 2, accumulate);
                }
                let form = (transposed, from_columns, accumulate);
                assert!(found == expected, "[{n}, {k}], {rows} rows, {form:?}");
            }
        }
    };
    compare(k, n, false);
    compare(n, k, true);
}

/// A pair's second matrix beside a weight, in both directions.
#[test]
fn two_products_in_one_pass_are_those_one_after_the_other() {
    everywhere(|pool, dtype| {
        for (rows, n, k) in SHAPES {
            for r in [1, 16, 21] {
                let mut rng = Rng::new(6);
                let mut normals = |len: usize| rng.normals(len);
                let (w_nk, b_nr, a_rk) = (short_values(n * k), normals(n * r), normals(r * k));
                let matrix = DenseMatrix::pack(pool, &w_nk, n, k, DenseType::Bf16);
                let floats = WeightRef::Floats { w_nk: &w_nk, n, k };
                let b = WeightRef::Floats { w_nk: &b_nr, n, k: r };
                let a = WeightRef::Floats { w_nk: &a_rk, n: r, k };
                for weight in [floats, WeightRef::Dense(&matrix)] {
                    for (transposed, beside, inputs, outputs) in [(false, b, k, n), (true, a, n, k)]
                    {
                        let (mut x, mut inner) = (RowOperand::new(dtype), RowOperand::new(dtype));
                        x.set(pool, &normals(rows * inputs), rows, inputs, inputs);
                        inner.set(pool, &normals(rows * r), rows, r, r);
                        let start = normals(rows * (outputs + 2));
                        for accumulate in [false, true] {
                            let (mut found, mut expected) = (start.clone(), start.clone());
                            let (both, ldo) = ((beside, &inner), outputs + 2);
                            let out = &mut expected;
                            if transposed {
                                weight.matmul_transposed(pool, &x, out, ldo, accumulate);
                                beside.matmul_transposed(pool, &inner, out, ldo, true);
                                let out = &mut found;
                                weight
                                    .matmul_transposed_beside(pool, &x, both, out, ldo, accumulate);
                            } else {
                                weight.matmul(pool, &x, out, ldo, accumulate);
                                beside.matmul(pool, &inner, out, ldo, true);
                                let out = &mut found;
                                weight.matmul_beside(pool, &x, both, out, ldo, accumulate);
                            }
                            let what = (rows, n, k, r, transposed, accumulate);
                            assert!(found == expected, "{what:?} {dtype:?}");
                        }
                    }
                }
            }
        }
    });
}

fn everywhere(test: impl Fn(&Pool, DenseType)) {
    at_every_level(|pool| {
        for dtype in [DenseType::F32, DenseType::Bf16] {
            test(pool, dtype);
        }
    });
}

/// Values that bf16 holds exactly, so that a copy in bf16 is one in f32.
fn short_values(len: usize) -> Vec<f32> {
    Rng::new(5).normals(len).iter().map(|&x| half::bf16::from_f32(x).to_f32()).collect()
}

#[test]
fn rows_of_floats_multiply_as_packed() {
    everywhere(|pool, dtype| {
        for (rows, n, k) in SHAPES {
            let w_nk = Rng::new(4).normals(n * k);
            check_weight(pool, WeightRef::Floats { w_nk: &w_nk, n, k }, &w_nk, dtype, rows);
        }
    });
}

#[test]
fn packed_weights_multiply_in_either_type() {
    everywhere(|pool, dtype| {
        for (rows, n, k) in SHAPES {
            let w_nk = short_values(n * k);
            for held in [DenseType::F32, DenseType::Bf16] {
                let matrix = DenseMatrix::pack(pool, &w_nk, n, k, held);
                check_weight(pool, WeightRef::Dense(&matrix), &w_nk, dtype, rows);
                let mut row = vec![0.0; k];
                WeightRef::Dense(&matrix).row(n - 1, &mut row);
                assert_eq!(row, w_nk[(n - 1) * k..]);
            }
        }
    });
}
