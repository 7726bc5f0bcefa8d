//! Gradients that are taken one part of the model after another are those that it has at once.

use super::experts::{config as with_experts, moe};
use super::gradient::{direction, slope};
use super::*;
use crate::training::LossSum;

/// Takes gradients part by part. The values of each part are spoilt as soon as its gradient is
/// there: nothing may read them any more.
pub(super) fn taken(model: &mut TrainModel) -> Vec<f32> {
    let mut grads = vec![f32::NAN; model.values().len()];
    while let Some(part) = model.next_gradients() {
        let place = &mut grads[part.range];
        assert!(place.iter().all(|grad| grad.is_nan()), "a part is taken once");
        place.copy_from_slice(part.grads);
        part.values.fill(f32::NAN);
    }
    grads
}

/// The same gradients to the bit, by part and at once, of a model that `made` makes of options.
fn check(what: &str, batch: &TrainBatch, made: impl Fn(&TrainOptions) -> TrainModel) {
    for dtype in [DenseType::F32, DenseType::Bf16] {
        for recompute in [Recompute::Off, Recompute::All] {
            let run = |optimizer_in_backward| -> (LossSum, Vec<f32>, usize) {
                let options = TrainOptions { recompute, optimizer_in_backward, ..options(dtype) };
                let mut model = made(&options);
                let held = model.memory().gradients;
                let loss = model.forward_backward(batch, 0.3).unwrap();
                assert_eq!(model.gradients_by_part(), optimizer_in_backward);
                let whole = !optimizer_in_backward;
                let grads = if whole { model.grads().to_vec() } else { taken(&mut model) };
                assert!(model.next_gradients().is_none());
                (loss, grads, held)
            };
            let ((loss, grads, held), (of_parts, by_part, held_by_part)) = (run(false), run(true));
            assert_eq!(loss, of_parts, "{what} {dtype:?} {recompute:?}");
            assert!(grads == by_part, "{what} {dtype:?} {recompute:?}");
            // A prefix is one tensor of all layers.
            let is_less = held_by_part < held || what == "heads prefix";
            assert!(is_less, "{what}: {held_by_part} of {held} bytes of gradients");
        }
    }
}

#[test]
fn the_gradient_of_every_family_comes_in_parts() {
    let batch = batch(&[17, 1, 30], 2);
    for (name, config) in families::configs() {
        check(name, &batch, |options| random_model(&config, &Method::Full, options, 2));
    }
}

#[test]
fn the_gradient_of_every_adapter_comes_in_parts() {
    let batch = batch(&[17, 1, 30], 2);
    for (of, config, methods) in [
        ("heads", adapters::config(), adapters::methods()),
        ("latents", latent::with_experts(), latent::methods()),
    ] {
        for (name, method) in methods {
            check(&format!("{of} {name}"), &batch, |options| {
                let mut model = random_model(&config, &method, options, 2);
                move_values(&mut model, 1);
                model
            });
        }
    }
}

#[test]
fn the_gradient_of_experts_comes_in_parts() {
    let batch = TrainBatch { router_loss: 0.02, ..batch(&[17, 1, 30], 2) };
    let config = with_experts(moe(5, 2));
    check("experts", &batch, |options| random_model(&config, &Method::Full, options, 2));
}

#[test]
fn a_batch_without_labels_has_parts_of_zeros() {
    let mut batch = batch(&[9], 3);
    let options = TrainOptions { optimizer_in_backward: true, ..options(DenseType::F32) };
    let mut model = random_model(&tiny_config(), &Method::Full, &options, 1);
    model.forward_backward(&batch, 1.0).unwrap();
    assert!(taken(&mut model).iter().any(|&grad| grad != 0.0));
    let mut model = random_model(&tiny_config(), &Method::Full, &options, 1);
    model.forward_backward(&batch, 1.0).unwrap();
    model.zero_grads();
    batch.labels.fill(None);
    model.forward_backward(&batch, 1.0).unwrap();
    assert!(taken(&mut model).iter().all(|&grad| grad == 0.0));
}

#[test]
fn the_gradients_of_one_batch_are_taken_before_another_is_learnt() {
    let batch = batch(&[9], 3);
    let options = TrainOptions { optimizer_in_backward: true, ..options(DenseType::F32) };
    let mut model = random_model(&tiny_config(), &Method::Full, &options, 1);
    model.forward_backward(&batch, 1.0).unwrap();
    let refused = |error: ModelError| error.to_string().contains("a step is one micro-step");
    assert!(refused(model.forward_backward(&batch, 1.0).unwrap_err()));
    assert!(refused(model.loss(&batch).unwrap_err()));
    assert!(model.next_gradients().is_some());
    assert!(refused(model.losses(&batch).err().unwrap()));
    // Those that are not wanted are dropped.
    model.zero_grads();
    assert!(model.next_gradients().is_none());
    model.forward_backward(&batch, 1.0).unwrap();
}

/// A vocabulary of which a part at a time learns: two whole slices and one of a few rows.
#[test]
fn a_large_head_learns_slice_by_slice() {
    let (mut batch, vocab_size) = (batch(&[11, 6], 5), 8200);
    // Targets in every slice.
    for (at, label) in batch.labels.iter_mut().flatten().enumerate() {
        *label = [3, 4095, 4096, 8191, 8192, 8199][at % 6];
    }
    for tied in [true, false] {
        let config = ModelConfig { vocab_size, tie_word_embeddings: tied, ..tiny_config() };
        let mut model = random_model(&config, &Method::Full, &options(DenseType::F32), 2);
        model.forward_backward(&batch, 1.0).unwrap();
        let grads = model.grads().to_vec();
        let name = if tied { "embed_tokens" } else { "lm_head" };
        let params = model.params().to_vec();
        let head = params.iter().find(|param| param.name.contains(name)).unwrap();
        for rows in [0..4096, 4096..8192, 8192..8200] {
            let c = config.hidden_size;
            let place = head.range.start + rows.start * c..head.range.start + rows.end * c;
            let (norm, direction) = direction(&grads, &place);
            let found = slope(&mut model, &batch, &direction, 0.02);
            assert!((found / norm - 1.0).abs() < 2e-2, "{tied} {rows:?}: {found}, not {norm}");
        }
        // What goes on to the layers is of all slices.
        let last = params.iter().find(|param| param.name.contains("layers.2.mlp.down")).unwrap();
        let (norm, direction) = direction(&grads, &last.range);
        let found = slope(&mut model, &batch, &direction, 0.03);
        assert!((found / norm - 1.0).abs() < 2e-2, "{tied}: {found}, not {norm}");
    }
}
