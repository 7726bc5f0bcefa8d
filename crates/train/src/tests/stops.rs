//! Runs that are stopped where the model is evaluated.

use super::*;
use crate::{Figures, Objective, Pass};
use std::cell::Cell;

/// Where a run is stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stop {
    Never,
    /// When so many steps are done.
    After(u64),
    /// In the evaluation of this number, from 1.
    Measuring(u32),
    /// While the texts of this evaluation are written.
    Writing(u32),
    /// By an error in this evaluation.
    Failing(u32),
}

/// An evaluation set that sets the flag, or fails, when it is run.
struct Measured<'a> {
    inner: Sft<'a>,
    stop: Stop,
    runs: &'a Cell<u32>,
    cancel: Cancel,
}

impl Objective for Measured<'_> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn num_samples(&self) -> usize {
        self.inner.num_samples()
    }
    fn num_tokens(&self, index: usize) -> usize {
        self.inner.num_tokens(index)
    }
    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        self.inner.identify(feed);
    }
    fn run(&mut self, model: &mut dyn Trainable, pass: &Pass<'_>) -> Result<Figures, TrainError> {
        self.runs.set(self.runs.get() + 1);
        if self.stop == Stop::Measuring(self.runs.get()) {
            self.cancel.cancel();
        }
        if self.stop == Stop::Failing(self.runs.get()) {
            return Err(TrainError::NoSamples);
        }
        self.inner.run(model, pass)
    }
}

/// Writes the likeliest token, unless it is stopped before.
struct Written<'a> {
    stop: Stop,
    runs: &'a Cell<u32>,
    cancel: Cancel,
}

impl Observer for Written<'_> {
    fn evaluated(
        &mut self,
        step: u64,
        metrics: Option<&EvalMetrics>,
        model: &mut dyn Trainable,
    ) -> Result<Vec<Generation>, TrainError> {
        assert!(metrics.is_some_and(|metrics| metrics.step == step));
        if self.stop == Stop::Writing(self.runs.get()) {
            self.cancel.cancel();
            return Err(TrainError::Cancelled);
        }
        Seen::default().evaluated(step, metrics, model)
    }
}

/// A run with an evaluation after every fourth step and the last, and no other checkpoint.
fn evaluated(path: &Utf8Path, stop: Stop) -> (Result<TrainOutcome, TrainError>, Vec<f32>, u32) {
    let config = RunConfig {
        eval_steps: Some(4),
        checkpoint_steps: 1000,
        early_stopping_patience: Some(9),
        keep_best: true,
        ..config()
    };
    let (train, other) = (samples(18), samples(7));
    let mut objective = Sft::new(&train, config.micro_step_tokens).unwrap();
    let (runs, cancel, mut model) = (Cell::new(0), Cancel::new(), Unigram::new(5));
    let inner = Sft::new(&other, config.micro_step_tokens).unwrap();
    let mut eval = Measured { inner, stop, runs: &runs, cancel: cancel.clone() };
    let mut observer = Written { stop, runs: &runs, cancel: cancel.clone() };
    let after = if let Stop::After(step) = stop { step } else { u64::MAX };
    let told = CancelAfter { after, cancel: cancel.clone() };
    let trainer = Trainer::new(config, path, "base").unwrap();
    let (eval, observer) = (Some(&mut eval as _), Some(&mut observer as _));
    let pool = Pool::new(1);
    let done = trainer.run(&mut model, &mut objective, eval, observer, &pool, &told, &cancel);
    (done, model.values, runs.get())
}

/// Everything that a run keeps but its pace, by name.
fn kept(path: &Utf8Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = path
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().into_path())
        .filter(|file| file.is_file() && file.file_name() != Some("speeds.jsonl"))
        .map(|file| (file.file_name().unwrap().to_owned(), std::fs::read(&file).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_run_that_is_stopped_at_an_evaluation_makes_it_up() {
    let (_guard, straight) = dir();
    let (outcome, values, runs) = evaluated(&straight, Stop::Never);
    let expected = outcome.unwrap();
    assert_eq!(runs, 4, "after steps 4, 8, 12 and 15");
    let names: Vec<String> = kept(&straight).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    let stops = [
        (Stop::After(8), 8),
        (Stop::After(15), 15),
        (Stop::After(5), 5),
        (Stop::Measuring(1), 4),
        (Stop::Measuring(4), 15),
        (Stop::Writing(2), 8),
        (Stop::Writing(4), 15),
    ];
    for (stop, at) in stops {
        let (_guard, path) = dir();
        let error = evaluated(&path, stop).0.unwrap_err();
        assert!(
            matches!(error, TrainError::Interrupted { step } if step == at),
            "{stop:?} {error}"
        );
        let (outcome, resumed, _) = evaluated(&path, Stop::Never);
        let outcome = outcome.unwrap();
        assert_eq!(outcome.resumed_from, at, "{stop:?}");
        // What is read again of the files may miss its last bit; the files themselves are the same.
        let told = (outcome.metrics.len(), outcome.evaluations.len(), outcome.best);
        let wanted = (expected.metrics.len(), expected.evaluations.len(), expected.best);
        assert_eq!(told, wanted, "{stop:?}");
        assert_eq!(resumed, values, "{stop:?}");
        assert!(kept(&path) == kept(&straight), "{stop:?}");
        let (_, _, again) = evaluated(&path, Stop::Never);
        assert_eq!(again, 0, "a finished run is not measured again");
    }
}

#[test]
fn an_evaluation_that_fails_loses_no_step() {
    let (_guard, path) = dir();
    let error = evaluated(&path, Stop::Failing(2)).0.unwrap_err();
    assert!(matches!(error, TrainError::NoSamples), "{error}");
    let saved = Checkpoint::load(&path.join(Checkpoint::FILE_NAME)).unwrap().unwrap().position;
    assert_eq!((saved.step, saved.evaluation_pending), (8, true));
}
