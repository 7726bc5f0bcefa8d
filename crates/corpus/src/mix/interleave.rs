//! One order of the documents of several sources.

use crate::seeded::Seeded;

/// How sources take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interleaving {
    /// As evenly as possible: each time the source that is furthest behind its share, the first of
    /// equal ones.
    ///
    /// # Source
    /// The smooth weighted round robin of nginx.
    Even,
    /// By chance, each time a source with a probability in proportion to what is left of it.
    Shuffled {
        /// Seed of the draws.
        seed: u64,
    },
}

/// An order of sources in which each comes exactly as often as its count says.
#[derive(Clone, Debug)]
pub struct Interleave {
    counts: Vec<u64>,
    left: Vec<u64>,
    total_left: u64,
    total: i128,
    credit: Vec<i128>,
    stream: Option<Seeded>,
}

impl Interleave {
    /// An order of sources with these counts.
    ///
    /// # Panics
    /// If the counts sum to more than 2^64.
    pub fn new(counts: &[u64], interleaving: Interleaving) -> Self {
        let total: u64 = counts.iter().sum();
        let stream = match interleaving {
            Interleaving::Even => None,
            Interleaving::Shuffled { seed } => Some(Seeded::new(seed)),
        };
        Self {
            counts: counts.to_vec(),
            left: counts.to_vec(),
            total_left: total,
            total: i128::from(total),
            credit: vec![0; counts.len()],
            stream,
        }
    }

    fn most_behind(&mut self) -> usize {
        let mut best = None;
        for at in (0..self.counts.len()).filter(|&at| self.left[at] > 0) {
            self.credit[at] += i128::from(self.counts[at]);
            if best.is_none_or(|best: usize| self.credit[at] > self.credit[best]) {
                best = Some(at);
            }
        }
        let best = best.expect("something is left of a source");
        self.credit[best] -= self.total;
        best
    }
}

impl Iterator for Interleave {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.total_left == 0 {
            return None;
        }
        let source = match &mut self.stream {
            Some(stream) => pick(&self.left, stream.below(self.total_left)),
            None => self.most_behind(),
        };
        self.left[source] -= 1;
        self.total_left -= 1;
        Some(source)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.total_left);
        (left.unwrap_or(usize::MAX), left.ok())
    }
}

/// The source in which the item number `rank` of all that are left stands.
fn pick(left: &[u64], mut rank: u64) -> usize {
    for (source, &count) in left.iter().enumerate() {
        if rank < count {
            return source;
        }
        rank -= count;
    }
    unreachable!("rank {rank} beyond the items left")
}
