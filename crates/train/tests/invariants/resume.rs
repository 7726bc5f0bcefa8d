//! Runs that were stopped and go on.

use camino::Utf8Path;
use catena_model::training::{Method, Recompute, TrainModel};
use catena_protocol::{Cancel, NoProgress, Progress};
use catena_train::{
    AdafactorConfig, AdamWConfig, LionConfig, MuonConfig, OptimizerConfig, RunConfig, TrainError,
};

use crate::setup::{config, dir, language_model, lora, run};

/// Sets the flag once `after` steps are reported.
struct StopAfter {
    after: u64,
    cancel: Cancel,
}

impl Progress for StopAfter {
    fn begin(&self, _: &str, _: Option<u64>, _: &str) {}
    fn update(&self, done: u64) {
        if done >= self.after {
            self.cancel.cancel();
        }
    }
    fn note(&self, _: &str) {}
    fn end(&self) {}
}

fn optimizers() -> Vec<OptimizerConfig> {
    let decay = AdamWConfig { weight_decay: 0.01, ..AdamWConfig::default() };
    let adafactor =
        AdafactorConfig { beta1: Some(0.9), scale_parameter: true, ..AdafactorConfig::default() };
    vec![
        OptimizerConfig::AdamW(decay),
        OptimizerConfig::AdamW8bit(decay),
        OptimizerConfig::Lion(LionConfig::default()),
        OptimizerConfig::Adafactor(AdafactorConfig::default()),
        OptimizerConfig::Adafactor(adafactor),
        OptimizerConfig::Muon(MuonConfig::default()),
    ]
}

#[test]
fn a_resumed_run_has_the_bits_of_a_straight_one() {
    for method in [Method::Full, lora()] {
        for optimizer in optimizers() {
            let config = RunConfig { optimizer, neftune_alpha: Some(5.0), ..config() };
            let what = format!("{} {:?}", matches!(method, Method::Full), optimizer);
            let new = || language_model(&method, Recompute::Layers(1));
            let (_guard, path) = dir();
            let mut straight = new();
            run(&config, &path, &mut straight, &NoProgress, &Cancel::new()).unwrap();
            let (lines, resumed) = resumed(&config, &new, 3);
            assert_eq!(lines, figures(&path), "{what}");
            assert!(resumed.values() == straight.values(), "{what}");
            assert!(new().values() != straight.values(), "{what}");
        }
    }
}

/// A run that is stopped after `after` steps, and whose rest another process could have run.
fn resumed(config: &RunConfig, new: &dyn Fn() -> TrainModel, after: u64) -> (String, TrainModel) {
    let (_guard, path) = dir();
    let cancel = Cancel::new();
    let stop = StopAfter { after, cancel: cancel.clone() };
    let error = run(config, &path, &mut new(), &stop, &cancel).unwrap_err();
    assert!(matches!(error, TrainError::Interrupted { step } if step == after), "{error}");
    let mut model = new();
    run(config, &path, &mut model, &NoProgress, &Cancel::new()).unwrap();
    (figures(&path), model)
}

/// Losses and norms of all steps, to the last digit.
fn figures(path: &Utf8Path) -> String {
    std::fs::read_to_string(path.join("metrics.jsonl")).unwrap()
}
