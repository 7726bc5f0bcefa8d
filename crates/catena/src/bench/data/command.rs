//! The command: rounds of ours and of the peers in turn, then medians, table and file.

use super::corpus::{Corpus, find};
use super::dedup::{self, Figures};
use super::measure;
use crate::args::DataBenchArgs;
use crate::bench::cells::{Named, Results, Samples};
use crate::bench::peers::{Collected, Peers, interrupted};
use crate::failure::{Exit, Failure};
use crate::machine::{pool, threads};
use crate::progress::say;
use camino::Utf8Path;
use catena_protocol::Cancel;
use serde_json::json;

/// The script of the peers.
const SCRIPT: &str = "bench/peers/data.py";

/// One cell and how it is measured.
struct Task {
    cell: &'static str,
    unit: &'static str,
    less_is_better: bool,
    /// Which corpus it is measured on.
    corpus: &'static str,
    measure: fn(&Corpus, usize, &Cancel) -> Result<Figures, Failure>,
    /// Whether other tools do it too.
    peers: bool,
}

/// Documents of varied length, and documents with planted near duplicates.
const VARIED: &str = "varied";
const NEAR: &str = "near";

const TASKS: [Task; 6] = [
    Task {
        cell: "data/rules",
        unit: "MB/s",
        less_is_better: false,
        corpus: VARIED,
        measure: |corpus, _, _| Ok(vec![("data/rules", measure::four_sets(corpus))]),
        peers: true,
    },
    Task {
        cell: "data/everything",
        unit: "MB/s",
        less_is_better: false,
        corpus: VARIED,
        measure: |corpus, _, _| Ok(vec![("data/everything", measure::everything(corpus))]),
        peers: false,
    },
    Task {
        cell: "data/language",
        unit: "MB/s",
        less_is_better: false,
        corpus: VARIED,
        measure: |corpus, _, _| Ok(vec![("data/language", measure::language(corpus))]),
        peers: true,
    },
    Task {
        cell: "data/pii",
        unit: "MB/s",
        less_is_better: false,
        corpus: VARIED,
        measure: |corpus, _, _| Ok(vec![("data/pii", measure::pii(corpus))]),
        peers: true,
    },
    Task {
        cell: "data/exact",
        unit: "MB/s",
        less_is_better: false,
        corpus: NEAR,
        measure: dedup::exact,
        peers: true,
    },
    Task {
        cell: "data/minhash",
        unit: "s",
        less_is_better: true,
        corpus: NEAR,
        measure: dedup::minhash,
        peers: true,
    },
];

/// Runs `catena bench data`.
pub(in crate::bench) fn run(
    args: &DataBenchArgs,
    flag: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    args.json.as_deref().map_or(Ok(()), Results::check_file)?;
    let named = |task: &&Task| {
        args.only.is_empty() || args.only.iter().any(|only| task.cell.contains(only.as_str()))
    };
    let tasks: Vec<&Task> = TASKS.iter().filter(named).collect();
    if tasks.is_empty() {
        let cause = format!("no cell has `{}` in its name", args.only.join("` or `"));
        return Err(Failure::new(Exit::Usage, "nothing to measure", cause)
            .hint("cells have names such as data/rules"));
    }
    let peers = args.peers.then(|| Peers::of(SCRIPT, &[], cancel)).transpose()?;
    let threads = threads(flag).value;
    let (mut ours, mut theirs) = (Samples::default(), Collected::default());
    for kind in [VARIED, NEAR] {
        let tasks: Vec<&&Task> = tasks.iter().filter(|task| task.corpus == kind).collect();
        if tasks.is_empty() {
            continue;
        }
        let given = if kind == VARIED { args.corpus.as_deref() } else { args.near.as_deref() };
        let path = find(given, kind)?;
        for round in 1..=args.rounds {
            for task in &tasks {
                let label = format!("round {round} of {}, {}", args.rounds, task.cell);
                say(&format!("  {label}: catena"));
                // Read anew for each figure: what a peer needs is not taken by our texts.
                let whole = if kind == NEAR { Corpus::unread } else { Corpus::read };
                let corpus = whole(&path)?;
                for (cell, figure) in (task.measure)(&corpus, threads, cancel)? {
                    ours.push(cell, figure);
                }
                drop(corpus);
                if cancel.is_cancelled() {
                    return Err(interrupted());
                }
                if let Some(peers) = peers.as_ref().filter(|_| task.peers) {
                    peers.round(request(task, &path, &label, threads, args), &mut theirs)?;
                }
            }
        }
    }
    let shares = ["data/minhash/recall", "data/minhash/precision"];
    let shares =
        shares.map(|name| Named { name: name.to_owned(), unit: "share", less_is_better: false });
    let cells = tasks.iter().map(|task| Named {
        name: task.cell.to_owned(),
        unit: task.unit,
        less_is_better: task.less_is_better,
    });
    let cells = cells.chain(shares);
    let results = Results::of_named(cells, &ours, theirs, &pool(flag), threads);
    results.print();
    args.json.as_deref().map_or(Ok(()), |file| results.write(file))
}

fn request(
    task: &Task,
    path: &Utf8Path,
    label: &str,
    threads: usize,
    args: &DataBenchArgs,
) -> serde_json::Value {
    json!({
        "area": "data", "label": label, "format": task.cell, "cells": [task.cell],
        "corpus": path, "threads": threads, "limit_seconds": args.peer_seconds,
    })
}
