//! The training runs of a project, as their files tell them to the studio: also those that go on in
//! another process.

use crate::folders::{Found, find};
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::{EvaluationPoint, LossPoint, SpeedPoint, TrainingRun};
use catena_studio::RunSource;
use catena_train::{EvalMetrics, StepMetrics, StepSpeed};
use serde::de::DeserializeOwned;
use std::io;

/// Folder of a run's figures, below its output.
const RUN: &str = "run";
const METRICS: &str = "metrics.jsonl";
/// Most runs that are told of, the last written first, and points of each.
const MAX_RUNS: usize = 12;
const MAX_POINTS: usize = 2000;
/// Largest file of figures.
const MAX_BYTES: u64 = 256 << 20;

/// The runs below a project's folder.
pub(crate) struct ProjectRuns(pub(crate) Utf8PathBuf);

impl RunSource for ProjectRuns {
    fn runs(&self) -> io::Result<Vec<TrainingRun>> {
        let holds = |folder: &Utf8Path| {
            let metrics = folder.join(METRICS);
            (folder.file_name() == Some(RUN) && metrics.exists()).then_some(metrics)
        };
        let found = find(&self.0, MAX_RUNS, holds)?;
        found.iter().map(|found| self.read(found)).collect()
    }
}

impl ProjectRuns {
    fn read(&self, found: &Found) -> io::Result<TrainingRun> {
        let dir = &found.folder;
        let steps: Vec<StepMetrics> = lines(&dir.join(METRICS))?;
        let evaluations: Vec<EvalMetrics> = lines(&dir.join("evaluations.jsonl"))?;
        let speeds: Vec<StepSpeed> = lines(&dir.join("speeds.jsonl"))?;
        let output = dir.parent().unwrap_or(dir);
        let name = output.strip_prefix(&self.0).unwrap_or(output);
        Ok(TrainingRun {
            name: if name.as_str().is_empty() { RUN.to_owned() } else { name.to_string() },
            idle_seconds: found.idle().as_secs_f64(),
            total_steps: speeds.last().map(|speed| speed.total),
            points: thinned(&steps, |step| LossPoint {
                step: step.step,
                loss: step.loss,
                learning_rate: step.learning_rate,
                grad_norm: step.grad_norm,
            }),
            evaluations: thinned(&evaluations, |evaluation| EvaluationPoint {
                step: evaluation.step,
                loss: evaluation.loss,
            }),
            speeds: thinned(&speeds, |speed| SpeedPoint {
                step: speed.step,
                tokens_per_second: speed.tokens_per_second,
                seconds: speed.seconds,
            }),
        })
    }
}

/// The objects of a file, one a line; none if there is no file. A last line that is being written
/// ends them.
fn lines<T: DeserializeOwned>(path: &Utf8Path) -> io::Result<Vec<T>> {
    if !std::fs::metadata(path).is_ok_and(|found| found.len() <= MAX_BYTES) {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(path)?;
    Ok(text.lines().map_while(|line| serde_json::from_str(line).ok()).collect())
}

/// At most [`MAX_POINTS`] of many, the last one among them.
fn thinned<T, P>(all: &[T], point: impl Fn(&T) -> P) -> Vec<P> {
    let every = all.len().div_ceil(MAX_POINTS).max(1);
    let last = all.len().saturating_sub(1);
    let kept = all.iter().enumerate().filter(|(index, _)| index % every == 0 || *index == last);
    kept.map(|(_, one)| point(one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Utf8Path, file: &str, text: &str) {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join(file), text).unwrap();
    }

    const STEP: &str = "{\"step\":1,\"loss\":2.5,\"learning_rate\":0.1,\"grad_norm\":1.0,\
                        \"supervised_tokens\":3,\"tokens\":4}\n";

    /// Runs of stages and of files, wherever they are written; a torn line is not there yet.
    #[test]
    fn runs_are_told_from_their_files() {
        let guard = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(guard.path()).unwrap();
        let stage = dir.join(".catena/stages/train/abc.partial/run");
        write(&stage, METRICS, STEP);
        let own = dir.join("runs/sft/run");
        let torn = STEP.replace("\"step\":1", "\"step\":2") + "{\"step\":3,";
        write(&own, METRICS, &format!("{STEP}{torn}"));
        write(&own, "evaluations.jsonl", "{\"step\":2,\"loss\":2.25,\"supervised\":9}\n");
        let speed = "{\"step\":1,\"total\":40,\"seconds\":2.0,\"tokens_per_second\":2.0}\n";
        write(&own, "speeds.jsonl", speed);
        write(&dir.join("target/x/run"), METRICS, STEP);
        write(&dir.join(".hidden/run"), METRICS, STEP);
        let mut runs = ProjectRuns(dir.to_owned()).runs().unwrap();
        runs.sort_by(|a, b| a.name.cmp(&b.name));
        let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, [".catena/stages/train/abc.partial", "runs/sft"]);
        let run = &runs[1];
        assert_eq!(run.points.iter().map(|point| point.step).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(run.evaluations, [EvaluationPoint { step: 2, loss: 2.25 }]);
        assert_eq!((run.total_steps, run.speeds.len()), (Some(40), 1));
        assert_eq!(runs[0].total_steps, None);
    }

    #[test]
    fn long_runs_are_thinned_and_end_where_they_end() {
        let all: Vec<usize> = (0..2 * MAX_POINTS + 2).collect();
        let kept = thinned(&all, |&index| index);
        assert!(kept.len() <= MAX_POINTS + 1, "{}", kept.len());
        assert_eq!((kept[0], kept[kept.len() - 1]), (0, all.len() - 1));
        assert_eq!(thinned(&[7], |&index| index), [7]);
        assert!(thinned(&[], |index: &usize| *index).is_empty());
    }
}
