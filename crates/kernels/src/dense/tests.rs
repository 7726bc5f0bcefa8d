//! Every product at every level against a plain f64 sum over the operands as the kernel sees them.

use proptest::prelude::*;

use super::micro::with_widened_bf16;
use super::{DenseMatrix, DenseType, RowOperand};
use crate::level::with_level;
use crate::test_rng::Rng;
use crate::test_values::{Mix, Placed};
use crate::{Level, MatmulScratch, Pool};

/// Relative to the sum of absolute products: k roundings of f32.
const TOLERANCE: f64 = 2e-6;

fn values(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_769).wrapping_add(12345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

fn rounded(dtype: DenseType, x: f32) -> f64 {
    match dtype {
        DenseType::F32 => f64::from(x),
        DenseType::Bf16 => half::bf16::from_f32(x).to_f64(),
    }
}

/// `out[i][j] = start + sum_s a(i, s) b(j, s)` with its tolerance.
fn check(
    dtype: DenseType,
    (m, n, k): (usize, usize, usize),
    a: impl Fn(usize, usize) -> f32,
    b: impl Fn(usize, usize) -> f32,
    start: &[f32],
    out: &[f32],
    ldo: usize,
) {
    for i in 0..m {
        for j in 0..n {
            let mut sum = f64::from(start[i * ldo + j]);
            let mut size = 1.0 + sum.abs();
            for s in 0..k {
                let product = rounded(dtype, a(i, s)) * rounded(dtype, b(j, s));
                sum += product;
                size += product.abs();
            }
            let found = f64::from(out[i * ldo + j]);
            assert!(
                (found - sum).abs() <= TOLERANCE * size,
                "[{i}, {j}] of {m}x{n}x{k} {dtype:?}: {found} instead of {sum}"
            );
        }
    }
}

fn check_forms(level: Level, threads: usize, dtype: DenseType, shape: (usize, usize, usize)) {
    check_forms_of(values, level, threads, dtype, shape);
}

/// The same for numbers from elsewhere: `values(len, seed)`.
fn check_forms_of(
    values: impl Fn(usize, u32) -> Vec<f32>,
    level: Level,
    threads: usize,
    dtype: DenseType,
    (m, n, k): (usize, usize, usize),
) {
    let pool = Pool::new(threads);
    let ldo = n + 3;
    let (x, w, w_kn) = (values(m * k, 1), values(n * k, 2), values(k * n, 3));
    let start = values(m * ldo, 4);
    let zeros = vec![0.0; m * ldo];
    with_level(level, || {
        let matrix = DenseMatrix::pack(&pool, &w, n, k, dtype);
        let mut scratch = MatmulScratch::default();
        let mut out = start.clone();
        matrix.matmul(&pool, &x, &mut out, ldo, true, &mut scratch);
        check(dtype, (m, n, k), |i, s| x[i * k + s], |j, s| w[j * k + s], &start, &out, ldo);
        matrix.matmul(&pool, &x, &mut out, ldo, false, &mut scratch);
        check(dtype, (m, n, k), |i, s| x[i * k + s], |j, s| w[j * k + s], &zeros, &out, ldo);

        let matrix = DenseMatrix::pack_transposed(&pool, &w_kn, k, n, dtype);
        assert_eq!((matrix.n(), matrix.k()), (n, k));
        matrix.matmul(&pool, &x, &mut out, ldo, false, &mut scratch);
        check(dtype, (m, n, k), |i, s| x[i * k + s], |j, s| w_kn[s * n + j], &zeros, &out, ldo);

        let x_km = values(k * m, 5);
        let mut operand = RowOperand::new(dtype);
        operand.set_transposed(&pool, &x_km, k, m, m);
        let mut out = start.clone();
        matrix.matmul_operand(&pool, &operand, &mut out, ldo, true);
        check(dtype, (m, n, k), |i, s| x_km[s * m + i], |j, s| w_kn[s * n + j], &start, &out, ldo);
        for i in 0..m {
            assert_eq!(out[i * ldo + n..(i + 1) * ldo], start[i * ldo + n..(i + 1) * ldo]);
        }
        // Packed from columns or from rows, the operand is the same: to the bit.
        let x_mk: Vec<f32> = (0..m * k).map(|at| x_km[at % k * m + at / k]).collect();
        operand.set(&pool, &x_mk, m, k, k);
        let mut from_rows = start.clone();
        matrix.matmul_operand(&pool, &operand, &mut from_rows, ldo, true);
        assert!(out == from_rows, "{m}x{n}x{k} {level:?} {dtype:?}");
    });
}

#[test]
fn rows_and_columns_of_one_pass_are_those_of_two() {
    for level in Level::supported() {
        for dtype in [DenseType::F32, DenseType::Bf16] {
            // Rows apart, the last of which is no longer than its values; none at all.
            for (rows, k) in [(1usize, 1), (7, 33), (50, 48), (35, 17), (0, 5)] {
                let (pool, stride) = (Pool::new(2), k + 3);
                let x = values((rows * stride).saturating_sub(3), 6);
                with_level(level, || {
                    let (mut found, mut expected) =
                        (RowOperand::new(dtype), RowOperand::new(dtype));
                    let mut columns = DenseMatrix::with_capacity(dtype, k, rows);
                    let mut alone = DenseMatrix::with_capacity(dtype, k, rows);
                    found.set_with_columns(&pool, &x, (rows, k, stride), &mut columns);
                    expected.set(&pool, &x, rows, k, stride);
                    alone.repack_transposed(&pool, &x, rows, k, stride);
                    let words = rows * dtype.steps(k);
                    assert!(found.view().words[..words] == expected.view().words[..words]);
                    assert_eq!((found.rows(), found.reduction()), (rows, k));
                    assert_eq!((columns.n(), columns.k()), (k, rows));
                    assert!(
                        columns.packed_from(0) == alone.packed_from(0),
                        "{rows} x {k} {level:?}"
                    );
                });
            }
        }
    }
}

/// The last has more rows than are packed in one go, and panels at a multiple of the caches' pages.
const SHAPES: [(usize, usize, usize); 9] = [
    (1, 1, 1),
    (1, 16, 2),
    (7, 33, 5),
    (13, 100, 64),
    (50, 48, 31),
    (9, 64, 40),
    (17, 80, 7),
    (100, 17, 96),
    (805, 5, 128),
];

#[test]
fn all_forms_match_the_formula_at_every_level() {
    for level in Level::supported() {
        for dtype in [DenseType::F32, DenseType::Bf16] {
            for shape in SHAPES {
                check_forms(level, 2, dtype, shape);
            }
        }
    }
}

#[test]
fn bf16_matches_the_formula_also_without_an_instruction_for_it() {
    for level in Level::supported() {
        for shape in SHAPES {
            // One thread: it is this one that is told to widen.
            with_widened_bf16(|| check_forms(level, 1, DenseType::Bf16, shape));
        }
    }
}

/// Zeros, subnormal numbers and powers of ten whose products are far from the largest number.
fn awkward(len: usize, seed: u32) -> Vec<f32> {
    let values = Mix::Finite.values(&mut Rng::new(u64::from(seed)), len);
    values.into_iter().map(|x| if x.abs() > 1e18 { x.signum() * 1e18 } else { x }).collect()
}

#[test]
fn awkward_numbers_match_the_formula_too() {
    for level in Level::supported() {
        for dtype in [DenseType::F32, DenseType::Bf16] {
            for shape in SHAPES {
                check_forms_of(awkward, level, 2, dtype, shape);
                with_widened_bf16(|| check_forms_of(awkward, level, 1, dtype, shape));
            }
        }
    }
}

#[test]
fn what_is_not_finite_in_a_row_shows_there_and_nowhere_else() {
    let (m, n, k) = (21, 70, 67);
    let (x, w, pool) = (values(m * k, 9), values(n * k, 10), Pool::new(2));
    let product = |dtype, x: &[f32], by_columns: bool| {
        let matrix = DenseMatrix::pack(&pool, &w, n, k, dtype);
        let mut operand = RowOperand::new(dtype);
        if by_columns {
            let columns: Vec<f32> = (0..x.len()).map(|at| x[at % m * k + at / m]).collect();
            operand.set_transposed(&pool, &columns, k, m, m);
        } else {
            operand.set(&pool, x, m, k, k);
        }
        let mut out = vec![0.0; m * n];
        matrix.matmul_operand(&pool, &operand, &mut out, n, false);
        out
    };
    for (level, dtype) in Level::supported()
        .into_iter()
        .flat_map(|level| [DenseType::F32, DenseType::Bf16].map(|dtype| (level, dtype)))
    {
        with_level(level, || {
            let whole = product(dtype, &x, false);
            for (i, value) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].into_iter().enumerate() {
                let mut broken = x.clone();
                let row = 10 * i;
                broken[row * k + (k - 1) * i / 2] = value;
                for by_columns in [false, true] {
                    let out = product(dtype, &broken, by_columns);
                    let (before, after) = (row * n, (row + 1) * n);
                    let case = format!("{level:?} {dtype:?} {value} {by_columns}");
                    assert!(out[before..after].iter().all(|y| !y.is_finite()), "{case}");
                    assert_eq!(out[..before], whole[..before], "{case}");
                    assert_eq!(out[after..], whole[after..], "{case}");
                }
            }
        });
    }
}

