//! The command: rounds of ours and of the peers in turn, then medians, table and file.

use super::step::{self, Measured};
use super::task::{Kind, Task};
use crate::args::TrainBenchArgs;
use crate::bench::cells::{Cell, Results, Samples};
use crate::bench::files::{absolute, find};
use crate::bench::infer::SEED;
use crate::bench::limits::described;
use crate::bench::peers::{Collected, Peers, interrupted};
use crate::failure::{Exit, Failure};
use crate::machine::{pool, threads};
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use camino::Utf8Path;
use catena_kernels::{level, measure_peaks};
use catena_protocol::Cancel;
use serde_json::json;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// Runs `catena bench train`.
pub(in crate::bench) fn run(
    args: &TrainBenchArgs,
    flag: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    if let Some(task) = &args.step {
        let task = task.parse().map_err(|known: String| {
            Failure::new(Exit::Usage, format!("there is no step `{task}`"), known)
        })?;
        let model = Utf8Path::new(&args.model);
        return step::measure(task, model, &pool(flag)).map_err(|error| {
            Failure::new(Exit::Environment, format!("cannot train `{model}`"), error)
        });
    }
    let progress = for_stderr();
    let finder = Finder { project: Utf8Path::new("."), progress: progress.as_ref(), cancel };
    args.json.as_deref().map_or(Ok(()), Results::check_file)?;
    let named = |task: &Task| {
        args.only.is_empty() || args.only.iter().any(|only| task.cell().contains(only.as_str()))
    };
    let tasks: Vec<Task> = Task::ALL.into_iter().filter(named).collect();
    if tasks.is_empty() {
        let cause = format!("no cell has `{}` in its name", args.only.join("` or `"));
        return Err(Failure::new(Exit::Usage, "nothing to measure", cause)
            .hint("cells have names such as train/lora/4x256"));
    }
    let model = absolute(&find(&args.model, &finder)?);
    let peers = args.peers.then(|| Peers::find(&[], cancel)).transpose()?;
    let threads = threads(flag).value;
    let (mut ours, mut theirs) = (Samples::default(), Collected::default());
    for round in 1..=args.rounds {
        for task in &tasks {
            let label = format!("round {round} of {}, {task}", args.rounds);
            say(&format!("  {label}: catena"));
            let measured = in_process(*task, &model, threads)?;
            if cancel.is_cancelled() {
                return Err(interrupted());
            }
            ours.push(&task.cell(), measured.tokens_per_second);
            ours.push(&task.memory_cell(), measured.peak_bytes as f64 / f64::from(1 << 20));
            if let Some(peers) = peers.as_ref().filter(|_| task.kind != Kind::Qlora) {
                let task = json!({
                    "area": "train", "label": label, "format": task.to_string(), "model": model,
                    "threads": threads, "seed": SEED, "cells": [task.cell()],
                    "memory": task.memory_cell(), "kind": task.to_string().split('/').next(),
                    "sequences": task.sequences, "tokens": task.tokens,
                });
                peers.round(task, &mut theirs)?;
            }
        }
    }
    let mut cells = Vec::new();
    for task in &tasks {
        for (name, unit, less) in [(task.cell(), "tok/s", false), (task.memory_cell(), "MiB", true)]
        {
            let medians = theirs.medians(&name);
            cells.extend(
                ours.median(&name).map(|value| Cell::new(name, unit, less, value, medians, None)),
            );
        }
    }
    let mut machine: BTreeMap<_, _> = described(&measure_peaks(&pool(flag))).into_iter().collect();
    machine.insert("kernels", level().name().to_owned());
    machine.insert("threads", threads.to_string());
    let mut versions = theirs.versions;
    versions.insert("catena".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let results = Results { machine, versions, seed: SEED, cells, notes: theirs.notes };
    results.print();
    args.json.as_deref().map_or(Ok(()), |file| results.write(file))
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
