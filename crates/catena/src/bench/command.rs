//! The command: rounds of ours and of the peers in turn, then medians, table and file.

use super::cells::{Cell, Results, Samples, figure};
use super::embed::{CELL, COSINES, EmbedBench};
use super::files::{MeasuredFile, find, open_all};
use super::infer::{Bench, SEED};
use super::limits::{Limits, described};
use super::peers::{Collected, Peers, check_cancel};
use super::perplexity::{self, Text};
use super::rounds::nothing;
use super::start;
use super::{data, engine, kernels, serve, train};
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
    let mut ours = Samples::default();
    let mut theirs = Collected::default();
    for label in args.rounds.labels() {
        run.round(&label, &mut ours, &mut theirs)?;
    }
    let results = run.results(&ours, theirs)?;
    results.print();
    args.rounds.write(&results)
}

impl Run<'_> {
    /// Every figure once, each file's beside the peers' for the same file.
    fn round(
        &self,
        label: &str,
        ours: &mut Samples,
        theirs: &mut Collected,
    ) -> Result<(), Failure> {
        for file in self.files.iter().filter(|file| !file.is_idle()) {
            let label = format!("{label}, {}", file.format);
            self.file_round(file, &label, ours)?;
            check_cancel(self.cancel)?;
            if let Some(peers) = &self.peers {
                let text = self.text_of(file).map(|(text, cell)| text.peers_task(&cell));
                peers.round(file.peers_task(&label, self.threads, text.as_ref()), theirs)?;
            }
        }
        if let Some(embed) = &self.embed {
            let label = format!("{label}, embedding");
            say(&format!("  {label}: catena"));
            let embedded = embed.round(ours, self.cancel);
            check_cancel(self.cancel)?;
            let embedded = embedded.map_err(|error| {
                Failure::new(Exit::Environment, "cannot embed the documents", error)
            })?;
            if let Some(peers) = &self.peers {
                peers.round(embed.peers_task(&label, self.threads, &embedded), theirs)?;
            }
        }
        check_cancel(self.cancel)
    }

    fn file_round(
        &self,
        file: &MeasuredFile,
        label: &str,
        ours: &mut Samples,
    ) -> Result<(), Failure> {
        say(&format!("  {label}: catena"));
        if let Some((text, cell)) = self.text_of(file) {
            let value = text.perplexity(file, self.pool.clone(), self.progress, self.cancel)?;
            check_cancel(self.cancel)?;
            ours.push(&cell, value);
        }
        let bench = Bench::new(&file.model, self.pool.clone(), SEED);
        bench
            .round(file, ours, self.progress, self.cancel)
            .map_err(|error| unmeasured(&file.path, error))?;
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

    /// Medians beside the limits, which are measured here.
    fn results(&self, ours: &Samples, theirs: Collected) -> Result<Results, Failure> {
        let peaks = measure_peaks(&self.pool);
        let mut machine: BTreeMap<_, _> = described(&peaks).into_iter().collect();
        let mut cells = Vec::new();
        for file in &self.files {
            let limits = Limits::measure(&file.model, file.numerics, &peaks, &self.pool)
                .map_err(|error| unmeasured(&file.path, error))?;
            // The first file's, as the start is.
            let read = format!("{} GB/s", figure(limits.read_bytes_per_second / 1e9));
            machine.entry("read").or_insert(read);
            let names = file.tasks.iter().map(|task| (task.name(&file.format), limits.of(*task)));
            cells.extend(names.filter_map(|(name, limit)| {
                Some(speed(&name, ours.median(&name)?, &theirs, limit))
            }));
            if let Some((_, name)) = self.text_of(file)
                && let Some(value) = ours.median(&name)
            {
                let theirs = theirs.medians(&name);
                cells.push(Cell::new(name, "ppl", true, value, theirs, None));
            }
            if let Some([start, resident]) = &file.start {
                for (name, unit) in [(start, "s"), (resident, "MiB")] {
                    cells.extend(ours.median(name).map(|value| {
                        Cell::new(name.clone(), unit, true, value, theirs.medians(name), None)
                    }));
                }
            }
        }
        cells.extend(ours.median(CELL).map(|value| speed(CELL, value, &theirs, None)));
        cells.extend(COSINES.into_iter().filter_map(|name| {
            let value = theirs.checks.median(name)?;
            Some(Cell::new(name.to_owned(), "cosine", false, value, BTreeMap::new(), None))
        }));
        Ok(Results::new(machine, self.threads, cells, theirs))
    }
}

fn speed(name: &str, ours: f64, theirs: &Collected, limit: Option<f64>) -> Cell {
    Cell::new(name.to_owned(), "tok/s", false, ours, theirs.medians(name), limit)
}

fn unmeasured(path: &Utf8Path, error: BoxError) -> Failure {
    Failure::new(Exit::Environment, format!("cannot measure `{path}`"), error)
}
