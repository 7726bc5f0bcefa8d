//! Runs that come apart.

use catena_model::training::{Method, Recompute};
use catena_protocol::{Cancel, NoProgress};
use catena_train::{RunConfig, TrainError};

use crate::setup::{config, dir, language_model, lora, run};

/// The tensor that is named is the one whose gradient, added up plainly, is the largest.
#[test]
fn a_run_that_comes_apart_names_the_tensor_with_the_largest_gradient() {
    // So strict that the first loss of a model that knows nothing is beyond the bound.
    let strict = RunConfig { divergence_factor: 0.05, ..config() };
    for method in [Method::Full, lora()] {
        let (_guard, path) = dir();
        let mut model = language_model(&method, Recompute::Off);
        let error = run(&strict, &path, &mut model, &NoProgress, &Cancel::new()).unwrap_err();
        let TrainError::Diverged { largest_gradient, .. } = &error else { panic!("{error}") };
        let norm = |range: &std::ops::Range<usize>| -> f64 {
            let grads = &model.grads()[range.clone()];
            grads.iter().map(|&grad| f64::from(grad) * f64::from(grad)).sum::<f64>().sqrt()
        };
        let params = model.params();
        assert!(params.len() > 4, "there is something to choose from");
        let norms = params.iter().map(|param| (norm(&param.range), &param.name));
        let (norm, name) = norms.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        let said = largest_gradient.strip_prefix(&format!("that of `{name}`, of norm "));
        let said = said.and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
        let said = said.unwrap_or_else(|| panic!("{error}, not `{name}`"));
        assert!((said / norm - 1.0).abs() < 1e-2, "{said} is not {norm}");
    }
}
