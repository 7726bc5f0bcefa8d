//! Which sequences run in the next step.

use crate::blocks::BlockManager;
use crate::error::EngineError;
use crate::request::{Event, RequestId};
use crate::sampler::Outcome;
use crate::sequence::Sequence;
use crate::vocabulary::Vocabulary;
use catena_kernels::BLOCK_TOKENS;
use catena_model::{LogitsFor, SeqInput};
use catena_protocol::FinishReason;
use std::collections::VecDeque;

/// Limits of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchedulerLimits {
    /// Most tokens of one step, prompt and decode together. A longer prompt is cut into chunks.
    pub max_batch_tokens: usize,
    /// Most sequences that run at once.
    pub max_running: usize,
    /// Most rows of logits of one step; bounds the memory of scoring long prompts.
    pub max_logits_rows: usize,
}

impl Default for SchedulerLimits {
    fn default() -> Self {
        Self { max_batch_tokens: 512, max_running: 64, max_logits_rows: 128 }
    }
}

/// The part of one running sequence in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Index among the running sequences.
    pub(crate) sequence_idx: usize,
    /// Position of its first token.
    pub(crate) start_pos: usize,
    /// Tokens to run.
    pub(crate) num_tokens: usize,
    /// Rows that need logits.
    pub(crate) logits: LogitsFor,
    /// Whether a token is sampled from the last row.
    pub(crate) samples: bool,
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
}

/// What one step runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) slots: Vec<Slot>,
}

/// What is left of a step's limits while its batch is put together.
struct Room {
    tokens: usize,
    logits_rows: usize,
}

/// Keeps the sequences: first come, first served, decode before prefill, one token budget.
///
/// A sequence gets the blocks of all its tokens when it is admitted, so a started prefill always
/// ends. When decoding needs a block and none is free, the sequence admitted last gives up its
/// blocks and waits at the head of the queue; its tokens are computed again later.
///
/// **Invariant:** `running` and `waiting` are each in order of arrival.
pub struct Scheduler {
    limits: SchedulerLimits,
    pub(crate) running: Vec<Sequence>,
    waiting: VecDeque<Sequence>,
    num_preemptions: u64,
}

impl Scheduler {
    /// An empty scheduler.
    ///
    /// # Panics
    /// If a limit is zero: a caller's bug.
    pub fn new(limits: SchedulerLimits) -> Self {
        let smallest = limits.max_batch_tokens.min(limits.max_running).min(limits.max_logits_rows);
        assert!(smallest > 0, "every limit of {limits:?} must be positive");
        Self { limits, running: Vec::new(), waiting: VecDeque::new(), num_preemptions: 0 }
    }

    /// The limits of one step.
    pub fn limits(&self) -> SchedulerLimits {
        self.limits
    }

    /// Sequences that hold blocks.
    pub fn num_running(&self) -> usize {
        self.running.len()
    }

    /// Sequences that wait for blocks, preempted ones included.
    pub fn num_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How often a sequence gave up its blocks.
    pub fn num_preemptions(&self) -> u64 {
        self.num_preemptions
    }

    /// Adds a sequence behind the others.
    pub(crate) fn add(&mut self, sequence: Sequence) {
        self.waiting.push_back(sequence);
    }

    /// Takes a sequence out and frees its blocks.
    pub(crate) fn remove(&mut self, id: RequestId, blocks: &mut BlockManager) -> Option<Sequence> {
        if let Some(idx) = self.running.iter().position(|sequence| sequence.id == id) {
            let mut sequence = self.running.remove(idx);
            blocks.release(&mut sequence.block_table);
            return Some(sequence);
        }
        let idx = self.waiting.iter().position(|sequence| sequence.id == id)?;
        self.waiting.remove(idx)
    }

    /// Takes every sequence out and frees all blocks.
    pub(crate) fn remove_all(&mut self, blocks: &mut BlockManager) -> Vec<Sequence> {
        let mut all: Vec<Sequence> = self.running.drain(..).chain(self.waiting.drain(..)).collect();
        for sequence in &mut all {
            blocks.release(&mut sequence.block_table);
        }
        all
    }

    /// The next step's batch; nothing when no sequence is there.
    pub(crate) fn next_batch(&mut self, blocks: &mut BlockManager) -> Option<Batch> {
        let mut room =
            Room { tokens: self.limits.max_batch_tokens, logits_rows: self.limits.max_logits_rows };
        let mut slots = Vec::with_capacity(self.running.len() + 1);
        let preempted = self.schedule_decodes(&mut slots, &mut room, blocks);
        self.schedule_prefills(&mut slots, &mut room);
        if !preempted {
            self.admit(&mut slots, &mut room, blocks);
        }
        (!slots.is_empty()).then_some(Batch { slots })
    }

