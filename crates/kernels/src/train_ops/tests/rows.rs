//! Rows that are dealt out and weighted, and the softmax that weights come from.

use super::*;

#[test]
fn gathered_rows_are_those_asked_for_and_go_back_to_where_they_came_from() {
    at_every_level(|pool| {
        let (rows, c) = ([2u32, 0, 2, 3], 21);
        let mut rng = Rng::new(7);
        let (x, dy) = (rng.normals(4 * c), rng.normals(rows.len() * c));
        let mut found = vec![f32::NAN; rows.len() * c];
        gather_rows(pool, &x, &rows, c, &mut found);
        let gather = |x: &[f64]| -> Vec<f64> {
            rows.iter().flat_map(|&row| x[row as usize * c..][..c].to_vec()).collect()
        };
        assert_eq!(wide(&found), gather(&wide(&x)));
        let mut dx = vec![0.0; x.len()];
        lookup_backward(pool, &rows, &dy, 1.0, &mut dx);
        assert_close("gathered", &dx, &differences(&x, &dy, gather), F32_TOLERANCE);
        gather_rows(pool, &x, &[], c, &mut []);
    });
}

#[test]
fn a_transposed_matrix_has_its_columns_as_rows() {
    at_every_level(|pool| {
        for (rows, cols) in [(1, 1), (3, 19), (16, 2000)] {
            let x = Rng::new(9).normals(rows * cols);
            let mut found = vec![f32::NAN; x.len()];
            transpose(pool, &x, cols, &mut found);
            for (at, value) in found.iter().enumerate() {
                assert_eq!(*value, x[at % rows * cols + at / rows], "{rows} x {cols}");
            }
        }
        transpose(pool, &[], 3, &mut []);
    });
}

#[test]
fn weighted_rows_are_their_formula_and_their_backward_the_derivative() {
    at_every_level(|pool| {
        let (t, f) = (5, 37);
        let mut rng = Rng::new(8);
        let (x, weights, dy) = (rng.normals(t * f), rng.normals(t), rng.normals(t * f));
        let scaled = |x: &[f64], weights: &[f64]| -> Vec<f64> {
            x.chunks_exact(f).zip(weights).flat_map(|(x, w)| x.iter().map(move |x| x * w)).collect()
        };
        let mut found = x.clone();
        scale_rows(pool, &mut found, &weights, f);
        assert_close("rows", &found, &scaled(&wide(&x), &wide(&weights)), F32_TOLERANCE);
        let dx = differences(&x, &dy, |x| scaled(x, &wide(&weights)));
        let dweights = differences(&weights, &dy, |weights| scaled(&wide(&x), weights));
        let (mut found, mut sums) = (dy.clone(), vec![f32::NAN; t]);
        scale_rows_backward(pool, &x, &weights, &mut found, &mut sums);
        assert_close("dx", &found, &dx, F32_TOLERANCE);
        assert_close("dweights", &sums, &dweights, F32_TOLERANCE);
        scale_rows(pool, &mut [], &[], f);
        scale_rows_backward(pool, &[], &[], &mut [], &mut []);
    });
}

#[test]
fn the_backward_of_the_softmax_is_the_derivative() {
    at_every_level(|pool| {
        let (t, v) = (4, 35);
        let mut rng = Rng::new(9);
        let (x, dprobs) = (rng.normals(t * v), rng.normals(t * v));
        let softmax = |x: &[f64]| -> Vec<f64> {
            let row = |x: &[f64]| {
                let sum: f64 = x.iter().map(|x| x.exp()).sum();
                x.iter().map(|x| x.exp() / sum).collect::<Vec<_>>()
            };
            x.chunks_exact(v).flat_map(row).collect()
        };
        let probs: Vec<f32> = softmax(&wide(&x)).iter().map(|&p| p as f32).collect();
        let mut found = dprobs.clone();
        softmax_backward(pool, &probs, &mut found, v);
        assert_close("softmax", &found, &differences(&x, &dprobs, softmax), F32_TOLERANCE);
    });
}
