//! Singular values: against a matrix that was put together from known ones.

use super::super::svd::{Svd, exact, randomized};
use super::*;

/// `U S V^T` with rows of U and V from two exact bases of a known product.
fn matrix(n: usize, k: usize, values: &[f64]) -> Vec<f32> {
    // Householder reflections of unit vectors: orthonormal without any decomposition.
    let basis = |len: usize, seed: u64| -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let axis: Vec<f64> = (0..len).map(|_| rng.random_range(-1.0..1.0)).collect();
        let square: f64 = axis.iter().map(|x| x * x).sum();
        let reflected = |j: usize| -> Vec<f64> {
            (0..len).map(|i| f64::from(i == j) - 2.0 * axis[i] * axis[j] / square).collect()
        };
        (0..values.len()).map(reflected).collect()
    };
    let (left, right) = (basis(n, 5), basis(k, 6));
    let entry = |i: usize, j: usize| -> f64 {
        values.iter().enumerate().map(|(at, s)| s * left[at][i] * right[at][j]).sum()
    };
    (0..n).flat_map(|i| (0..k).map(move |j| (i, j))).map(|(i, j)| entry(i, j) as f32).collect()
}

fn check(svd: &Svd, w: &[f32], (n, k): (usize, usize), values: &[f64], bound: f64) {
    let r = svd.values.len();
    for (found, expected) in svd.values.iter().zip(values) {
        assert!((found - expected).abs() < bound * values[0], "{found}, not {expected}");
    }
    // What is left is as long as the values that were left out.
    let mut rest = 0.0;
    for i in 0..n {
        for j in 0..k {
            let part: f64 = (0..r)
                .map(|at| svd.values[at] * svd.left_rn[at * n + i] * svd.right_rk[at * k + j])
                .sum();
            rest += (f64::from(w[i * k + j]) - part).powi(2);
        }
    }
    let expected: f64 = values[r..].iter().map(|s| s * s).sum::<f64>();
    assert!((rest.sqrt() - expected.sqrt()).abs() < bound * values[0], "{rest} {expected}");
}

#[test]
fn the_exact_decomposition_finds_the_values_that_were_put_in() {
    let values = [9.0, 4.0, 3.9, 1.0, 0.5, 0.0];
    for (n, k) in [(6, 6), (6, 19), (23, 7), (40, 33)] {
        let w = matrix(n, k, &values);
        for r in [1, 3, 6] {
            check(&exact(&w, (n, k), r), &w, (n, k), &values, 1e-6);
        }
    }
    let none = exact(&[0.0; 12], (3, 4), 2);
    assert_eq!(none.values, [0.0, 0.0]);
    assert!(none.right_rk.iter().all(|&x| x == 0.0));
}

#[test]
fn the_randomized_decomposition_finds_the_largest_values() {
    let values: Vec<f64> = (0..30).map(|at| 8.0 * 0.8f64.powi(at)).collect();
    let pool = Pool::new(2);
    for (n, k) in [(60, 45), (37, 80)] {
        let w = matrix(n, k, &values);
        let run = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            randomized(&pool, &w, (n, k), 4, 6, &mut rng)
        };
        check(&run(1), &w, (n, k), &values, 1e-4);
        assert_eq!(run(1).left_rn, run(1).left_rn);
    }
}
