//! The command: rounds of ours and of the peers in turn, then medians, table and file.

use super::planned::{PlannedRun, RunFolder};
use super::step::{self, Measured};
use super::task::Task;
use crate::args::TrainBenchArgs;
use crate::bench::cells::{Named, Results, Samples};
use crate::bench::files::{absolute, find};
use crate::bench::infer::SEED;
use crate::bench::peers::{Collected, Peers, check_cancel};
use crate::bench::rounds::{nothing, wanted};
use crate::failure::{Exit, Failure};
use crate::machine::{pool, threads};
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use catena_protocol::Cancel;
use serde_json::json;
use std::process::{Command, Stdio};

/// The peer that a plan is compared with: the run itself.
const TAKEN: &str = "taken";

/// Runs `catena bench train`.
pub(in crate::bench) fn run(
    args: &TrainBenchArgs,
    flag: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    if let Some(task) = &args.step {
        return one_step(task, Utf8Path::new(&args.model), flag);
    }
    let progress = for_stderr();
    let finder = Finder { project: Utf8Path::new("."), progress: progress.as_ref(), cancel };
    args.rounds.check_file()?;
    let is_wanted = |cell: &str| wanted(cell, &args.only);
    let tasks: Vec<Task> = Task::ALL.into_iter().filter(|task| is_wanted(&task.cell())).collect();
    let has_wanted = |run: &PlannedRun| run.cells().iter().any(|cell| is_wanted(&cell.name));
    let runs: Vec<PlannedRun> = PlannedRun::ALL.into_iter().filter(has_wanted).collect();
    if tasks.is_empty() && runs.is_empty() {
        let hint = "cells have names such as train/lora/4x256 and train/plan/time/lora-4x256";
        return Err(nothing(&args.only, hint));
    }
    let mut bench = Bench {
        tasks,
        runs,
        model: absolute(&find(&args.model, &finder)?),
        threads: threads(flag).value,
        cancel,
        ours: Samples::default(),
        theirs: Collected::default(),
    };
    let is_measured = args.peers && !bench.tasks.is_empty();
    let peers = is_measured.then(|| Peers::find(&[], cancel)).transpose()?;
    for label in args.rounds.labels() {
        bench.round_of_steps(&label, peers.as_ref())?;
        bench.round_of_plans(&label)?;
    }
    let results = bench.results(&pool(flag));
    results.print();
    args.rounds.write(&results)
}

/// Measures one step in this process.
fn one_step(task: &str, model: &Utf8Path, flag: Option<usize>) -> Result<(), Failure> {
    let task = task.parse().map_err(|known: String| {
        Failure::new(Exit::Usage, format!("there is no step `{task}`"), known)
    })?;
    step::measure(task, model, &pool(flag))
        .map_err(|error| Failure::new(Exit::Environment, format!("cannot train `{model}`"), error))
}

/// What is measured, and the figures so far.
struct Bench<'a> {
    tasks: Vec<Task>,
    runs: Vec<PlannedRun>,
    model: Utf8PathBuf,
    threads: usize,
    cancel: &'a Cancel,
    ours: Samples,
    theirs: Collected,
}

impl Bench<'_> {
    /// Steps of ours and of the peers in turn.
    fn round_of_steps(&mut self, label: &str, peers: Option<&Peers<'_>>) -> Result<(), Failure> {
        for task in &self.tasks {
            let label = format!("{label}, {task}");
            say(&format!("  {label}: catena"));
            let measured = in_process(*task, &self.model, self.threads)?;
            check_cancel(self.cancel)?;
            self.ours.push(&task.cell(), measured.tokens_per_second);
            self.ours.push(&task.memory_cell(), measured.peak_bytes as f64 / f64::from(1 << 20));
            if let Some(peers) = peers.filter(|_| task.has_peer()) {
                let task = json!({
                    "area": "train", "label": label, "format": task.to_string(),
                    "model": self.model, "threads": self.threads, "seed": SEED,
                    "cells": [task.cell()], "memory": task.memory_cell(),
                    "kind": task.to_string().split('/').next(),
                    "sequences": task.sequences, "tokens": task.tokens,
                });
                peers.round(task, &mut self.theirs)?;
            }
        }
        Ok(())
    }

    /// Runs with their plans.
    fn round_of_plans(&mut self, label: &str) -> Result<(), Failure> {
        if self.runs.is_empty() {
            return Ok(());
        }
        let folder = RunFolder::new()?;
        for run in &self.runs {
            let [memory, time] = run.cells();
            say(&format!("  {label}: {} and {}", memory.name, time.name));
            let compared = run.round(&folder, &self.model, self.threads);
            check_cancel(self.cancel)?;
            for (cell, figures) in [memory, time].iter().zip(compared?) {
                self.ours.push(&cell.name, figures.planned);
                let taken = self.theirs.samples.entry(TAKEN.to_owned()).or_default();
                taken.push(&cell.name, figures.taken);
            }
        }
        Ok(())
    }

    /// Medians of all rounds. A plan beside what was taken has no ratio: neither is better.
    fn results(self, pool: &Pool) -> Results {
        let of_task = |task: &Task| {
            [Named::more(&task.cell(), "tok/s"), Named::less(&task.memory_cell(), "MiB")]
        };
        let steps = self.tasks.iter().flat_map(of_task);
        let plans = self.runs.iter().flat_map(PlannedRun::cells);
        let (cells, threads) = (steps.chain(plans), self.threads);
        let mut results = Results::of_named(cells, &self.ours, self.theirs, pool, threads);
        let planned = results.cells.iter_mut().filter(|cell| cell.peers.contains_key(TAKEN));
        planned.for_each(|cell| cell.ratio = None);
        results
    }
}

/// A process of its own has a peak of its own.
fn in_process(task: Task, model: &Utf8Path, threads: usize) -> Result<Measured, Failure> {
    let fail = |error: std::io::Error| {
        Failure::new(Exit::Environment, "cannot start this program for a measurement", error)
    };
    let program = std::env::current_exe().map_err(fail)?;
    let done = Command::new(program)
        .args(["--threads", &threads.to_string(), "bench", "train", "--step", &task.to_string()])
        .args(["--model", model.as_str()])
        .stderr(Stdio::inherit())
        .output()
        .map_err(fail)?;
    let text = String::from_utf8_lossy(&done.stdout);
    if !done.status.success() {
        let cause = format!("the process that measured it ended with {}", done.status);
        return Err(Failure::new(Exit::Environment, format!("cannot measure {task}"), cause));
    }
    serde_json::from_str(&text).map_err(|error| {
        Failure::new(Exit::Bug, format!("cannot read the figures of {task} from `{text}`"), error)
    })
}
