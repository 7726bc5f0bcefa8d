//! What one step runs.

use crate::scheduler::SchedulerLimits;
use crate::sequence::Sequence;
use catena_model::{LogitsFor, SeqInput};

/// What one step runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) slots: Vec<Slot>,
}

/// The part of one running sequence in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Index among the running sequences.
    pub(crate) sequence_idx: usize,
    /// Position of its first token.
    pub(crate) start_pos: usize,
    /// Tokens to run, guesses included.
    pub(crate) num_tokens: usize,
    /// How many of the last ones are guesses.
    pub(crate) num_guessed: usize,
    /// Rows that need logits.
    pub(crate) logits: LogitsFor,
    /// Whether a token is sampled from the last row, and from those before guesses.
    pub(crate) samples: bool,
}

impl Batch {
    /// Tokens of all slots.
    pub(crate) fn num_tokens(&self) -> usize {
        self.slots.iter().map(|slot| slot.num_tokens).sum()
    }

    /// Rows of logits of all slots.
    pub(crate) fn num_logits_rows(&self) -> usize {
        self.slots.iter().map(Slot::num_logits_rows).sum()
    }
}

impl Slot {
    /// The first row with logits; `num_tokens` if none has.
    pub(crate) fn first_logits_row(&self) -> usize {
        match self.logits {
            LogitsFor::None => self.num_tokens,
            LogitsFor::Last => self.num_tokens - 1,
            LogitsFor::From(row) => row,
        }
    }

    /// Rows with logits.
    pub(crate) fn num_logits_rows(&self) -> usize {
        self.num_tokens - self.first_logits_row()
    }

    /// The first row that a token is sampled from; `num_tokens` if none is.
    pub(crate) fn first_sampled_row(&self) -> usize {
        if self.samples { self.num_tokens - 1 - self.num_guessed } else { self.num_tokens }
    }

    /// The runner's view.
    pub(crate) fn input<'a>(&self, sequence: &'a Sequence) -> SeqInput<'a> {
        SeqInput {
            tokens: &sequence.tokens[self.start_pos..self.start_pos + self.num_tokens],
            start_pos: self.start_pos,
            block_tables: sequence.tables.ids(),
            logits: self.logits,
            adapter: sequence.scope.adapter,
        }
    }
}

/// What is left of a step's limits while its batch is put together.
pub(crate) struct Room {
    tokens: usize,
    logits_rows: usize,
}

impl Room {
    /// All of it.
    pub(crate) fn new(limits: SchedulerLimits) -> Self {
        Self { tokens: limits.max_batch_tokens, logits_rows: limits.max_logits_rows }
    }

    /// Room for up to `num_tokens` tokens with logits of the last; how many there is room for.
    pub(crate) fn take(&mut self, num_tokens: usize) -> usize {
        let num_tokens = if self.logits_rows > 0 { num_tokens.min(self.tokens) } else { 0 };
        self.tokens -= num_tokens;
        self.logits_rows -= usize::from(num_tokens > 0);
        num_tokens
    }

    /// Leaves at most so many tokens.
    pub(crate) fn keep_tokens(&mut self, most: usize) {
        self.tokens = self.tokens.min(most);
    }

    /// Whether anything more fits.
    pub(crate) fn is_left(&self) -> bool {
        self.tokens > 0 && self.logits_rows > 0
    }
}

/// As many of the sequence's next tokens as there is room for, if any.
pub(crate) fn take_slot(idx: usize, sequence: &Sequence, room: &mut Room) -> Option<Slot> {
    if !room.is_left() {
        return None;
    }
    let start_pos = sequence.num_computed;
    let mut slot = Slot {
        sequence_idx: idx,
        start_pos,
        num_tokens: sequence.num_uncomputed().min(room.tokens),
        num_guessed: 0,
        logits: LogitsFor::None,
        samples: false,
    };
    // Rows that score come first; the chunk is cut so that they fit.
    if let Some(score_pos) = sequence.next_score_pos() {
        let first_row = score_pos.saturating_sub(start_pos);
        if first_row < slot.num_tokens {
            slot.num_tokens = slot.num_tokens.min(first_row + room.logits_rows);
            slot.logits = LogitsFor::From(first_row.min(slot.num_tokens));
        }
    }
    slot.samples =
        slot.num_tokens == sequence.num_uncomputed() && sequence.params.max_new_tokens > 0;
    if slot.samples && slot.logits == LogitsFor::None {
        slot.logits = LogitsFor::Last;
    }
    if slot.logits == LogitsFor::From(slot.num_tokens) {
        slot.logits = LogitsFor::None;
    }
    // Without room for the sampled row, the last token waits for the next step.
    if slot.num_logits_rows() > room.logits_rows {
        slot.num_tokens -= 1;
        slot.samples = false;
        slot.logits = LogitsFor::None;
    }
    if slot.num_tokens == 0 {
        return None;
    }
    if slot.samples && slot.logits == LogitsFor::Last {
        let rows = (room.tokens - slot.num_tokens).min(room.logits_rows - 1);
        slot.num_guessed = sequence.num_guessed.min(rows);
        if slot.num_guessed > 0 {
            slot.logits = LogitsFor::From(slot.num_tokens - 1);
            slot.num_tokens += slot.num_guessed;
        }
    }
    room.tokens -= slot.num_tokens;
    room.logits_rows -= slot.num_logits_rows();
    Some(slot)
}
