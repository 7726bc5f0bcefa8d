//! What steps and evaluations say of themselves, and the JSONL files that it is kept in.

use crate::error::TrainError;
use camino::{Utf8Path, Utf8PathBuf};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;

/// What an objective says about the samples of a step or of an evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Mean loss.
    pub loss: f64,
    /// What the mean goes over: supervised tokens, pairs, texts.
    pub supervised: usize,
    /// All tokens that were run.
    pub tokens: usize,
    /// What else is worth knowing, such as `accuracy`.
    pub extra: BTreeMap<String, f64>,
}

/// Figures of one optimizer step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Step, from 1.
    pub step: u64,
    /// Mean loss of the step, in nats.
    pub loss: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Gradient norm before clipping.
    pub grad_norm: f64,
    /// What the mean goes over: supervised tokens, pairs, texts.
    pub supervised_tokens: usize,
    /// All tokens of the step.
    pub tokens: usize,
    /// What else the objective says.
    #[serde(flatten)]
    pub extra: BTreeMap<String, f64>,
}

/// How fast a step was: apart from its other figures, which are the same in every run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepSpeed {
    /// Step, from 1.
    pub step: u64,
    /// Steps of the whole run.
    pub total: u64,
    /// Seconds that it took.
    pub seconds: f64,
    /// Tokens that were run in a second of it.
    pub tokens_per_second: f64,
}

/// Figures of one evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalMetrics {
    /// Steps done.
    pub step: u64,
    /// Mean loss over the evaluation's samples.
    pub loss: f64,
    /// What the mean goes over.
    pub supervised: usize,
    /// What else the objective says.
    #[serde(flatten)]
    pub extra: BTreeMap<String, f64>,
}

/// A text that the model wrote while it was trained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Steps done.
    pub step: u64,
    /// What it was asked.
    pub prompt: String,
    /// What it wrote.
    pub text: String,
}

/// A line of a file of figures.
pub(crate) trait Line: Serialize + DeserializeOwned {
    /// Steps done when it was written.
    fn step(&self) -> u64;
}

impl Line for StepMetrics {
    fn step(&self) -> u64 {
        self.step
    }
}

impl Line for StepSpeed {
    fn step(&self) -> u64 {
        self.step
    }
}

impl Line for Generation {
    fn step(&self) -> u64 {
        self.step
    }
}

impl Line for EvalMetrics {
    fn step(&self) -> u64 {
        self.step
    }
}

/// Appends one JSON object a line; what lies past a resumed checkpoint is dropped on opening.
pub(crate) struct LinesFile {
    file: File,
    path: Utf8PathBuf,
}

impl LinesFile {
    /// Opens `path`, keeps the lines up to `step`, and returns them with the file.
    pub(crate) fn open<T: Line>(path: &Utf8Path, step: u64) -> Result<(Self, Vec<T>), TrainError> {
        let io = |source| TrainError::Io { path: path.to_owned(), source };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(io(error)),
        };
        // A line that does not parse is the torn last write of a killed process.
        let kept: Vec<(&str, T)> = text
            .lines()
            .map_while(|line| Some((line, serde_json::from_str::<T>(line).ok()?)))
            .filter(|(_, figures)| figures.step() <= step)
            .collect();
        // Written beside and renamed: a kill here loses no line.
        let part = Utf8PathBuf::from(format!("{path}.part-{}", std::process::id()));
        let mut this = Self { file: File::create(&part).map_err(io)?, path: path.to_owned() };
        // The lines go back as they were: reading and writing a float again may move its last bit.
        for (line, _) in &kept {
            this.write(line)?;
        }
        std::fs::rename(&part, path).map_err(io)?;
        Ok((this, kept.into_iter().map(|(_, figures)| figures).collect()))
    }

    /// Appends one line.
    pub(crate) fn append(&mut self, figures: &impl Line) -> Result<(), TrainError> {
        self.write(&serde_json::to_string(figures).expect("plain numbers serialize"))
    }

    fn write(&mut self, line: &str) -> Result<(), TrainError> {
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .map_err(|source| TrainError::Io { path: self.path.clone(), source })
    }
}
