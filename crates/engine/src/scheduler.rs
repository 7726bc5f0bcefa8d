//! Which sequences run in the next step.

use crate::batch::{Batch, Room, take_slot};
use crate::blocks::KvBlocks;
use crate::queue::WaitQueue;
use crate::sequence::Sequence;
use catena_model::SeqInput;

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

/// Blocks of a hundred that an admission leaves free, so that the running sequences decode on for a
/// while before one has to give way.
const SPARE_PERCENT: usize = 1;

/// Prompt tokens of a step in which sequences decode: as many as this, or for each row that decodes
/// so many. A step of 512 tokens would hold up everybody's next token for as long as a dozen of steps;
/// pieces of this size are read nearly as fast (docs/log.md).
const CHUNK_BESIDE_DECODE: usize = 64;
const CHUNK_PER_ROW: usize = 2;

/// Keeps the sequences: decode before prefill, one token budget, the queue's order for the rest.
///
/// A sequence gets the blocks of all its tokens when it is admitted, so a started prefill always
/// ends. When decoding needs a block and none is free, the least urgent sequence, of those the one
/// that came last, gives up its blocks and waits; what the cache still knows of its tokens then is
/// not computed again.
///
/// **Invariant:** `running` is in order of admission, and so is a batch: a sequence that shares
/// blocks which are computed in the same step stands behind the one that computes them.
pub struct Scheduler {
    limits: SchedulerLimits,
    pub(crate) running: Vec<Sequence>,
    waiting: WaitQueue,
    num_preemptions: u64,
    /// Tokens of the sequences admitted so far, and those the cache held.
    prefix_counts: (u64, u64),
}

impl Scheduler {
    /// An empty scheduler.
    ///
    /// # Panics
    /// If a limit is zero: a caller's bug.
    pub fn new(limits: SchedulerLimits) -> Self {
        let smallest = limits.max_batch_tokens.min(limits.max_running).min(limits.max_logits_rows);
        assert!(smallest > 0, "every limit of {limits:?} must be positive");
        Self {
            limits,
            running: Vec::new(),
            waiting: WaitQueue::default(),
            num_preemptions: 0,
            prefix_counts: (0, 0),
        }
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

    /// Tokens of the sequences admitted so far, and how many of them the cache held.
    pub fn prefix_counts(&self) -> (u64, u64) {
        self.prefix_counts
    }

    /// Adds a sequence.
    pub(crate) fn add(&mut self, sequence: Sequence) {
        self.waiting.arrive(sequence);
    }

    /// Takes the sequences that `picks` out and frees their blocks.
    pub(crate) fn remove(
        &mut self,
        blocks: &mut KvBlocks,
        picks: impl Fn(&Sequence) -> bool,
    ) -> Vec<Sequence> {
        let mut removed: Vec<Sequence> = self.running.extract_if(.., |s| picks(s)).collect();
        removed.extend(self.waiting.remove(&picks));
        for sequence in &mut removed {
            self.waiting.leave(sequence);
            release(sequence, blocks);
        }
        removed
    }

    /// The next step's batch; nothing when no sequence is there.
    pub(crate) fn next_batch(&mut self, blocks: &mut KvBlocks) -> Option<Batch> {
        self.waiting.begin_round();
        let mut room = Room::new(self.limits);
        let mut batch = Batch { slots: Vec::with_capacity(self.running.len() + 1) };
        let preempted = self.find_blocks(blocks);
        self.make_way(blocks);
        self.schedule_running(true, &mut batch, &mut room, blocks);
        if !batch.slots.is_empty() {
            room.keep_tokens(CHUNK_BESIDE_DECODE.max(CHUNK_PER_ROW * batch.slots.len()));
        }
        self.schedule_running(false, &mut batch, &mut room, blocks);
        if !preempted {
            self.admit(&mut batch, &mut room, blocks);
        }
        (!batch.slots.is_empty()).then_some(batch)
    }

    /// The runner's view of `batch`.
    pub(crate) fn inputs(&self, batch: &Batch) -> Vec<SeqInput<'_>> {
        batch.slots.iter().map(|slot| slot.input(&self.running[slot.sequence_idx])).collect()
    }

