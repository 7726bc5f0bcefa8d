//! Runs whose time is told before they start.

use catena_kernels::Pool;
use catena_model::training::{Method, Recompute};
use catena_protocol::{Cancel, NoProgress};
use catena_train::{
    Checkpoint, Objective, Preference, PreferenceConfig, PreferenceKind, PreferenceSample,
    RunConfig, Sft, Trainer,
};

use crate::setup::{MAX_TOKENS, config, dir, language_model, lora, samples};

#[test]
fn measuring_beforehand_leaves_the_bits_as_they_are() {
    let cancel = Cancel::new();
    for method in [Method::Full, lora()] {
        for pairs in [false, true] {
            let rows = samples(16);
            let both: Vec<PreferenceSample> = rows
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[chosen, rejected]| PreferenceSample {
                    chosen: chosen.clone(),
                    rejected: rejected.clone(),
                })
                .collect();
            let objective = || -> Box<dyn Objective + '_> {
                let kind = PreferenceKind::Sigmoid { label_smoothing: 0.0 };
                let dpo = PreferenceConfig::new(kind, 0.1);
                if pairs {
                    Box::new(Preference::new(&both, dpo, MAX_TOKENS).unwrap())
                } else {
                    Box::new(Sft::new(&rows, MAX_TOKENS).unwrap())
                }
            };
            let config = RunConfig {
                neftune_alpha: Some(5.0),
                eval_steps: Some(2),
                checkpoint_steps: 3,
                ..config()
            };
            let trained = |measured: bool| {
                let (_guard, path) = dir();
                let mut model = language_model(&method, Recompute::Layers(1));
                let (mut learnt, mut eval, pool) = (objective(), objective(), Pool::new(1));
                let trainer = Trainer::new(config.clone(), &path, "tiny").unwrap();
                if measured {
                    let before = model.values().to_vec();
                    let eval = Some(eval.as_mut() as _);
                    let told = trainer.forecast(&mut model, learnt.as_mut(), eval, &pool, &cancel);
                    let told = told.unwrap();
                    assert!(model.values() == before);
                    assert!(told.steps > 0 && told.tokens_per_second > 0.0, "{told:?}");
                    assert_eq!(told.reference_seconds > 0.0, pairs, "{told:?}");
                    assert!(told.evaluation_seconds > 0.0 && told.seconds() > 0.0, "{told:?}");
                }
                let eval = Some(eval.as_mut() as _);
                let outcome = trainer
                    .run(&mut model, learnt.as_mut(), eval, None, &pool, &NoProgress, &cancel)
                    .unwrap();
                let tokens: usize = outcome.metrics.iter().map(|step| step.tokens).sum();
                let again = trainer.forecast(&mut model, learnt.as_mut(), None, &pool, &cancel);
                assert_eq!(again.unwrap().steps, 0, "a finished run has nothing left");
                (tokens, outcome.evaluations, model.values().to_vec())
            };
            assert!(trained(true) == trained(false), "{method:?} {pairs}");
        }
    }
}

#[test]
fn what_is_left_is_counted_exactly() {
    let (_guard, path) = dir();
    let (rows, pool, cancel) = (samples(17), Pool::new(1), Cancel::new());
    let mut model = language_model(&lora(), Recompute::Off);
    let mut objective = Sft::new(&rows, MAX_TOKENS).unwrap();
    let trainer = Trainer::new(config(), &path, "tiny").unwrap();
    let told = trainer.forecast(&mut model, &mut objective, None, &pool, &cancel).unwrap();
    let outcome =
        trainer.run(&mut model, &mut objective, None, None, &pool, &NoProgress, &cancel).unwrap();
    let tokens: usize = outcome.metrics.iter().map(|step| step.tokens).sum();
    assert_eq!((told.steps, told.tokens), (outcome.metrics.len() as u64, tokens as u64));
    let written = std::fs::metadata(path.join(Checkpoint::FILE_NAME)).unwrap().len();
    // Names and shapes are in the file too.
    let sizes = told.checkpoint_bytes..told.checkpoint_bytes + (32 << 10);
    assert!(told.checkpoints > 0 && sizes.contains(&written), "{written}, {told:?}");
}
