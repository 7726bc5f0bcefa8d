//! Which texts run at once, and on which threads.
//!
//! Texts do not see each other, so of many texts each thread runs some of its own through all layers,
//! without waiting for the others and in buffers that its core's cache holds. Few texts are run by
//! all threads together, operation by operation.

use super::forward::EncoderScratch;
use super::{EncodeError, Encoder, EncoderInput};
use catena_kernels::Pool;
use std::sync::PoisonError;

/// Rows (tokens) that all threads run at once, unless one text alone has more.
const MOST_ROWS_TOGETHER: usize = 1024;
/// Rows that one thread runs at once, unless one text alone has more: enough for the products, few
/// enough for the cache.
const ROWS_APART: std::ops::RangeInclusive<usize> = 64..=192;
/// Groups for each thread that the texts are cut into if they are enough.
const GROUPS_PER_THREAD: usize = 8;
/// Groups for each thread from which they are dealt: with fewer some threads would be idle too long.
const FEWEST_GROUPS_PER_THREAD: usize = 4;
/// Rows for each thread whose states are kept until they are handed out.
const ROWS_KEPT_PER_THREAD: usize = 2048;

/// Buffers of all ways to run, kept between calls.
#[derive(Default)]
pub(super) struct EncoderRoom {
    together: EncoderScratch,
    /// For each thread.
    apart: Vec<Apart>,
    /// Buffers that states were kept in.
    states: Vec<Vec<f32>>,
}

/// What one thread works in.
struct Apart {
    /// Runs operations on the thread that calls them.
    alone: Pool,
    scratch: EncoderScratch,
}

/// Texts that one thread runs at once, and then their last hidden states `[t, c]`.
struct Group<'a> {
    texts: &'a [EncoderInput<'a>],
    states_tc: Vec<f32>,
}

impl Encoder {
    /// Runs texts and hands each one's last hidden states `[t, c]` to `visit`, in order.
    ///
    /// # Errors
    /// A text is empty, too long, or has an unknown token or type; checked for all before anything
    /// is computed.
    pub fn run(
        &self,
        inputs: &[EncoderInput<'_>],
        mut visit: impl FnMut(usize, &[f32]),
    ) -> Result<(), EncodeError> {
        self.check(inputs)?;
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        let mut first = 0;
        while first < inputs.len() {
            let rest = &inputs[first..];
            let mut visit = |text: usize, states_tc: &[f32]| visit(first + text, states_tc);
            let wave = &rest[..count_within(rest, self.pool.threads() * ROWS_KEPT_PER_THREAD)];
            first += if self.run_apart(wave, &mut room, &mut visit) {
                wave.len()
            } else {
                let count = count_within(rest, MOST_ROWS_TOGETHER);
                self.run_together(&rest[..count], &mut room.together, &mut visit);
                count
            };
        }
        Ok(())
    }

    /// The last hidden states `[t, c]` of each text.
    ///
    /// # Errors
    /// As [`Encoder::run`].
    pub fn hidden_states(&self, inputs: &[EncoderInput<'_>]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let mut states = Vec::with_capacity(inputs.len());
        self.run(inputs, |_, rows_tc| states.push(rows_tc.to_vec()))?;
        Ok(states)
    }

    /// Runs texts on all threads, operation by operation.
    fn run_together(
        &self,
        texts: &[EncoderInput<'_>],
        scratch: &mut EncoderScratch,
        visit: &mut dyn FnMut(usize, &[f32]),
    ) {
        self.run_group(&self.pool, texts, scratch);
        self.visit_each(texts, &scratch.x_tc, 0, visit);
    }

    /// Runs texts with each thread running some of its own, or says that they are too few for that.
    fn run_apart(
        &self,
        texts: &[EncoderInput<'_>],
        room: &mut EncoderRoom,
        visit: &mut dyn FnMut(usize, &[f32]),
    ) -> bool {
        let threads = self.pool.threads();
        let mut groups = cut(texts, threads);
        if groups.len() < threads * FEWEST_GROUPS_PER_THREAD {
            return false;
        }
        let EncoderRoom { apart, states, .. } = room;
        let new = || Apart { alone: Pool::new(1), scratch: EncoderScratch::default() };
        apart.resize_with(threads, new);
        for group in &mut groups {
            group.states_tc = states.pop().unwrap_or_default();
        }
        self.pool.for_each_item(&mut groups, apart, &|own, group| {
            self.run_group(&own.alone, group.texts, &mut own.scratch);
            std::mem::swap(&mut own.scratch.x_tc, &mut group.states_tc);
        });
        let mut first = 0;
        for group in groups {
            self.visit_each(group.texts, &group.states_tc, first, visit);
            first += group.texts.len();
            states.push(group.states_tc);
        }
        true
    }

    /// Hands out the states of `texts`, the first of which is number `first`.
    fn visit_each(
        &self,
        texts: &[EncoderInput<'_>],
        states_tc: &[f32],
        first: usize,
        visit: &mut dyn FnMut(usize, &[f32]),
    ) {
        let mut at = 0;
        for (text, input) in texts.iter().enumerate() {
            let end = at + input.tokens.len() * self.config.hidden_size;
            visit(first + text, &states_tc[at..end]);
            at = end;
        }
    }
}

/// Cuts texts into groups for the threads, whatever their number.
fn cut<'a>(texts: &'a [EncoderInput<'a>], threads: usize) -> Vec<Group<'a>> {
    let rows: usize = texts.iter().map(|input| input.tokens.len()).sum();
    let wanted = rows / (threads * GROUPS_PER_THREAD);
    let most_rows = wanted.clamp(*ROWS_APART.start(), *ROWS_APART.end());
    let mut groups = Vec::new();
    let mut rest = texts;
    while !rest.is_empty() {
        let (texts, others) = rest.split_at(count_within(rest, most_rows));
        groups.push(Group { texts, states_tc: Vec::new() });
        rest = others;
    }
    groups
}

/// How many of the first texts have `most_rows` rows together; at least one.
fn count_within(texts: &[EncoderInput<'_>], most_rows: usize) -> usize {
    let mut rows = 0;
    let fits = |input: &&EncoderInput<'_>| {
        rows += input.tokens.len();
        rows <= most_rows
    };
    texts.iter().take_while(fits).count().max(1)
}
