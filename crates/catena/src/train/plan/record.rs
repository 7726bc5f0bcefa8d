//! A plan as it is printed and kept.

use super::disk::DiskPlan;
use crate::failure::{Exit, Failure};
use crate::train::model::Fit;
use camino::Utf8Path;
use catena_model::training::Recompute;
use catena_store::write_atomic;
use catena_train::Forecast;
use serde::{Deserialize, Serialize};

/// File of the plan in the run's folder, with what the run then took.
const FILE: &str = "plan.json";

/// A plan, as it is printed and kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::train) struct Plan {
    /// Most tokens of one pass.
    pub(in crate::train) micro_step_tokens: usize,
    /// Layers that are computed again on the way back, of how many.
    pub(in crate::train) recomputed_layers: usize,
    pub(in crate::train) layers: usize,
    /// Whether the optimizer runs in the backward pass.
    #[serde(default)]
    pub(in crate::train) optimizer_in_backward: bool,
    /// Why.
    pub(in crate::train) reason: String,
    pub(in crate::train) memory: MemoryPlan,
    /// Nothing for a run that has no steps left.
    pub(in crate::train) time: Option<TimePlan>,
    /// The same of the room for checkpoints.
    pub(in crate::train) disk: Option<DiskPlan>,
    /// What the run took, once it is over.
    pub(in crate::train) taken: Option<Taken>,
    /// What the model is made for.
    #[serde(skip, default = "no_fit")]
    pub(in crate::train) room: Fit,
}

/// Bytes at the run's peak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::train) struct MemoryPlan {
    pub(in crate::train) peak_bytes: u64,
    pub(in crate::train) limit_bytes: u64,
    pub(in crate::train) limit_reason: String,
    /// The program with data and tokenizer.
    pub(in crate::train) program_bytes: u64,
    pub(in crate::train) weight_bytes: u64,
    pub(in crate::train) value_bytes: u64,
    #[serde(default)]
    pub(in crate::train) gradient_bytes: u64,
    pub(in crate::train) activation_bytes: u64,
    pub(in crate::train) working_bytes: u64,
    pub(in crate::train) optimizer_bytes: u64,
}

/// Seconds, and what they were concluded from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::train) struct TimePlan {
    pub(in crate::train) seconds: f64,
    pub(in crate::train) steps: u64,
    pub(in crate::train) tokens: u64,
    pub(in crate::train) tokens_per_second: f64,
    pub(in crate::train) learning_seconds: f64,
    pub(in crate::train) optimizer_seconds: f64,
    pub(in crate::train) reference_seconds: f64,
    pub(in crate::train) evaluation_seconds: f64,
    pub(in crate::train) writing_seconds: f64,
    pub(in crate::train) checkpoint_seconds: f64,
}

/// What a run took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::train) struct Taken {
    pub(in crate::train) peak_bytes: u64,
    pub(in crate::train) seconds: f64,
}

fn no_fit() -> Fit {
    Fit { tokens: 0, recompute: Recompute::Off, in_backward: false }
}

impl TimePlan {
    /// From what was measured; `writing` are the seconds of the texts of one evaluation.
    pub(in crate::train) fn new(forecast: &Forecast, writing: f64) -> Self {
        let writing_seconds = forecast.evaluations as f64 * writing;
        TimePlan {
            seconds: forecast.seconds() + writing_seconds,
            steps: forecast.steps,
            tokens: forecast.tokens,
            tokens_per_second: forecast.tokens_per_second,
            learning_seconds: forecast.learning_seconds,
            optimizer_seconds: forecast.optimizer_seconds,
            reference_seconds: forecast.reference_seconds,
            evaluation_seconds: forecast.evaluation_seconds,
            writing_seconds,
            checkpoint_seconds: forecast.checkpoint_seconds,
        }
    }
}

/// The plan that is kept in a run's folder.
pub(in crate::train) fn kept(dir: &Utf8Path) -> Option<Plan> {
    serde_json::from_slice(&std::fs::read(dir.join(FILE)).ok()?).ok()
}

