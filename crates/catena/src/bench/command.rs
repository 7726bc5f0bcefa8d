//! The command: rounds of ours and of the peers in turn, then medians, table and file.

use super::cells::{Cell, Results, Samples, figure};
use super::embed::{CELL, COSINES, EmbedBench};
use super::files::{MeasuredFile, find, open_all};
use super::infer::{Bench, SEED, Task, batch_note};
use super::limits::{Limits, described};
use super::peers::{Collected, Peers, check_cancel};
use super::perplexity::{self, Text};
use super::rounds::nothing;
use super::start;
use super::{data, engine, goals, kernels, serve, train};
use crate::args::{BenchArea, BenchArgs, InferArgs};
use crate::failure::{Exit, Failure};
use crate::machine::{pool, threads};
use crate::models::BoxError;
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use camino::Utf8Path;
use catena_kernels::{Pool, measure_peaks};
use catena_protocol::{Cancel, Progress};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Runs `catena bench`.
pub(crate) fn run(
    args: &BenchArgs,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    match &args.area {
        BenchArea::Peak => {
            let peaks = measure_peaks(&pool(threads));
            for (name, value) in described(&peaks) {
                print_line(&format!("{name:<6} {value}"));
            }
            Ok(())
        }
        BenchArea::Infer(args) => infer(args, threads, cancel),
        BenchArea::Engine(args) => engine::run(args, threads, cancel),
        BenchArea::Kernels(args) => kernels::run(args, threads, cancel),
        BenchArea::Serve(args) => serve::run(args, threads, cancel),
        BenchArea::Train(args) => train::run(args, threads, cancel),
        BenchArea::Data(args) => data::run(args, threads, cancel),
    }
}

/// All that a run measures and with what.
struct Run<'a> {
    files: Vec<MeasuredFile>,
    text: Option<Text>,
    embed: Option<EmbedBench>,
    peers: Option<Peers<'a>>,
    pool: Arc<Pool>,
    threads: usize,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
}

/// What the rounds measured of us, of the peers and of the hardware.
#[derive(Default)]
struct Measured {
    ours: Samples,
    theirs: Collected,
    limits: Samples,
}

fn infer(args: &InferArgs, flag: Option<usize>, cancel: &Cancel) -> Result<(), Failure> {
    let progress = for_stderr();
    let progress = progress.as_ref();
    let finder = Finder { project: Utf8Path::new("."), progress, cancel };
    let pool = pool(flag);
    if args.first_token {
        let path = find(&args.model[0], &finder)?;
        return start::first_token(&path, pool).map_err(|error| unmeasured(&path, error));
    }
    args.rounds.check_file()?;
    let only = &args.only;
    let run = Run {
        files: open_all(args, &finder)?,
        text: args.perplexity.as_deref().map(Text::open).transpose()?,
        embed: EmbedBench::open(only, &finder, pool.clone())?,
        peers: args.peers.then(|| Peers::find(&args.peer, cancel)).transpose()?,
        pool,
        threads: threads(flag).value,
        progress,
        cancel,
    };
    if run.embed.is_none() && run.files.iter().all(MeasuredFile::is_idle) {
        return Err(nothing(only, "cells have names such as infer/prefill/512/q4_1"));
    }
    let mut measured = Measured::default();
    for label in args.rounds.labels() {
        run.round(&label, &mut measured)?;
    }
    let results = run.results(measured)?;
    results.print();
    args.rounds.write(&results)
}

