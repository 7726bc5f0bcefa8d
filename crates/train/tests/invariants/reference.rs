//! The reference model's log-probabilities, which are kept in the run's folder.

use camino::Utf8Path;
use catena_kernels::{DenseType, Pool};
use catena_model::training::{Task, TrainOptions};
use catena_protocol::{Cancel, NoProgress};
use catena_train::{
    Preference, PreferenceConfig, PreferenceKind, PreferenceSample, RunConfig, Sample, TrainError,
    Trainer,
};

use crate::setup::{MAX_TOKENS, config, dir, lora, model, options, samples};

/// The loss of each step of a run in `dir`.
fn losses(rows: &[Sample], dir: &Utf8Path) -> Result<Vec<f64>, TrainError> {
    let options = TrainOptions { max_tokens: MAX_TOKENS, ..options(DenseType::F32) };
    let mut model = model("tiny_lora", None, Task::LanguageModel, &lora(), &options);
    let pair = |[a, b]: &[Sample; 2]| PreferenceSample { chosen: a.clone(), rejected: b.clone() };
    let pairs: Vec<PreferenceSample> = rows.as_chunks::<2>().0.iter().map(pair).collect();
    let kind = PreferenceKind::Sigmoid { label_smoothing: 0.0 };
    let mut objective = Preference::new(&pairs, PreferenceConfig::new(kind, 0.1), MAX_TOKENS)?;
    let trainer = Trainer::new(RunConfig { max_steps: Some(2), ..config() }, dir, "tiny")?;
    let pool = Pool::new(1);
    let done =
        trainer.run(&mut model, &mut objective, None, None, &pool, &NoProgress, &Cancel::new())?;
    Ok(done.metrics.iter().map(|step| step.loss).collect())
}

/// A run that stopped before its first checkpoint leaves them; the next one may have other samples.
#[test]
fn what_was_kept_for_other_samples_is_not_used() {
    let (_guard, path) = dir();
    let rows = samples(24);
    losses(&rows[..12], &path).unwrap();
    std::fs::remove_file(path.join(catena_train::Checkpoint::FILE_NAME)).unwrap();
    let found = losses(&rows[12..], &path).unwrap();
    // Policy and reference are one model before the first step.
    assert!((found[0] - std::f64::consts::LN_2).abs() < 1e-6, "{}", found[0]);
    let (_guard, fresh) = dir();
    assert_eq!(found, losses(&rows[12..], &fresh).unwrap());
}

/// What was kept is what would be computed, to the last bit; a damaged file is refused.
#[test]
fn a_second_run_takes_what_the_first_kept() {
    let (_guard, path) = dir();
    let rows = samples(12);
    let first = losses(&rows, &path).unwrap();
    std::fs::remove_file(path.join(catena_train::Checkpoint::FILE_NAME)).unwrap();
    assert_eq!(first, losses(&rows, &path).unwrap());
    let kept = path.join("reference-train-pairs.safetensors");
    let whole = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, &whole[..whole.len() - 3]).unwrap();
    std::fs::remove_file(path.join(catena_train::Checkpoint::FILE_NAME)).unwrap();
    let error = losses(&rows, &path).unwrap_err();
    assert!(error.to_string().contains("reference-train-pairs"), "{error}");
}
