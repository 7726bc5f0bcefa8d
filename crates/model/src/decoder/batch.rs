//! What goes into a step and what comes out.

use catena_kernels::{BLOCK_TOKENS, SeqSpan};
use thiserror::Error;

use super::adapters::{AdapterId, AdapterSet, Runs};

/// Which rows of a sequence the caller wants logits for; the head is the dearest product of a
/// step, so ask for no more than are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogitsFor {
    /// No row: an inner chunk of a prompt.
    None,
    /// The last row only: the next token is wanted.
    Last,
    /// This row of `tokens` and all after it: prompt log-probabilities, verification of drafts.
    From(usize),
}

/// One sequence's part of a step.
#[derive(Clone, Copy, Debug)]
pub struct SeqInput<'a> {
    /// Tokens to run now: a chunk of the prompt, or the one token sampled last.
    pub tokens: &'a [u32],
    /// Position of `tokens[0]`; all earlier positions are already in the cache.
    pub start_pos: usize,
    /// For each of [`Decoder::kv_groups`](super::Decoder::kv_groups) the sequence's cache blocks, in
    /// order of position; they must cover `tokens`. Blocks of positions that lie before the group's
    /// window are not read.
    pub block_tables: &'a [Vec<u32>],
    /// Rows whose logits are wanted.
    pub logits: LogitsFor,
    /// The adapter that its tokens are run with; the base alone if `None`. All of a sequence's
    /// positions in the cache must have been run with the same one.
    pub adapter: Option<AdapterId>,
}

impl SeqInput<'_> {
    /// First row of `tokens` whose logits are wanted; their count if none is.
    pub(super) fn first_logits_row(&self) -> usize {
        match self.logits {
            LogitsFor::None => self.tokens.len(),
            LogitsFor::Last => self.tokens.len() - 1,
            LogitsFor::From(row) => row,
        }
    }
}

/// Logits of the wanted rows, in order of the sequences and of their rows.
///
/// They live in the [`Scratch`](super::Scratch).
#[derive(Clone, Copy, Debug)]
pub struct Logits<'s> {
    pub(super) values_tv: &'s [f32],
    pub(super) maxima: &'s [f32],
    pub(super) vocab_size: usize,
}

impl<'s> Logits<'s> {
    /// Number of rows.
    pub fn num_rows(&self) -> usize {
        self.values_tv.len() / self.vocab_size
    }

    /// Length of a row.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// One row `[v]`.
    pub fn row(&self, row: usize) -> &'s [f32] {
        &self.values_tv[row * self.vocab_size..(row + 1) * self.vocab_size]
    }

    /// All rows `[t, v]`.
    pub fn rows(&self) -> &'s [f32] {
        self.values_tv
    }

    /// For each row the largest of each of its blocks of
    /// [`LOGITS_BLOCK`](catena_kernels::LOGITS_BLOCK), found while the logits were made.
    pub fn maxima(&self) -> &'s [f32] {
        self.maxima
    }
}

/// A sequence that cannot be run. Nothing was computed and the cache is unchanged.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ForwardError {
    /// Fix the input: a sequence without tokens has no row to compute.
    #[error("sequence {seq} of the step has no tokens")]
    Empty {
        /// Index of the sequence in the step.
        seq: usize,
    },
    /// Fix the input: the token is not in the model's vocabulary.
    #[error("sequence {seq} of the step has token {token}, the vocabulary has {vocab_size}")]
    UnknownToken {
        /// Index of the sequence in the step.
        seq: usize,
        /// The token.
        token: u32,
        /// The model's `vocab_size`.
        vocab_size: usize,
    },
    /// Fix the input: the sequence is longer than the model can tell positions apart.
    #[error(
        "sequence {seq} of the step would have {end} tokens, the model takes at most \
         {max_tokens}"
    )]
    TooLong {
        /// Index of the sequence in the step.
        seq: usize,
        /// Tokens of the sequence after the step.
        end: usize,
        /// The model's limit.
        max_tokens: usize,
    },
    /// Report a bug: the sequence has not one block table for each KV group.
    #[error("sequence {seq} of the step has {found} block tables, the model has {expected} groups")]
    BlockTables {
        /// Index of the sequence in the step.
        seq: usize,
        /// Tables given.
        found: usize,
        /// Groups of the model.
        expected: usize,
    },
    /// Report a bug: the sequence's adapter is not in the step's set.
    #[error("sequence {seq} of the step has adapter {}, which is not loaded", adapter.0)]
    UnknownAdapter {
        /// Index of the sequence in the step.
        seq: usize,
        /// The adapter.
        adapter: AdapterId,
    },
    /// Report a bug: the scheduler gave the sequence too few or wrong cache blocks.
    #[error(
        "sequence {seq} of the step ends at token {end}, its {num_blocks} cache blocks of \
         {BLOCK_TOKENS} do not cover it or lie outside the cache"
    )]
    Blocks {
        /// Index of the sequence in the step.
        seq: usize,
        /// Tokens of the sequence after the step.
        end: usize,
        /// Blocks in its table.
        num_blocks: usize,
    },
}