    /// A block for the next token of each sequence that decodes. Says whether blocks ran out.
    fn find_blocks(&mut self, blocks: &mut KvBlocks) -> bool {
        let mut preempted = false;
        let mut idx = 0;
        while idx < self.running.len() {
            let sequence = &mut self.running[idx];
            let num_tokens = sequence.tokens.len();
            if !sequence.is_decoding() || blocks.grow(&mut sequence.tables, num_tokens, 0) {
                idx += 1;
            } else if sequence.num_guessed > 0 {
                sequence.keep_guesses(0);
            } else {
                assert!(self.running.len() > 1, "a sequence alone outgrew the whole cache");
                let victim = self.least_urgent();
                self.preempt(victim, blocks);
                preempted = true;
                // Those before it have their blocks.
                idx -= usize::from(victim < idx);
            }
        }
        preempted
    }

    /// Takes blocks from less urgent sequences if the next one to admit does not fit beside them. What
    /// that one earned by waiting gives it the next place that is free, and nobody else's.
    fn make_way(&mut self, blocks: &mut KvBlocks) {
        while !self.running.is_empty() {
            let Some(next) = self.waiting.next() else { return };
            let prefix = next.find_prefix(blocks);
            let is_full = self.running.len() == self.limits.max_running
                || !blocks.can_admit(&next.tables, prefix, next.sizes(), SPARE_PERCENT);
            let priority = i64::from(next.priority);
            let victim = self.least_urgent();
            if !is_full || self.running[victim].urgency <= priority {
                return;
            }
            self.preempt(victim, blocks);
        }
    }

    /// The running sequence that gives way first.
    fn least_urgent(&self) -> usize {
        let key = |&idx: &usize| {
            let sequence = &self.running[idx];
            (sequence.urgency, sequence.id, sequence.sample)
        };
        (0..self.running.len()).max_by_key(key).expect("a sequence is running")
    }

    /// Slots for the running sequences that decode, or for those that do not.
    fn schedule_running(
        &mut self,
        decoding: bool,
        batch: &mut Batch,
        room: &mut Room,
        blocks: &mut KvBlocks,
    ) {
        for (idx, sequence) in self.running.iter_mut().enumerate() {
            if sequence.is_decoding() == decoding {
                schedule(idx, sequence, batch, room, blocks, &mut self.waiting);
            }
        }
    }

    /// Admits waiting sequences, in the queue's order, while there is room for the next one.
    fn admit(&mut self, batch: &mut Batch, room: &mut Room, blocks: &mut KvBlocks) {
        while self.running.len() < self.limits.max_running && room.is_left() {
            let Some(next) = self.waiting.next() else { return };
            let prefix = next.find_prefix(blocks);
            let spare = if self.running.is_empty() { 0 } else { SPARE_PERCENT };
            let sizes = next.sizes();
            if !blocks.admit(&mut next.tables, &next.scope, prefix, sizes, spare) {
                return;
            }
            next.num_computed = prefix.num_tokens();
            next.cached_tokens.get_or_insert(prefix.num_tokens());
            next.timer.admit();
            self.prefix_counts.0 += next.tokens.len() as u64;
            self.prefix_counts.1 += prefix.num_tokens() as u64;
            let mut sequence = self.waiting.take_next().expect("looked at above");
            let idx = self.running.len();
            schedule(idx, &mut sequence, batch, room, blocks, &mut self.waiting);
            self.running.push(sequence);
        }
    }

    /// Puts a running sequence back to the queue, its blocks freed.
    fn preempt(&mut self, idx: usize, blocks: &mut KvBlocks) {
        let mut sequence = self.running.remove(idx);
        release(&mut sequence, blocks);
        self.waiting.wait(sequence);
        self.num_preemptions += 1;
    }
}

/// Frees a sequence's blocks; what they hold is remembered.
fn release(sequence: &mut Sequence, blocks: &mut KvBlocks) {
    sequence.keep_guesses(0);
    let Sequence { tables, scope, tokens, num_computed, .. } = sequence;
    blocks.release(tables, scope, tokens, *num_computed);
    sequence.num_computed = 0;
}

/// Adds a slot for as many of the sequence's next tokens as there is room for.
fn schedule(
    idx: usize,
    sequence: &mut Sequence,
    batch: &mut Batch,
    room: &mut Room,
    blocks: &mut KvBlocks,
    queue: &mut WaitQueue,
) {
    let Some(slot) = take_slot(idx, sequence, room) else { return };
    sequence.keep_guesses(slot.num_guessed);
    let end = slot.start_pos + slot.num_tokens;
    let Sequence { tables, scope, tokens, .. } = sequence;
    blocks.trim(tables, slot.start_pos);
    let grown = blocks.grow(tables, 0, end);
    assert!(grown, "blocks behind a window were set aside and are not there");
    blocks.advance(tables, scope, tokens, end - slot.num_guessed);
    queue.charge(sequence, slot.num_tokens);
    batch.slots.push(slot);
}
