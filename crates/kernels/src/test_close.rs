//! Comparing what every level of the machine computes with formulas in f64.

use crate::level::with_level;
use crate::{Level, Pool};

/// A few roundings of f32, relative to the magnitudes involved.
pub(crate) const F32_TOLERANCE: f64 = 5e-6;

pub(crate) fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

pub(crate) fn assert_close(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
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

/// Runs `check` at every level, on one and on more threads.
pub(crate) fn at_every_level(check: impl Fn(&Pool)) {
    for level in Level::supported() {
        for threads in [1, 3] {
            let pool = Pool::new(threads);
            with_level(level, || check(&pool));
        }
    }
}
