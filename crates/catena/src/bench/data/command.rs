//! The command: rounds of ours and of the peers in turn, then medians, table and file.

use super::apart;
use super::corpus::{Corpus, Kind, find};
use super::decisions::OwnDecisions;
use super::run::Figures;
use super::tasks::{TASKS, Task, Work, cells};
use crate::args::DataBenchArgs;
use crate::bench::cells::{Results, Samples};
use crate::bench::peers::{Collected, Peers, check_cancel};
use crate::bench::rounds::{nothing, wanted};
use crate::failure::Failure;
use crate::machine::{pool, threads};
use crate::progress::say;
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::Cancel;
use serde_json::json;

/// The script of the peers.
const SCRIPT: &str = "bench/peers/data.py";

/// Runs `catena bench data`.
pub(in crate::bench) fn run(
    args: &DataBenchArgs,
    flag: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let threads = threads(flag).value;
    if let Some((step, near)) = args.step.zip(args.near.as_deref()) {
        return apart::run(step, &Corpus::unread(near)?, threads, cancel);
    }
    args.rounds.check_file()?;
    let tasks = tasks(args)?;
    let peers = args.peers.then(|| Peers::of(SCRIPT, &[], cancel)).transpose()?;
    let rounds = Rounds { args, threads, cancel, peers, decisions: OwnDecisions::new()? };
    let (mut ours, mut theirs) = (Samples::default(), Collected::default());
    for kind in Kind::ALL {
        let tasks: Vec<&Task> = tasks.iter().copied().filter(|task| task.corpus == kind).collect();
        if !tasks.is_empty() {
            rounds.run(kind, &tasks, &mut ours, &mut theirs)?;
        }
    }
    let cells = cells();
    for cell in &cells {
        // How often our decisions are theirs is told by their script.
        if let Some(share) = theirs.checks.median(&cell.name) {
            ours.push(&cell.name, share);
        }
    }
    let results = Results::of_named(cells.into_iter(), &ours, theirs, &pool(flag), threads);
    results.print();
    args.rounds.write(&results)
}

/// The tasks that the user wants.
fn tasks(args: &DataBenchArgs) -> Result<Vec<&'static Task>, Failure> {
    let named = |task: &&Task| {
        let allowed =
            (args.peers || !task.needs_peers()) && (args.large || task.corpus != Kind::Big);
        allowed && wanted(task.cell, &args.only)
    };
    let tasks: Vec<&Task> = TASKS.iter().filter(named).collect();
    if tasks.is_empty() {
        return Err(nothing(
            &args.only,
            "cells have names such as data/rules; data/decisions needs --peers, data/clean --large",
        ));
    }
    Ok(tasks)
}

/// What all rounds have in common.
struct Rounds<'a> {
    args: &'a DataBenchArgs,
    threads: usize,
    cancel: &'a Cancel,
    peers: Option<Peers<'a>>,
    decisions: OwnDecisions,
}

impl Rounds<'_> {
    /// All rounds over the corpus called `kind`.
    fn run(
        &self,
        kind: Kind,
        tasks: &[&Task],
        ours: &mut Samples,
        theirs: &mut Collected,
    ) -> Result<(), Failure> {
        let path = self.corpus(kind)?;
        // Memory hardly varies, and this takes minutes.
        let rounds = if kind == Kind::Big { 1 } else { self.args.rounds.count };
        for round in 1..=rounds {
            for task in tasks {
                let label = format!("round {round} of {rounds}, {}", task.cell);
                say(&format!("  {label}: catena"));
                for (cell, figure) in self.measure(task, &path)? {
                    ours.push(&cell, figure);
                }
                check_cancel(self.cancel)?;
                if let Some(peers) = self.peers.as_ref().filter(|_| task.peers) {
                    peers.round(self.request(task, &path, &label), theirs)?;
                }
            }
        }
        Ok(())
    }

    fn corpus(&self, kind: Kind) -> Result<Utf8PathBuf, Failure> {
        let given = match kind {
            Kind::Varied => self.args.corpus.as_deref(),
            Kind::Near => self.args.near.as_deref(),
            Kind::Big => None,
        };
        find(given, kind)
    }

    /// Our figures. What a peer needs is not taken by our texts: they are read for each figure.
    fn measure(&self, task: &Task, path: &Utf8Path) -> Result<Figures, Failure> {
        match task.work {
            Work::Texts(measure) => measure(&Corpus::read(path)?),
            Work::File(measure) => measure(&Corpus::unread(path)?, self.threads, self.cancel),
            Work::Decisions => self.decisions.write(&Corpus::unread(path)?, self.cancel),
        }
    }

    fn request(&self, task: &Task, path: &Utf8Path, label: &str) -> serde_json::Value {
        json!({
            "area": "data", "label": label, "format": task.cell, "cells": [task.cell],
            "corpus": path, "threads": self.threads, "limit_seconds": self.args.peer_seconds,
            "ours": self.decisions.0,
        })
    }
}