    /// The runner's view of `batch`.
    pub(crate) fn inputs(&self, batch: &Batch) -> Vec<SeqInput<'_>> {
        let input = |slot: &Slot| {
            let sequence = &self.running[slot.sequence_idx];
            SeqInput {
                tokens: &sequence.tokens[slot.start_pos..slot.start_pos + slot.num_tokens],
                start_pos: slot.start_pos,
                block_tables: sequence.block_table.ids(),
                logits: slot.logits,
            }
        };
        batch.slots.iter().map(input).collect()
    }

    /// Stores the step's tokens, takes out what ended and frees its blocks.
    pub(crate) fn commit(
        &mut self,
        batch: &Batch,
        outcomes: Vec<Outcome>,
        vocabulary: &Vocabulary,
        blocks: &mut BlockManager,
    ) -> Vec<(RequestId, Event)> {
        let mut events = Vec::with_capacity(batch.slots.len());
        let mut ended: Vec<(RequestId, Result<FinishReason, EngineError>)> = Vec::new();
        for (slot, outcome) in batch.slots.iter().zip(outcomes) {
            let sequence = &mut self.running[slot.sequence_idx];
            sequence.num_computed += slot.num_tokens;
            let is_done = sequence.num_uncomputed() == 0 && sequence.params.max_new_tokens == 0;
            let accepted = match outcome {
                Ok(Some(choice)) => sequence.accept(choice, vocabulary),
                Ok(None) if is_done => {
                    ended.push((sequence.id, Ok(FinishReason::Length)));
                    continue;
                }
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            match accepted {
                Ok(accepted) => {
                    events.extend(accepted.event.map(|event| (sequence.id, Event::Token(event))));
                    ended.extend(accepted.finish_reason.map(|reason| (sequence.id, Ok(reason))));
                }
                Err(error) => ended.push((sequence.id, Err(error))),
            }
        }
        for (id, end) in ended {
            let sequence = self.remove(id, blocks).expect("it ran in this step");
            let event = match end {
                Ok(reason) => Event::Finished(sequence.complete(reason)),
                Err(error) => Event::Failed(error.to_string()),
            };
            events.push((id, event));
        }
        events
    }

    /// One token for each sequence that decodes. Says whether blocks ran out.
    fn schedule_decodes(
        &mut self,
        slots: &mut Vec<Slot>,
        room: &mut Room,
        blocks: &mut BlockManager,
    ) -> bool {
        let mut preempted = false;
        let mut idx = 0;
        while idx < self.running.len() && room.tokens > 0 && room.logits_rows > 0 {
            let sequence = &mut self.running[idx];
            if sequence.num_uncomputed() == 1 {
                let num_tokens = sequence.tokens.len();
                if !blocks.grow(&mut sequence.block_table, num_tokens) {
                    // The last one gives way: later ones have no slot yet, so indices hold.
                    self.preempt_last(blocks);
                    preempted = true;
                    continue;
                }
                slots.extend(take_slot(idx, sequence, room));
            }
            idx += 1;
        }
        preempted
    }

    /// Chunks of the prompts that are not in the cache yet.
    fn schedule_prefills(&self, slots: &mut Vec<Slot>, room: &mut Room) {
        for (idx, sequence) in self.running.iter().enumerate() {
            if sequence.num_uncomputed() > 1 {
                slots.extend(take_slot(idx, sequence, room));
            }
        }
    }

    /// Admits waiting sequences, in order, while there is room for the whole of the first.
    fn admit(&mut self, slots: &mut Vec<Slot>, room: &mut Room, blocks: &mut BlockManager) {
        while self.running.len() < self.limits.max_running
            && room.tokens > 0
            && room.logits_rows > 0
        {
            let Some(sequence) = self.waiting.front_mut() else { return };
            // A few spare blocks let the running ones decode on before anything is preempted.
            let spare = if self.running.is_empty() { 0 } else { blocks.num_blocks().div_ceil(100) };
            let num_tokens = sequence.tokens.len();
            let needed = num_tokens.div_ceil(BLOCK_TOKENS);
            if blocks.num_free() < needed + spare {
                return;
            }
            assert!(blocks.grow(&mut sequence.block_table, num_tokens), "{needed} blocks are free");
            let sequence = self.waiting.pop_front().expect("looked at above");
            slots.extend(take_slot(self.running.len(), &sequence, room));
            self.running.push(sequence);
        }
    }

    /// Puts the sequence admitted last back to the head of the queue, its blocks freed.
    fn preempt_last(&mut self, blocks: &mut BlockManager) {
        let mut sequence = self.running.pop().expect("the one that found no block is running");
        assert!(!self.running.is_empty(), "a sequence alone outgrew the whole cache");
        blocks.release(&mut sequence.block_table);
        sequence.num_computed = 0;
        self.waiting.push_front(sequence);
        self.num_preemptions += 1;
    }
}

/// As many of the sequence's next tokens as there is room for, if any.
fn take_slot(sequence_idx: usize, sequence: &Sequence, room: &mut Room) -> Option<Slot> {
    let start_pos = sequence.num_computed;
    let num_tokens = sequence.num_uncomputed().min(room.tokens);
    let mut slot =
        Slot { sequence_idx, start_pos, num_tokens, logits: LogitsFor::None, samples: false };
    // Rows that score come first; the chunk is cut so that they fit.
    if let Some(score_pos) = sequence.next_score_pos() {
        let first_row = score_pos.saturating_sub(start_pos);
        if first_row < num_tokens {
            slot.num_tokens = num_tokens.min(first_row + room.logits_rows);
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
    room.tokens -= slot.num_tokens;
    room.logits_rows -= slot.num_logits_rows();
    Some(slot)
}
