//! The command: rounds of ours and of the peers in turn, then medians, table and file.

use super::{guessing, mask, overhead, prefix, turns};
use crate::args::EngineArgs;
use crate::bench::cells::{Named, Results, Samples};
use crate::bench::files::{absolute, find};
use crate::bench::infer::SEED;
use crate::bench::peers::{Collected, Peers, check_cancel};
use crate::bench::rounds::{nothing, wanted};
use crate::failure::{Exit, Failure};
use crate::machine::{pool, threads};
use crate::models::{BoxError, LanguageModel, Numerics, draft_failure};
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use camino::{Utf8Path, Utf8PathBuf};
use catena_engine::{BLOCK_TOKENS, Engine, EngineOptions, KvBudget, ModelRunner, Speculation};
use catena_kernels::Pool;
use catena_protocol::Cancel;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::sync::Arc;

/// Text to converse about and to copy from.
pub(in crate::bench) const PASSAGE: &str = include_str!("passage.txt");
/// Tokens of the prompt that comes first, so that the first use of a buffer is not measured.
const WARM_UP: usize = 64;

/// Cells that come from one measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Prefix,
    Turns,
    Copying,
    Drafting,
    Overhead,
    Mask,
}

impl Group {
    const ALL: [Group; 6] = [
        Group::Prefix,
        Group::Turns,
        Group::Copying,
        Group::Drafting,
        Group::Overhead,
        Group::Mask,
    ];

    fn cells(self) -> Vec<Named> {
        match self {
            Group::Prefix => prefix::cells(),
            Group::Turns => turns::cells(),
            Group::Copying => guessing::copy_cells(),
            Group::Drafting => guessing::draft_cells(),
            Group::Overhead => overhead::cells(),
            Group::Mask => mask::cells(),
        }
    }

    fn round(self, subject: &Subject<'_>, samples: &mut Samples) -> Result<(), BoxError> {
        match self {
            Group::Prefix => prefix::round(subject, samples),
            Group::Turns => turns::round(subject, samples),
            Group::Copying => guessing::copy_round(subject, samples),
            Group::Drafting => guessing::draft_round(subject, samples),
            Group::Overhead => overhead::round(samples),
            Group::Mask => mask::round(subject, samples),
        }
    }

    /// The groups with a wanted cell; drafts are measured if there is a draft model.
    fn of(only: &[String], has_draft: bool) -> Vec<Group> {
        let is_wanted = |group: &Group| {
            (has_draft || *group != Group::Drafting)
                && group.cells().iter().any(|cell| wanted(&cell.name, only))
        };
        Group::ALL.into_iter().filter(is_wanted).collect()
    }
}

/// The model that is measured.
pub(super) struct Subject<'a> {
    pub(super) model: &'a LanguageModel,
    draft: Option<&'a LanguageModel>,
    path: Utf8PathBuf,
    pool: Arc<Pool>,
}