impl Run<'_> {
    /// Every figure once, each file's beside the peers' for the same file.
    fn round(&self, label: &str, measured: &mut Measured) -> Result<(), Failure> {
        for file in self.files.iter().filter(|file| !file.is_idle()) {
            let label = format!("{label}, {}", file.format);
            self.file_round(file, &label, measured)?;
            check_cancel(self.cancel)?;
            if let Some(peers) = &self.peers {
                let text = self.text_of(file).map(|(text, cell)| text.peers_task(&cell));
                let task = file.peers_task(&label, self.threads, text.as_ref());
                peers.round(task, &mut measured.theirs)?;
            }
        }
        if let Some(embed) = &self.embed {
            let label = format!("{label}, embedding");
            say(&format!("  {label}: catena"));
            let embedded = embed.round(&mut measured.ours, self.cancel);
            check_cancel(self.cancel)?;
            let embedded = embedded.map_err(|error| {
                Failure::new(Exit::Environment, "cannot embed the documents", error)
            })?;
            if let Some(peers) = &self.peers {
                let task = embed.peers_task(&label, self.threads, &embedded);
                peers.round(task, &mut measured.theirs)?;
            }
        }
        check_cancel(self.cancel)
    }

    fn file_round(
        &self,
        file: &MeasuredFile,
        label: &str,
        measured: &mut Measured,
    ) -> Result<(), Failure> {
        say(&format!("  {label}: catena"));
        let Measured { ours, limits, .. } = measured;
        if let Some((text, cell)) = self.text_of(file) {
            let value = text.perplexity(file, self.pool.clone(), self.progress, self.cancel)?;
            check_cancel(self.cancel)?;
            ours.push(&cell, value);
        }
        let failed = |error| unmeasured(&file.path, error);
        Limits::measure(file, &self.pool, limits).map_err(failed)?;
        let bench = Bench::new(&file.model, self.pool.clone(), SEED);
        bench.round(file, ours, self.progress, self.cancel).map_err(failed)?;
        check_cancel(self.cancel)?;
        if let Some([start, resident]) = &file.start {
            let (seconds, bytes) = start::measure(&file.path, self.threads)?;
            ours.push(start, seconds);
            ours.push(resident, bytes / f64::from(1 << 20));
        }
        Ok(())
    }

    /// The text that a file predicts, and the cell's name, if that is wanted.
    fn text_of(&self, file: &MeasuredFile) -> Option<(&Text, String)> {
        let cell = perplexity::cell(&file.format);
        self.text.as_ref().filter(|_| file.perplexity).map(|text| (text, cell))
    }

    /// Medians beside the limits.
    fn results(&self, measured: Measured) -> Result<Results, Failure> {
        let Measured { ours, mut theirs, limits } = measured;
        let (mut machine, mut cells) = (BTreeMap::new(), Vec::new());
        for file in self.files.iter().filter(|file| !file.is_idle()) {
            let limits = Limits::of_file(file, &limits);
            let Some(limits) = limits.map_err(|error| unmeasured(&file.path, error))? else {
                continue;
            };
            if machine.is_empty() {
                // The first file's, as the start is.
                machine.extend(described(&limits.peaks));
                let read = limits.read_bytes_per_second / 1e9;
                machine.insert("read", format!("{} GB/s", figure(read)));
            }
            cells.extend(self.file_cells(file, &limits, &ours, &theirs));
        }
        if machine.is_empty() {
            machine.extend(described(&measure_peaks(&self.pool)));
        }
        let embedding = ours.median(CELL).map(|value| speed(CELL, value, &theirs, None));
        let cosines = COSINES.into_iter().filter_map(|name| {
            let value = theirs.checks.median(name)?;
            Some(Cell::new(name.to_owned(), "cosine", false, value, BTreeMap::new(), None))
        });
        cells.extend(embedding.into_iter().chain(cosines).map(|cell| {
            let goal = goals::of_example(&cell.name);
            cell.reaching(goal)
        }));
        let mut tasks = self.files.iter().flat_map(|file| &file.tasks);
        if tasks.any(|task| matches!(task, Task::Batch(_))) {
            theirs.notes.insert("batches".to_owned(), batch_note());
        }
        Ok(Results::new(machine, self.threads, cells, theirs))
    }

    /// The cells of a file, in the order of the table.
    fn file_cells(
        &self,
        file: &MeasuredFile,
        limits: &Limits,
        ours: &Samples,
        theirs: &Collected,
    ) -> Vec<Cell> {
        let speeds = file.tasks.iter().filter_map(|task| {
            let name = task.name(&file.format);
            Some(speed(&name, ours.median(&name)?, theirs, limits.of(*task)))
        });
        let text = self.text_of(file).map(|(_, name)| (name, "ppl"));
        let start = file.start.iter().flatten().cloned().zip(["s", "MiB"]);
        let others = text.into_iter().chain(start).filter_map(|(name, unit)| {
            let (value, peers) = (ours.median(&name)?, theirs.medians(&name));
            Some(Cell::new(name, unit, true, value, peers, None))
        });
        let cells = speeds.chain(others);
        cells
            .map(|cell| {
                let goal = file.goal(&cell.name);
                cell.reaching(goal)
            })
            .collect()
    }
}

fn speed(name: &str, ours: f64, theirs: &Collected, limit: Option<f64>) -> Cell {
    Cell::new(name.to_owned(), "tok/s", false, ours, theirs.medians(name), limit)
}

fn unmeasured(path: &Utf8Path, error: BoxError) -> Failure {
    Failure::new(Exit::Environment, format!("cannot measure `{path}`"), error)
}
