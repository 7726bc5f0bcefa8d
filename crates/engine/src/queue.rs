//! Sequences that wait, and whose turn it is.

use crate::sequence::Sequence;
use ahash::AHashMap;
use std::sync::Arc;

/// Rounds of waiting after which a request counts as one level more urgent, so that a stream of
/// urgent requests delays the others and does not stop them. It keeps what it earned: were it
/// sent back by the next urgent one, it would wait as long for every token.
const AGING_ROUNDS: u64 = 256;
/// Tenants whose share is remembered while they ask for nothing.
const MAX_TENANTS: usize = 4096;

type Tenant = Option<Arc<str>>;

/// Waiting sequences. The next one is the most urgent; among equals one of the tenant that was
/// served least; among those the first that came.
///
/// # Source
/// The virtual counters of Sheng et al. 2024, "Fairness in Serving Large Language Models",
/// arXiv:2401.00588; a token of the prompt and one of the output count the same.
#[derive(Default)]
pub(crate) struct WaitQueue {
    waiting: Vec<Waiting>,
    shares: Shares,
    round: u64,
}

struct Waiting {
    sequence: Sequence,
    since: u64,
}

/// Tokens computed for each tenant.
#[derive(Default)]
struct Shares(AHashMap<Tenant, Share>);

#[derive(Clone, Copy, Default)]
struct Share {
    tokens: u64,
    /// Sequences that run or wait.
    active: usize,
}

impl WaitQueue {
    /// Sequences that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Begins a scheduling round.
    pub(crate) fn begin_round(&mut self) {
        self.round += 1;
    }

    /// Takes in a new sequence.
    pub(crate) fn arrive(&mut self, sequence: Sequence) {
        self.shares.arrive(&sequence.scope.tenant);
        self.wait(sequence);
    }

    /// Takes in a sequence that ran and has to wait again.
    pub(crate) fn wait(&mut self, sequence: Sequence) {
        self.waiting.push(Waiting { sequence, since: self.round });
    }

    /// Notes that a sequence ended.
    pub(crate) fn leave(&mut self, sequence: &Sequence) {
        self.shares.leave(&sequence.scope.tenant);
    }

    /// Notes that `tokens` are computed for the sequence.
    pub(crate) fn charge(&mut self, sequence: &Sequence, tokens: usize) {
        if let Some(share) = self.shares.0.get_mut(&sequence.scope.tenant) {
            share.tokens += tokens as u64;
        }
    }

    /// Whose turn it is.
    pub(crate) fn next(&mut self) -> Option<&mut Sequence> {
        let idx = self.next_idx()?;
        Some(&mut self.waiting[idx].sequence)
    }

    /// Takes out the one whose turn it is.
    pub(crate) fn take_next(&mut self) -> Option<Sequence> {
        let idx = self.next_idx()?;
        let waiting = self.waiting.remove(idx);
        let urgency = waiting.urgency(self.round);
        let mut sequence = waiting.sequence;
        sequence.urgency = urgency;
        Some(sequence)
    }

    /// Takes out the sequences that `picks`.
    pub(crate) fn remove(&mut self, picks: impl Fn(&Sequence) -> bool) -> Vec<Sequence> {
        let removed = self.waiting.extract_if(.., |waiting| picks(&waiting.sequence));
        removed.map(|waiting| waiting.sequence).collect()
    }

    fn next_idx(&self) -> Option<usize> {
        let key = |waiting: &Waiting| {
            let share = self.shares.0.get(&waiting.sequence.scope.tenant);
            let tokens = share.map_or(0, |share| share.tokens);
            let urgency = waiting.urgency(self.round);
            (urgency, tokens, waiting.sequence.id, waiting.sequence.sample)
        };
        (0..self.waiting.len()).min_by_key(|&idx| key(&self.waiting[idx]))
    }
}

impl Waiting {
    /// The sequence's urgency, one level more for every so many rounds of this wait.
    fn urgency(&self, round: u64) -> i64 {
        let levels = (round - self.since) / AGING_ROUNDS;
        self.sequence.urgency.saturating_sub_unsigned(levels)
    }
}

impl Shares {
    /// A tenant that was away comes back with no credit for it.
    fn arrive(&mut self, tenant: &Tenant) {
        let active = self.0.values().filter(|share| share.active > 0);
        let least = active.map(|share| share.tokens).min().unwrap_or(0);
        self.make_room();
        let share = self.0.entry(tenant.clone()).or_default();
        if share.active == 0 {
            share.tokens = share.tokens.max(least);
        }
        share.active += 1;
    }

    fn leave(&mut self, tenant: &Tenant) {
        if let Some(share) = self.0.get_mut(tenant) {
            share.active -= 1;
        }
    }

    /// Forgets the least served of the tenants that are away once there are too many.
    fn make_room(&mut self) {
        if self.0.len() < MAX_TENANTS {
            return;
        }
        let away = self.0.iter().filter(|(_, share)| share.active == 0);
        let least = away.min_by_key(|(_, share)| share.tokens).map(|(tenant, _)| tenant.clone());
        if let Some(tenant) = least {
            self.0.remove(&tenant);
        }
    }
}
