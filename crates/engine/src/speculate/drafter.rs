//! A smaller model that writes ahead.
//!
//! # Source
//! Leviathan et al. 2023, arXiv:2211.17192; Chen et al. 2023, arXiv:2302.01318. Where they accept a
//! draft with a probability, so that texts come as often as without, here each token is drawn from
//! the large model's own logits with the sequence's own random number, and the draft is kept as far
//! as it says the same: every text is the very one that comes without. The draft is drawn with the
//! same random numbers, so that it often does.

use super::gain::DraftWork;
use crate::batch::Room;
use crate::blocks::{BlockTables, KvBlocks};
use crate::error::RunnerError;
use crate::request::{CacheScope, RequestId};
use crate::runner::Runner;
use crate::sampler::Sampler;
use crate::scheduler::SchedulerLimits;
use crate::sequence::Sequence;
use ahash::AHashMap;
use catena_model::{LogitsFor, SeqInput};

/// A draft model with its own cache, where it keeps up with the sequences it writes for.
pub(crate) struct Drafter {
    runner: Box<dyn Runner>,
    blocks: KvBlocks,
    limits: SchedulerLimits,
    context_tokens: usize,
    vocab_size: usize,
    drafts: AHashMap<Key, Draft>,
}

type Key = (RequestId, usize);

/// What the draft model has of one sequence.
#[derive(Default)]
struct Draft {
    tables: BlockTables,
    standing: Standing,
    /// How many of the sequence's tokens are in the draft model's cache.
    num_computed: usize,
    /// Guessed tokens that stand in the cache behind them.
    fed: Vec<u32>,
    /// Whether the sequence still runs.
    is_live: bool,
}

/// Whether a sequence has a place in the draft model's cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Waiting,
    Admitted,
    /// It lost its place to others or has tokens of its own, and is not drafted for any more.
    GivenUp,
}

/// One sequence that is written for in this step.
struct Turn<'a> {
    key: Key,
    draft: Draft,
    sequence: &'a mut Sequence,
    /// Tokens to write.
    length: usize,
    /// Known tokens to run first.
    num_new: usize,
    guess: Vec<u32>,
}

impl Drafter {
    /// A draft model for steps of `limits` and a model of `vocab_size` tokens.
    pub(crate) fn new(runner: Box<dyn Runner>, limits: SchedulerLimits, vocab_size: usize) -> Self {
        let blocks = KvBlocks::new(&runner.block_groups(), limits.max_batch_tokens, true);
        let context_tokens = runner.max_positions().min(blocks.context_tokens());
        Self { runner, blocks, limits, context_tokens, vocab_size, drafts: AHashMap::new() }
    }

    /// What it takes to write for the sequence; nothing if that is not possible.
    pub(crate) fn work(&mut self, sequence: &Sequence) -> Option<DraftWork> {
        let (num_tokens, most_tokens) = sequence.sizes();
        let draft = self.drafts.entry((sequence.id, sequence.sample)).or_default();
        let num_read = match draft.standing {
            Standing::GivenUp => return None,
            _ if most_tokens > self.context_tokens => return None,
            Standing::Waiting => {
                let (tables, scope) = (&mut draft.tables, scope(sequence));
                let tokens = &sequence.tokens;
                self.blocks.find_prefix(tables, &scope, tokens, num_tokens - 1).num_tokens()
            }
            Standing::Admitted => draft.num_computed.min(num_tokens - 1),
        };
        let unread = num_tokens - num_read;
        let rows = unread.min(2);
        let reading = (unread - rows) as f64 * self.runner.read_cost();
        let left = (most_tokens - num_tokens).max(1) as f64;
        Some(DraftWork { rows, reading: reading / left })
    }

    /// Seconds of a step of `rows` single tokens.
    pub(crate) fn step_cost(&self, rows: usize) -> f64 {
        self.runner.step_cost(rows)
    }

    /// Writes up to `wanted` tokens for each of the running sequences. One whose prompt is not read
    /// yet is read on and may get none; one that finds no blocks gets none.
    ///
    /// # Errors
    /// If the model fails.
    pub(crate) fn write(
        &mut self,
        running: &mut [Sequence],
        wanted: impl Iterator<Item = usize>,
        sampler: &mut Sampler,
    ) -> Result<(), RunnerError> {
        self.sweep(running);
        let mut room = Room::new(self.limits);
        let mut turns = Vec::new();
        for (sequence, length) in running.iter_mut().zip(wanted) {
            if length > 0 {
                turns.extend(self.begin(sequence, length, &mut room));
            }
        }
        if turns.is_empty() {
            return Ok(());
        }
        let outcome = self.run(&mut turns, sampler);
        for mut turn in turns {
            turn.draft.keep(turn.num_new, &turn.guess);
            *turn.sequence.proposer.draft_mut() = turn.guess;
            self.drafts.insert(turn.key, turn.draft);
        }
        if outcome.is_err() {
            // Nobody knows what its cache holds.
            self.sweep(&[]);
            self.blocks.forget_all();
        }
        outcome
    }

    /// Gives back the blocks of sequences that run no longer.
    fn sweep(&mut self, running: &[Sequence]) {
        for sequence in running {
            if let Some(draft) = self.drafts.get_mut(&(sequence.id, sequence.sample)) {
                draft.is_live = true;
            }
        }
        let blocks = &mut self.blocks;
        self.drafts.retain(|_, draft| {
            if !draft.is_live {
                blocks.release(&mut draft.tables, &CacheScope::default(), &[], 0);
            }
            std::mem::take(&mut draft.is_live)
        });
    }

