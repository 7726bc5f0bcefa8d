//! Layers and the head of a language model work in one memory.

use super::experts::{config as with_experts, moe};
use super::*;
use crate::training::TrainMemory;

/// Two passes, the second of which finds what the first left: losses, gradients, and logits between.
fn passes(mut model: TrainModel, spoils: bool) -> (Vec<f64>, Vec<f32>, Vec<f32>) {
    let (one, other) =
        (TrainBatch { router_loss: 0.02, ..batch(&[17, 1, 30], 2) }, batch(&[40], 3));
    model.shared.spoils = spoils;
    model.forward_backward(&other, 0.7).unwrap();
    model.zero_grads();
    let logits = model.next_logits(&other.tokens).unwrap().to_vec();
    let losses = model.losses(&one).unwrap().to_vec();
    model.backward_losses(&one, &vec![0.3; losses.len()]).unwrap();
    (losses, model.grads().to_vec(), logits)
}

fn check(what: &str, made: impl Fn(&TrainOptions) -> TrainModel) {
    for dtype in [DenseType::F32, DenseType::Bf16] {
        for recompute in [Recompute::Off, Recompute::All] {
            let options = TrainOptions { recompute, ..options(dtype) };
            let run = |spoils| passes(made(&options), spoils);
            assert!(run(true) == run(false), "{what} {dtype:?} {recompute:?}");
        }
    }
}

#[test]
fn nobody_reads_what_another_left_in_the_memory() {
    for (name, config) in families::configs() {
        check(name, |options| random_model(&config, &Method::Full, options, 2));
    }
    let config = with_experts(moe(5, 2));
    check("experts", |options| random_model(&config, &Method::Full, options, 2));
}

#[test]
fn no_adapter_reads_what_another_left_in_the_memory() {
    for (of, config, methods) in [
        ("heads", adapters::config(), adapters::methods()),
        ("latents", latent::with_experts(), latent::methods()),
    ] {
        for (name, method) in methods {
            check(&format!("{of} {name}"), |options| {
                let mut model = random_model(&config, &method, options, 2);
                move_values(&mut model, 1);
                model
            });
        }
    }
}

/// Each has as much as if it were alone, and both together have no more than the larger.
#[test]
fn a_head_that_fits_the_memory_of_the_layers_takes_none_of_its_own() {
    let memory = |vocab_size| -> TrainMemory {
        let config = ModelConfig { vocab_size, ..tiny_config() };
        let options = TrainOptions { recompute: Recompute::All, ..options(DenseType::F32) };
        random_model(&config, &Method::Full, &options, 1).memory()
    };
    let [small, larger, large] = [75, 100, 6000].map(memory);
    assert_eq!(small.working, larger.working);
    // Logits and two operands of their slopes, 64 rows each, of which layers take a part anyway.
    let head = 4 * 64 * (6000 + 2 * 4096);
    let grown = large.working - small.working;
    assert!(head / 2 < grown && grown < head, "{grown} of {head}");
}
