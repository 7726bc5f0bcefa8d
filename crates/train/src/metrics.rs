//! Per-step figures and the JSONL file they are kept in.

use crate::error::TrainError;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;

/// Figures of one optimizer step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Step, from 1.
    pub step: u64,
    /// Mean loss over the step's supervised tokens, in nats.
    pub loss: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Gradient norm before clipping.
    pub grad_norm: f64,
    /// Supervised tokens of the step.
    pub supervised_tokens: usize,
    /// All tokens of the step.
    pub tokens: usize,
}

/// Appends one JSON object a step; what lies past a resumed checkpoint is dropped on opening.
pub(crate) struct MetricsFile {
    file: File,
    path: Utf8PathBuf,
}

impl MetricsFile {
    /// Opens `path`, keeps the lines up to `step`, and returns them with the file.
    pub(crate) fn open(path: &Utf8Path, step: u64) -> Result<(Self, Vec<StepMetrics>), TrainError> {
        let io = |source| TrainError::Io { path: path.to_owned(), source };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(io(error)),
        };
        // A line that does not parse is the torn last write of a killed process.
        let kept: Vec<(&str, StepMetrics)> = text
            .lines()
            .map_while(|line| Some((line, serde_json::from_str::<StepMetrics>(line).ok()?)))
            .filter(|(_, metrics)| metrics.step <= step)
            .collect();
        let mut this = Self { file: File::create(path).map_err(io)?, path: path.to_owned() };
        // The lines go back as they were: reading and writing a float again may move its last bit.
        for (line, _) in &kept {
            this.write(line)?;
        }
        Ok((this, kept.into_iter().map(|(_, metrics)| metrics).collect()))
    }

    /// Appends one step.
    pub(crate) fn append(&mut self, metrics: &StepMetrics) -> Result<(), TrainError> {
        self.write(&serde_json::to_string(metrics).expect("plain numbers serialize"))
    }

    fn write(&mut self, line: &str) -> Result<(), TrainError> {
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .map_err(|source| TrainError::Io { path: self.path.clone(), source })
    }
}