    /// Makes the next tokens of a sequence ready to run, if there is room for them.
    fn begin<'a>(
        &mut self,
        sequence: &'a mut Sequence,
        length: usize,
        room: &mut Room,
    ) -> Option<Turn<'a>> {
        let key = (sequence.id, sequence.sample);
        let mut draft = self.drafts.remove(&key).unwrap_or_default();
        let scope = scope(sequence);
        draft.keep_up(&sequence.tokens);
        let num_new = self.take(&mut draft, sequence, &scope, room);
        if num_new == 0 {
            self.drafts.insert(key, draft);
            return None;
        }
        Some(Turn { key, draft, sequence, length, num_new, guess: Vec::new() })
    }

    /// Takes blocks and room for known tokens; says for how many.
    fn take(
        &mut self,
        draft: &mut Draft,
        sequence: &Sequence,
        scope: &CacheScope,
        room: &mut Room,
    ) -> usize {
        let (num_tokens, most_tokens) = sequence.sizes();
        let Draft { tables, standing, num_computed, .. } = draft;
        if !room.is_left() || *standing == Standing::GivenUp {
            return 0;
        }
        if *standing == Standing::Waiting {
            let prefix = self.blocks.find_prefix(tables, scope, &sequence.tokens, num_tokens - 1);
            if !self.blocks.admit(tables, scope, prefix, (num_tokens, most_tokens), 0) {
                return 0;
            }
            *standing = Standing::Admitted;
            *num_computed = prefix.num_tokens();
        }
        let num_new = room.take(num_tokens - *num_computed);
        let end = *num_computed + num_new;
        // A larger model may have tokens that this one lacks.
        let vocab_size = self.runner.vocab_size();
        let new = &sequence.tokens[*num_computed..end];
        let knows_all = new.iter().all(|&token| (token as usize) < vocab_size);
        if !knows_all || !extend(&mut self.blocks, tables, *num_computed, end) {
            // There is nobody to wait for: those before it hold their blocks as long as they run.
            self.blocks.release(tables, scope, &sequence.tokens, *num_computed);
            *standing = Standing::GivenUp;
            return 0;
        }
        self.blocks.advance(tables, scope, &sequence.tokens, end);
        num_new
    }

    /// Runs the known tokens, then writes one token after the other.
    fn run(&mut self, turns: &mut [Turn<'_>], sampler: &mut Sampler) -> Result<(), RunnerError> {
        let width = self.runner.vocab_size();
        let mut writing: Vec<&mut Turn<'_>> = turns.iter_mut().collect();
        while !writing.is_empty() {
            let inputs: Vec<SeqInput<'_>> = writing.iter().map(|turn| turn.input()).collect();
            let mut rows = self.runner.forward(&inputs)?.chunks_exact(width);
            for turn in writing.iter_mut().filter(|turn| turn.has_read_all()) {
                let row_v = rows.next().expect("logits of every last row were asked for");
                turn.write(&row_v[..row_v.len().min(self.vocab_size)], sampler);
            }
            writing.retain_mut(|turn| {
                let pos = turn.next_pos();
                turn.wants_more() && extend(&mut self.blocks, &mut turn.draft.tables, pos, pos + 1)
            });
        }
        Ok(())
    }
}

impl Draft {
    /// Takes in which of the fed tokens came true.
    fn keep_up(&mut self, tokens: &[u32]) {
        // The newest token was never run as a guess; where no step came in between, it was run and
        // is run again for its logits.
        let newest = tokens.len() - 1;
        self.num_computed = self.num_computed.min(newest);
        let came = &tokens[self.num_computed..newest];
        self.num_computed += self.fed.iter().zip(came).take_while(|(a, b)| a == b).count();
        self.fed.clear();
    }

    /// Takes in what was run: `num_new` known tokens, and all of the guess but its last.
    fn keep(&mut self, num_new: usize, guess: &[u32]) {
        self.num_computed += num_new;
        self.fed.extend(guess.iter().take(guess.len().saturating_sub(1)));
    }
}

impl Turn<'_> {
    /// What to run next: the known tokens, then the last one written.
    fn input(&self) -> SeqInput<'_> {
        let start = self.draft.num_computed;
        let (tokens, start_pos) = match self.guess.last() {
            None => (&self.sequence.tokens[start..start + self.num_new], start),
            Some(last) => (std::slice::from_ref(last), self.next_pos()),
        };
        SeqInput {
            tokens,
            start_pos,
            block_tables: self.draft.tables.ids(),
            logits: if self.has_read_all() { LogitsFor::Last } else { LogitsFor::None },
            adapter: None,
        }
    }

    /// Whether all known tokens are read when this step has run.
    fn has_read_all(&self) -> bool {
        self.draft.num_computed + self.num_new == self.sequence.tokens.len()
    }

    /// The place of the last token written.
    fn next_pos(&self) -> usize {
        (self.sequence.tokens.len() + self.guess.len()).saturating_sub(1)
    }

    fn wants_more(&self) -> bool {
        !self.guess.is_empty() && self.guess.len() < self.length
    }

    /// Draws the next token from `row_v`.
    fn write(&mut self, row_v: &[f32], sampler: &mut Sampler) {
        let Sequence { params, sampling, .. } = &*self.sequence;
        let token = sampler.guess(row_v, params, sampling.num_generated() + self.guess.len());
        self.guess.push(token);
    }
}

/// Whose texts may share a draft: adapters do not change what a draft model reads.
fn scope(sequence: &Sequence) -> CacheScope {
    CacheScope { adapter: None, ..sequence.scope.clone() }
}

/// Blocks for the tokens from `start` to `end`.
fn extend(blocks: &mut KvBlocks, tables: &mut BlockTables, start: usize, end: usize) -> bool {
    blocks.trim(tables, start);
    blocks.grow(tables, end, end)
}