impl Subject<'_> {
    /// A fresh engine for so many sequences of so many tokens.
    pub(super) fn engine(
        &self,
        sequences: usize,
        tokens: usize,
        speculation: Speculation,
    ) -> Result<Engine<ModelRunner>, BoxError> {
        // Blocks that are not full, and the prompt that warms up.
        let tokens = tokens + BLOCK_TOKENS + WARM_UP;
        let budget = KvBudget::Sequences { count: sequences, tokens };
        let options = EngineOptions { speculation, ..EngineOptions::default() };
        let (pool, numerics) = (self.pool.clone(), Numerics::default());
        Ok(self.model.engine_with(pool, numerics, sequences, budget, options)?.0)
    }

    /// A fresh engine for one sequence of so many tokens, with the draft model.
    pub(super) fn drafted_engine(&self, tokens: usize) -> Result<Engine<ModelRunner>, BoxError> {
        let engine = self.engine(1, tokens, Speculation::On)?;
        let draft = self.draft.ok_or("there is no draft model")?;
        let budget = KvBudget::Sequences { count: 1, tokens: tokens + BLOCK_TOKENS + WARM_UP };
        draft.write_ahead_for(engine, self.pool.clone(), Numerics::default(), budget)
    }

    /// Token ids of a stream of their own.
    pub(super) fn random_tokens(&self, tokens: usize, stream: u64) -> Vec<u32> {
        let vocab = u32::try_from(self.model.checkpoint.config().vocab_size).unwrap_or(u32::MAX);
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        rng.set_stream(stream);
        (0..tokens).map(|_| rng.random_range(0..vocab)).collect()
    }

    /// A prompt that has nothing in common with the measured ones.
    pub(super) fn warm_up(&self) -> Vec<u32> {
        self.random_tokens(WARM_UP, u64::MAX)
    }

    /// What the peers are asked to measure.
    fn peers_task(&self, groups: &[Group], label: &str, threads: usize) -> Result<Value, BoxError> {
        let mut task = json!({
            "area": "engine", "label": label, "model": self.path, "format": "engine",
            "threads": threads,
        });
        for group in groups {
            match group {
                Group::Prefix => task["shared_prefix"] = prefix::peers_task(self),
                Group::Turns => task["turns"] = turns::peers_task(self)?,
                Group::Copying => task["copying"] = guessing::peers_task(self)?,
                Group::Drafting | Group::Overhead | Group::Mask => {}
            }
        }
        Ok(task)
    }
}

/// Runs `catena bench engine`.
pub(in crate::bench) fn run(
    args: &EngineArgs,
    flag: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    args.rounds.check_file()?;
    let groups = Group::of(&args.only, args.draft.is_some());
    if groups.is_empty() {
        return Err(nothing(
            &args.only,
            "cells have names such as infer/shared_prefix/16; those of infer/draft need --draft",
        ));
    }
    let progress = for_stderr();
    let finder = Finder { project: Utf8Path::new("."), progress: progress.as_ref(), cancel };
    let path = absolute(&find(&args.model, &finder)?);
    let failed = |error: BoxError| {
        Failure::new(Exit::Environment, format!("cannot measure `{path}`"), error)
    };
    let model = LanguageModel::open(&path).map_err(failed)?;
    let draft = args.draft.as_deref().map(|name| open_draft(name, &model, &finder)).transpose()?;
    let (pool, threads) = (pool(flag), threads(flag).value);
    let peers = args.peers.then(|| Peers::find(&[], cancel)).transpose()?;
    let subject =
        Subject { model: &model, draft: draft.as_ref(), path: path.clone(), pool: pool.clone() };
    let (mut ours, mut theirs) = (Samples::default(), Collected::default());
    for label in args.rounds.labels() {
        say(&format!("  {label}: catena"));
        for group in &groups {
            group.round(&subject, &mut ours).map_err(failed)?;
            check_cancel(cancel)?;
        }
        if let Some(peers) = &peers {
            let task = subject.peers_task(&groups, &label, threads).map_err(failed)?;
            peers.round(task, &mut theirs)?;
        }
    }
    let named = groups.iter().flat_map(|group| group.cells());
    let results = Results::of_named(named, &ours, theirs, &pool, threads);
    results.print();
    args.rounds.write(&results)
}

/// The model that writes ahead for `model`.
fn open_draft(
    name: &str,
    model: &LanguageModel,
    finder: &Finder<'_>,
) -> Result<LanguageModel, Failure> {
    let path = find(name, finder)?;
    LanguageModel::open_draft(&path, model).map_err(|error| draft_failure(&path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_name_picks_the_measurements() {
        let only = |text: &str| Group::of(&[text.to_owned()], false);
        assert_eq!(Group::of(&[], true), Group::ALL);
        assert_eq!(only("shared_prefix/16/ttft"), [Group::Prefix]);
        assert_eq!(only("infer/scheduler"), [Group::Overhead]);
        assert_eq!(only("prefill"), []);
        assert_eq!(only("draft"), []);
    }

    #[test]
    fn no_cell_has_two_measurements() {
        let cells = Group::ALL.into_iter().flat_map(Group::cells);
        let mut names: Vec<String> = cells.map(|cell| cell.name).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "{names:?}");
    }
}
