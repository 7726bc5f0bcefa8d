//! Goldens and finite differences for the tests of losses.

use serde_json::Value;

const GOLDEN: &str = include_str!("../../tests/golden/losses.json");
/// Losses and gradients against f64 references; gradients of matrices are f32 here.
pub(super) const GOLDEN_TOLERANCE: f64 = 1e-6;
/// Central differences with a step of 1e-5 are off by 1e-10 of the third derivative, and by 1e-11
/// of the loss for its roundings.
const DIFFERENCE_TOLERANCE: f64 = 1e-6;
const STEP: f64 = 1e-5;

pub(super) fn golden(section: &str) -> Value {
    let all: Value = serde_json::from_str(GOLDEN).unwrap();
    all[section].clone()
}

pub(super) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

pub(super) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "the goldens' inputs are f32")]
pub(super) fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|x| x as f32).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "small counts")]
pub(super) fn counts(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

/// Every difference is small beside the largest number.
pub(super) fn assert_close(what: &str, found: &[f64], expected: &[f64]) {
    assert_close_to(what, found, expected, GOLDEN_TOLERANCE);
}

pub(super) fn assert_close_to(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    assert!(largest > 0.0, "{what}: nothing to compare with");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= tolerance * largest, "{what} [{i}]: {found}, not {expected}");
    }
}

/// Compares `grad` at `at` with central differences of `loss`.
pub(super) fn assert_is_gradient(
    what: &str,
    at: &[f64],
    grad: &[f64],
    loss: impl Fn(&[f64]) -> f64,
) {
    let mut x = at.to_vec();
    let differences: Vec<f64> = (0..at.len())
        .map(|i| {
            x[i] = at[i] + STEP;
            let above = loss(&x);
            x[i] = at[i] - STEP;
            let below = loss(&x);
            x[i] = at[i];
            (above - below) / (2.0 * STEP)
        })
        .collect();
    assert_close_to(what, grad, &differences, DIFFERENCE_TOLERANCE);
}

/// Different numbers of -1..1.
pub(super) fn spread(len: usize, seed: u32) -> Vec<f64> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        f64::from(state) / f64::from(u32::MAX) * 2.0 - 1.0
    };
    (0..len).map(|_| next()).collect()
}