/// The part of a step that runs through the layers at once.
pub(super) struct RowBlock<'a> {
    /// For each KV group the rows and cache positions of each sequence's part.
    pub(super) spans: Vec<Vec<SeqSpan<'a>>>,
    /// For each span its tokens and the first of its rows whose logits are wanted.
    pub(super) tokens: Vec<(&'a [u32], usize)>,
    /// Rows in the block.
    pub(super) num_rows: usize,
    /// Rows with adapters.
    pub(super) runs: Runs<'a>,
    /// The same once only rows whose logits are wanted are left, one behind the other.
    pub(super) wanted_runs: Runs<'a>,
}

/// Cuts a step into blocks of at most `max_rows` rows, sequence after sequence.
pub(super) struct RowBlocks<'a> {
    pub(super) seqs: &'a [SeqInput<'a>],
    adapters: &'a AdapterSet,
    pub(super) max_rows: usize,
    num_groups: usize,
    next_seq: usize,
    next_row: usize,
}

impl<'a> RowBlocks<'a> {
    pub(super) fn new(
        seqs: &'a [SeqInput<'a>],
        adapters: &'a AdapterSet,
        max_rows: usize,
        num_groups: usize,
    ) -> Self {
        Self { seqs, adapters, max_rows, num_groups, next_seq: 0, next_row: 0 }
    }
}

impl<'a> Iterator for RowBlocks<'a> {
    type Item = RowBlock<'a>;

    fn next(&mut self) -> Option<RowBlock<'a>> {
        let spans = vec![Vec::new(); self.num_groups];
        let (runs, wanted_runs) = (Runs::default(), Runs::default());
        let mut block = RowBlock { spans, tokens: Vec::new(), num_rows: 0, runs, wanted_runs };
        let mut num_wanted = 0;
        while block.num_rows < self.max_rows && self.next_seq < self.seqs.len() {
            let seq = &self.seqs[self.next_seq];
            let start = self.next_row;
            let num_rows = (seq.tokens.len() - start).min(self.max_rows - block.num_rows);
            let end = start + num_rows;
            for (spans, block_table) in block.spans.iter_mut().zip(seq.block_tables) {
                spans.push(SeqSpan {
                    block_table,
                    first_row: block.num_rows,
                    num_rows,
                    start_pos: seq.start_pos + start,
                });
            }
            let first_logits_row = seq.first_logits_row().clamp(start, end) - start;
            block.tokens.push((&seq.tokens[start..end], first_logits_row));
            let wanted = num_rows - first_logits_row;
            if let Some(adapter) = seq.adapter.and_then(|id| self.adapters.get(id)) {
                block.runs.push(adapter, block.num_rows, num_rows);
                block.wanted_runs.push(adapter, num_wanted, wanted);
            }
            num_wanted += wanted;
            block.num_rows += num_rows;
            if end == seq.tokens.len() {
                self.next_seq += 1;
                self.next_row = 0;
            } else {
                self.next_row = end;
            }
        }
        (block.num_rows > 0).then_some(block)
    }
}