#[test]
fn unaligned_slices_have_the_products_of_aligned_ones() {
    let (m, n, k) = (13, 37, 50);
    let (x, w, start) = (values(m * k, 11), values(n * k, 12), values(m * n, 13));
    for (level, dtype) in Level::supported()
        .into_iter()
        .flat_map(|level| [DenseType::F32, DenseType::Bf16].map(|dtype| (level, dtype)))
    {
        with_level(level, || {
            let (pool, mut scratch) = (Pool::new(2), MatmulScratch::default());
            let mut product = |x: &[f32], w: &[f32], out: &mut [f32]| {
                let matrix = DenseMatrix::pack(&pool, w, n, k, dtype);
                matrix.matmul(&pool, x, out, n, true, &mut scratch);
            };
            let (mut expected, mut found) = (start.clone(), Placed::new(&start));
            product(&x, &w, &mut expected);
            product(&Placed::new(&x), &Placed::new(&w), &mut found);
            assert_eq!(found[..], expected[..], "{level:?} {dtype:?}");
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_shape_matches_the_formula(m in 1usize..40, n in 1usize..70, k in 1usize..50, bf16: bool) {
        let dtype = if bf16 { DenseType::Bf16 } else { DenseType::F32 };
        for level in Level::supported() {
            check_forms(level, 1, dtype, (m, n, k));
            with_widened_bf16(|| check_forms(level, 1, dtype, (m, n, k)));
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_batch_or_on_the_threads() {
    let (m, n, k) = (61, 200, 96);
    let (x, w) = (values(m * k, 6), values(n * k, 7));
    let mut scratch = MatmulScratch::default();
    for level in Level::supported() {
        for dtype in [DenseType::F32, DenseType::Bf16] {
            with_level(level, || {
                let (one, three) = (Pool::new(1), Pool::new(3));
                let matrix = DenseMatrix::pack(&three, &w, n, k, dtype);
                let mut together = vec![0.0; m * n];
                matrix.matmul(&three, &x, &mut together, n, false, &mut scratch);
                for i in 0..m {
                    let mut alone = vec![0.0; n];
                    matrix.matmul(&one, &x[i * k..][..k], &mut alone, n, false, &mut scratch);
                    assert_eq!(alone, together[i * n..][..n], "row {i}, {level:?}, {dtype:?}");
                }
            });
        }
    }
}

#[test]
fn rows_read_back_as_the_products_see_them() {
    let pool = Pool::new(2);
    let (n, k) = (21, 7);
    let w = values(n * k, 8);
    for dtype in [DenseType::F32, DenseType::Bf16] {
        let matrix = DenseMatrix::pack(&pool, &w, n, k, dtype);
        let mut row = vec![0.0; k];
        for i in 0..n {
            matrix.row(i, &mut row);
            let expected: Vec<f32> =
                w[i * k..][..k].iter().map(|&x| rounded(dtype, x) as f32).collect();
            assert_eq!(row, expected, "row {i}");
        }
    }
}

#[test]
fn bf16_rounding_keeps_nan_and_infinity() {
    for x in [f32::NAN, -f32::NAN, f32::from_bits(0x7fff_ffff)] {
        let bits = super::convert::bf16_bits(x) as u16;
        assert!(half::bf16::from_bits(bits).is_nan());
    }
    for x in [f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1.003_906_3, 0.0, -1e-40] {
        let bits = super::convert::bf16_bits(x) as u16;
        assert_eq!(bits, half::bf16::from_f32(x).to_bits(), "{x}");
    }
}
