use super::cross_entropy::cross_entropy;
use super::multi_label::binary_cross_entropy;
use super::regression::squared_error;
use super::*;
use crate::loss::LossAndGrad;
use crate::loss::result::wide;
use crate::loss::test_support::{
    assert_close, assert_is_gradient, floats, golden, number, numbers,
};
use serde_json::Value;

const LABELS: usize = 5;

fn check(name: &str, found: &LossAndGrad, golden: &Value) {
    assert_close(name, &[found.loss], &[number(&golden[name]["loss"])]);
    assert_close(name, &wide(&found.grad), &numbers(&golden[name]["grads"]));
}

fn targets(golden: &Value) -> Vec<Option<u32>> {
    let label = |x: &Value| u32::try_from(x.as_i64().unwrap()).ok();
    golden["targets"].as_array().unwrap().iter().map(label).collect()
}

#[test]
fn one_label_follows_pytorch() {
    let golden = golden("classification");
    let (logits, targets) = (floats(&golden["logits"]), targets(&golden));
    let weights = numbers(&golden["weights"]);
    let cases = [
        ("cross_entropy", CrossEntropyConfig::default()),
        ("smoothed", CrossEntropyConfig { label_smoothing: 0.1, class_weights: None }),
        ("weighted", CrossEntropyConfig { label_smoothing: 0.2, class_weights: Some(weights) }),
    ];
    for (name, config) in cases {
        let total = cross_entropy_weight(&config, &targets);
        let found = label_cross_entropy(&config, &logits, &targets, LABELS, total);
        check(name, &found, &golden);
        let at = wide(&logits);
        let (_, grad) = cross_entropy(&config, &at, &targets, LABELS, total);
        assert_is_gradient(name, &at, &grad, |logits| {
            cross_entropy(&config, logits, &targets, LABELS, total).0
        });
    }
}

#[test]
fn several_labels_follow_pytorch() {
    let golden = golden("classification");
    let (logits, many) = (floats(&golden["logits"]), floats(&golden["many"]));
    let weights = numbers(&golden["weights"]);
    for (name, weights) in [("multi_label", None), ("multi_label_weighted", Some(&weights[..]))] {
        check(name, &multi_label_loss(&logits, &many, weights, logits.len()), &golden);
        let (at, many) = (wide(&logits), wide(&many));
        let loss = |logits: &[f64]| binary_cross_entropy(logits, &many, weights, at.len());
        assert_is_gradient(name, &at, &loss(&at).1, |logits| loss(logits).0);
    }
}

#[test]
fn numbers_follow_pytorch() {
    let golden = golden("classification");
    let (outputs, many) = (floats(&golden["logits"]), floats(&golden["many"]));
    check("regression", &regression_loss(&outputs, &many, many.len()), &golden);
    let (at, many) = (wide(&outputs), wide(&many));
    let grad = squared_error(&at, &many, at.len()).1;
    assert_is_gradient("regression", &at, &grad, |x| squared_error(x, &many, at.len()).0);
}

#[test]
fn logits_far_apart_are_no_trouble() {
    let logits = [900.0, -900.0, 0.0, 0.0];
    let config = CrossEntropyConfig::default();
    let found = label_cross_entropy(&config, &logits, &[Some(0), Some(1)], 2, 2.0);
    assert!((found.loss - std::f64::consts::LN_2 / 2.0).abs() < 1e-12);
    let found = multi_label_loss(&logits, &[1.0, 0.0, 1.0, 0.0], None, 4);
    assert!(found.loss.is_finite() && found.grad.iter().all(|x| x.is_finite()));
}

#[test]
#[should_panic(expected = "label 2 of 2")]
fn a_label_out_of_range_is_a_bug() {
    label_cross_entropy(&CrossEntropyConfig::default(), &[0.0, 1.0], &[Some(2)], 2, 1.0);
}
