//! The gradient is that of the loss; packing, threads and accumulation change nothing.

use super::gradient::{direction, dot, slope};
use super::*;

pub(super) const ALL: [&str; 7] =
    ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

#[test]
fn the_gradient_predicts_the_loss_in_every_tensor() {
    let batch = batch(&[17, 1, 30], 2);
    let mut model = tiny_model(&lora(3, &ALL), DenseType::F32, 2);
    model.forward_backward(&batch, 1.0).unwrap();
    let grads = model.grads().to_vec();
    for param in model.params().to_vec() {
        let (norm, direction) = direction(&grads, &param.range);
        assert!(norm > 1e-3, "{} has no gradient", param.name);
        let found = slope(&mut model, &batch, &direction, 1e-2);
        assert!((found / norm - 1.0).abs() < 2e-2, "{}: {found} instead of {norm}", param.name);
    }
}

#[test]
fn the_bf16_gradient_predicts_the_loss_as_a_whole() {
    let batch = batch(&[17, 1, 30], 2);
    let mut model = tiny_model(&lora(4, &ALL), DenseType::Bf16, 2);
    model.forward_backward(&batch, 1.0).unwrap();
    let grads = model.grads().to_vec();
    let (norm, direction) = direction(&grads, &(0..grads.len()));
    let found = slope(&mut model, &batch, &direction, 0.05);
    assert!((found / norm - 1.0).abs() < 0.05, "{found} instead of {norm}");
}

#[test]
fn any_subset_of_projections_has_the_gradient_of_the_whole_set() {
    let batch = batch(&[20, 11], 3);
    for targets in [&["q_proj", "v_proj"][..], &["o_proj"], &["down_proj"], &["up_proj", "k_proj"]]
    {
        let mut model = tiny_model(&lora(2, targets), DenseType::F32, 1);
        model.forward_backward(&batch, 1.0).unwrap();
        let grads = model.grads().to_vec();
        let (norm, direction) = direction(&grads, &(0..grads.len()));
        let found = slope(&mut model, &batch, &direction, 1e-2);
        assert!((found / norm - 1.0).abs() < 1e-2, "{targets:?}: {found} instead of {norm}");
        assert!(model.params().iter().all(|param| targets.iter().any(|t| param.name.contains(t))));
    }
}

#[test]
fn packed_sequences_train_as_separate_ones() {
    let whole = batch(&[9, 20, 3], 4);
    let scale = 0.37;
    for dtype in [DenseType::F32, DenseType::Bf16] {
        let mut packed = tiny_model(&lora(3, &ALL), dtype, 2);
        let together = packed.forward_backward(&whole, scale).unwrap();
        let mut separate = tiny_model(&lora(3, &ALL), dtype, 2);
        let (mut loss_sum, mut tokens) = (0.0, 0);
        for one in super::separate(&whole) {
            let loss = separate.forward_backward(&one, scale).unwrap();
            (loss_sum, tokens) = (loss_sum + loss.loss_sum, tokens + loss.tokens);
        }
        assert_eq!(together.tokens, tokens);
        assert!(
            (together.loss_sum - loss_sum).abs() < 1e-9 * loss_sum,
            "losses have the same bits"
        );
        // Only the order of sums over tokens differs, in bf16 also how tokens pair up.
        let norm = dot(packed.grads(), packed.grads()).sqrt();
        for (a, b) in packed.grads().iter().zip(separate.grads()) {
            assert!(f64::from((a - b).abs()) < 1e-5 * norm, "{a} and {b} of {norm}");
        }
    }
}

#[test]
fn gradients_add_up_and_zero_grads_starts_again() {
    let batch = batch(&[12], 5);
    let mut model = tiny_model(&lora(3, &ALL), DenseType::F32, 1);
    let first = model.forward_backward(&batch, 1.0).unwrap();
    let once = model.grads().to_vec();
    let second = model.forward_backward(&batch, 1.0).unwrap();
    assert_eq!(first, second, "a step leaves nothing behind");
    assert_eq!(model.loss(&batch).unwrap(), first);
    let norm = dot(&once, &once).sqrt();
    for (twice, once) in model.grads().iter().zip(&once) {
        assert!(f64::from((twice - 2.0 * once).abs()) <= 1e-6 * norm, "{twice} and {once}");
    }
    model.zero_grads();
    model.forward_backward(&batch, 1.0).unwrap();
    assert_eq!(model.grads(), once);
}

#[test]
fn gradients_have_the_same_bits_for_any_number_of_threads() {
    let batch = batch(&[40, 7, 13], 6);
    for dtype in [DenseType::F32, DenseType::Bf16] {
        let [one, two, three] = [1, 2, 3].map(|threads| {
            let mut model = tiny_model(&lora(3, &ALL), dtype, threads);
            let loss = model.forward_backward(&batch, 0.1).unwrap();
            (loss, model.grads().to_vec())
        });
        assert!(one == two && two == three);
    }
}

#[test]
fn positions_without_a_label_carry_no_loss() {
    let mut batch = batch(&[10, 8], 8);
    let mut model = tiny_model(&lora(3, &ALL), DenseType::F32, 1);
    let all = model.loss(&batch).unwrap();
    let last = batch.labels.iter().rposition(Option::is_some).unwrap();
    let label = batch.labels[last].take();
    let less = model.loss(&batch).unwrap();
    assert_eq!(less.tokens + 1, all.tokens);
    assert!(less.loss_sum < all.loss_sum);
    batch.labels.fill(None);
    assert_eq!(model.forward_backward(&batch, 1.0).unwrap(), crate::training::LossSum::default());
    assert!(model.grads().iter().all(|&g| g == 0.0));
    batch.labels[last] = label;
    let alone = model.loss(&batch).unwrap();
    assert!((alone.loss_sum + less.loss_sum - all.loss_sum).abs() < 1e-6);
}