impl Plan {
    /// Keeps it in a run's folder. The old one stays until the new one is whole: a resumed run
    /// needs its micro-step.
    pub(in crate::train) fn keep(&self, dir: &Utf8Path) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(self).expect("plain values serialize");
        write_atomic(&dir.join(FILE), &json).map_err(|error| {
            Failure::new(Exit::Environment, format!("cannot write the plan into `{dir}`"), error)
        })
    }

    /// What is said before the first step.
    pub(in crate::train) fn lines(&self) -> Vec<String> {
        let MemoryPlan { peak_bytes, limit_bytes, limit_reason, .. } = &self.memory;
        let parts = [
            ("weights", self.memory.weight_bytes),
            ("values", self.memory.value_bytes),
            ("gradients", self.memory.gradient_bytes),
            ("activations", self.memory.activation_bytes),
            ("working", self.memory.working_bytes),
            ("optimizer", self.memory.optimizer_bytes),
            ("program and data", self.memory.program_bytes),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(_, bytes)| *bytes > 0)
            .map(|(name, bytes)| format!("{name} {}", gib(bytes)))
            .collect();
        let again = match self.recomputed_layers {
            0 => "no layer computed again".to_owned(),
            count if count == self.layers => format!("all {count} layers computed again"),
            count => format!("{count} of {} layers computed again", self.layers),
        };
        let by_part =
            if self.optimizer_in_backward { ", the optimizer in the backward pass" } else { "" };
        let (peak, limit) = (gib(*peak_bytes), gib(*limit_bytes));
        let mut lines = vec![
            format!("  plan  memory {peak} of {limit} ({limit_reason})"),
            format!("        {}", parts.join(", ")),
            format!(
                "        micro-steps of up to {} tokens, {again}{by_part}: {}",
                self.micro_step_tokens, self.reason
            ),
        ];
        if let Some(time) = &self.time {
            lines.push(format!(
                "        time {}: {} tokens in {} steps at {:.0} tokens/s{}",
                duration(time.seconds),
                time.tokens,
                time.steps,
                time.tokens_per_second,
                time.rest()
            ));
        }
        lines.extend(self.disk.as_ref().map(DiskPlan::line));
        lines
    }

    /// What is said after the last step: the plan beside what was taken.
    pub(in crate::train) fn compared(&self) -> Option<String> {
        let (time, taken) = (self.time.as_ref()?, self.taken?);
        let percent = |planned: f64, taken: f64| (planned / taken.max(1e-9) - 1.0) * 100.0;
        Some(format!(
            "  planned {} and {}, taken {} and {} ({:+.1} % and {:+.1} %)",
            gib(self.memory.peak_bytes),
            duration(time.seconds),
            gib(taken.peak_bytes),
            duration(taken.seconds),
            percent(self.memory.peak_bytes as f64, taken.peak_bytes as f64),
            percent(time.seconds, taken.seconds),
        ))
    }
}

impl TimePlan {
    /// What else than learning takes a second or more.
    fn rest(&self) -> String {
        let parts = [
            ("reference", self.reference_seconds),
            ("optimizer", self.optimizer_seconds),
            ("evaluation", self.evaluation_seconds),
            ("texts", self.writing_seconds),
            ("checkpoints", self.checkpoint_seconds),
        ];
        let said = parts.into_iter().filter(|(_, seconds)| *seconds >= 1.0);
        let said: Vec<String> =
            said.map(|(name, seconds)| format!(", {name} {}", duration(seconds))).collect();
        said.concat()
    }
}

pub(super) fn gib(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib < 1000.0 { format!("{mib:.0} MiB") } else { format!("{:.2} GiB", mib / 1024.0) }
}

fn duration(seconds: f64) -> String {
    if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else if seconds < 7200.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3600.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;

    fn plan(micro_step_tokens: usize) -> Plan {
        let memory = MemoryPlan {
            peak_bytes: 2,
            limit_bytes: 3,
            limit_reason: "`max_memory`".to_owned(),
            program_bytes: 1,
            weight_bytes: 1,
            value_bytes: 0,
            gradient_bytes: 0,
            activation_bytes: 0,
            working_bytes: 0,
            optimizer_bytes: 0,
        };
        let reason = "all tokens of a step".to_owned();
        let room = no_fit();
        let (time, disk, taken) = (None, None, None);
        Plan {
            micro_step_tokens,
            recomputed_layers: 0,
            layers: 2,
            optimizer_in_backward: false,
            reason,
            memory,
            time,
            disk,
            taken,
            room,
        }
    }

    /// A second name of the old file shows whether it was written over.
    #[test]
    fn a_plan_is_replaced_whole() {
        let guard = tempfile::tempdir().unwrap();
        let dir = Utf8PathBuf::from_path_buf(guard.path().join("run")).unwrap();
        assert_eq!(kept(&dir), None);
        plan(512).keep(&dir).unwrap();
        let old = dir.join("old.json");
        std::fs::hard_link(dir.join(FILE), &old).unwrap();
        plan(128).keep(&dir).unwrap();
        assert_eq!(kept(&dir), Some(plan(128)));
        let old: Plan = serde_json::from_slice(&std::fs::read(old).unwrap()).unwrap();
        assert_eq!(old, plan(512));
        assert_eq!(dir.read_dir_utf8().unwrap().count(), 2, "nothing else is left");
    }
}
