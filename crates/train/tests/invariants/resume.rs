//! Runs that were stopped and go on.

use catena_model::training::{Method, Recompute, TrainModel};
use catena_protocol::{Cancel, CancelAfter, NoProgress};
use catena_train::{RunConfig, TrainError};

use crate::setup::{config, dir, figures, language_model, lora, optimizers, run};

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
    let stop = CancelAfter { after, cancel: cancel.clone() };
    let error = run(config, &path, &mut new(), &stop, &cancel).unwrap_err();
    assert!(matches!(error, TrainError::Interrupted { step } if step == after), "{error}");
    let mut model = new();
    run(config, &path, &mut model, &NoProgress, &Cancel::new()).unwrap();
    (figures(&path), model)
}
