//! The loss that balances experts.

use catena_kernels::DenseType;
use catena_model::training::{LoraConfig, Method, Recompute, Task, TrainModel, TrainOptions};
use catena_train::{Objective, Pass, Purpose, Sft, Step};

use crate::packing::as_batch;
use crate::setup::{MAX_TOKENS, distance, model, options, samples};

const FAMILIES: [&str; 2] = ["families/mixtral", "families/qwen3_moe"];

fn made(name: &str, method: &Method, recompute: Recompute) -> TrainModel {
    let options = TrainOptions { recompute, ..options(DenseType::F32) };
    model(name, None, Task::LanguageModel, method, &options)
}

/// Pairs in front of routers, which are frozen.
fn beside_attention() -> Method {
    Method::Lora(LoraConfig {
        r: 2,
        lora_alpha: 4.0,
        use_rslora: false,
        target_modules: ["q_proj", "v_proj"].map(str::to_owned).to_vec(),
        seed: 3,
    })
}

/// The gradient of the loss by itself.
fn gradient(model: &mut TrainModel) -> Vec<f32> {
    let mut batch = as_batch(&samples(6));
    batch.router_loss = 1.0;
    let nothing = vec![0.0; batch.labels.iter().flatten().count()];
    model.zero_grads();
    model.forward_backward_rows(&batch, &nothing).unwrap();
    model.grads().to_vec()
}

/// The loss jumps where another expert is chosen: it is enough that one step has none such.
#[test]
fn the_gradient_of_the_balance_predicts_it() {
    let batch = as_batch(&samples(6));
    for name in FAMILIES {
        let mut model = made(name, &Method::Full, Recompute::Off);
        let grads = gradient(&mut model);
        let norm = grads.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
        let start = model.values().to_vec();
        let mut at = |step: f64| {
            let moved = start.iter().zip(&grads);
            for (value, (start, grad)) in model.values_mut().iter_mut().zip(moved) {
                *value = start + (step / norm) as f32 * grad;
            }
            model.losses(&batch).unwrap();
            model.router_loss().unwrap()
        };
        let slope =
            |step: f64, at: &mut dyn FnMut(f64) -> f64| (at(step) - at(-step)) / (2.0 * step);
        let found = [1e-3, 3e-4, 1e-4, 3e-5].map(|step| slope(step, &mut at));
        assert!(
            found.iter().any(|slope| (slope / norm - 1.0).abs() < 3e-2),
            "{name}: {found:?}, not {norm}"
        );
    }
}

/// Layers that are computed again are not counted again, and what stands in front of frozen routers
/// has a gradient too.
#[test]
fn the_balance_is_counted_once() {
    for name in FAMILIES {
        for method in [Method::Full, beside_attention()] {
            let kept = gradient(&mut made(name, &method, Recompute::Off));
            let again = gradient(&mut made(name, &method, Recompute::All));
            assert!(kept == again, "{name}");
            assert!(kept.iter().any(|&grad| grad != 0.0), "{name}");
        }
    }
}

#[test]
fn what_is_learnt_has_the_balance_and_what_is_evaluated_has_not() {
    let rows = samples(6);
    let chosen: Vec<usize> = (0..rows.len()).collect();
    let purpose = Purpose::Learn(Step::default());
    let pass = Pass { chosen: &chosen, micro_step_tokens: MAX_TOKENS, purpose };
    let run = |coefficient: f64| {
        let mut model = made(FAMILIES[0], &Method::Full, Recompute::Off);
        let sft = Sft::new(&rows, MAX_TOKENS).unwrap();
        let figures = sft.with_router_loss(coefficient).unwrap().run(&mut model, &pass).unwrap();
        (figures, model)
    };
    let ((plain, mut alone), (balanced, both)) = (run(0.0), run(0.5));
    let unevenness = balanced.extra["aux_loss"];
    assert!(unevenness > 2.0, "{unevenness}: even experts have 2, as many as a token goes through");
    assert!((balanced.loss - plain.loss - 0.5 * unevenness).abs() < 1e-9);
    assert!(!plain.extra.contains_key("aux_loss"));
    // Both gradients add up.
    let learnt = alone.grads().to_vec();
    let sum: Vec<f32> = learnt.iter().zip(gradient(&mut alone)).map(|(a, b)| a + 0.5 * b).collect();
    assert!(distance(both.grads(), &sum) < 1e-5);
    for (refused, said) in [(-0.1, "-0.1"), (f64::NAN, "NaN")] {
        let error = Sft::new(&rows, MAX_TOKENS).unwrap().with_router_loss(refused).err().unwrap();
        assert!(error.to_string().contains("`router_aux_loss_coef` is"), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}
