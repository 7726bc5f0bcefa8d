//! Pairs by their true similarity.

use super::super::config::MinHashConfig;
use super::super::hash::{high32, low32};
use super::super::sorter::{Sorted, Sorter};
use super::finish::{Join, SHARE, Step, in_f32};
use super::sets::{Set, Sets};
use crate::error::CorpusError;
use rayon::prelude::*;

/// Pairs that are compared between two joinings. Pairs that earlier ones have joined are not
/// compared again, so that this number must not depend on the machine: the report would.
const BATCH: usize = 1 << 16;

impl Join<'_> {
    /// Compares each pair once. Without `links` the similar ones are joined, and what is joined
    /// already is not compared; otherwise they all become links: see [`link_with_kept`].
    pub(super) fn compare(
        &mut self,
        pairs: Sorted<u64>,
        mut links: Option<&mut Sorter<u128>>,
        step: Step<'_>,
    ) -> Result<(), CorpusError> {
        let mut batch = Vec::with_capacity(BATCH);
        let (mut before, mut done) = (None, 0);
        for pair in pairs {
            let pair = pair?;
            done += 1;
            if before == Some(pair) {
                continue;
            }
            before = Some(pair);
            if links.is_none()
                && self.clusters.root(high32(pair)) == self.clusters.root(low32(pair))
            {
                continue;
            }
            batch.push(pair);
            if batch.len() == BATCH {
                self.compare_batch(&batch, links.as_deref_mut())?;
                batch.clear();
                step(done)?;
            }
        }
        self.compare_batch(&batch, links)
    }

    fn compare_batch(
        &mut self,
        batch: &[u64],
        mut links: Option<&mut Sorter<u128>>,
    ) -> Result<(), CorpusError> {
        let (sets, config) = (&self.sets, &self.config);
        let similar: Vec<Vec<(u64, f32)>> = batch
            .par_chunks(SHARE)
            .map(|pairs| similar_pairs(pairs, sets, config))
            .collect::<Result<_, _>>()?;
        self.report.num_compared += batch.len() as u64;
        for &(pair, similarity) in similar.iter().flatten() {
            self.report.num_similar += 1;
            match &mut links {
                Some(links) => links.push(link(pair, similarity))?,
                None => self.clusters.join(high32(pair), low32(pair)),
            }
        }
        Ok(())
    }
}

fn similar_pairs(
    pairs: &[u64],
    sets: &Sets,
    config: &MinHashConfig,
) -> Result<Vec<(u64, f32)>, CorpusError> {
    let (mut a, mut b) = (Set::default(), Set::default());
    let mut read = None;
    let mut similar = Vec::new();
    for &pair in pairs {
        let (first, second) = (high32(pair), low32(pair));
        if read != Some(first) {
            sets.read(first, &mut a)?;
            read = Some(first);
        }
        sets.read(second, &mut b)?;
        if config.compares_numbers() && !a.same_numbers(&b) {
            continue;
        }
        let similarity = a.similarity(&b);
        if similarity >= config.threshold {
            similar.push((pair, in_f32(similarity)));
        }
    }
    Ok(similar)
}

/// A record that sorts by the later document, then the most similar, then the earlier one.
fn link(pair: u64, similarity: f32) -> u128 {
    // The bits of positive floats are in the order of their values.
    let unlike = u32::MAX - similarity.to_bits();
    u128::from(low32(pair)) << 64 | u128::from(unlike) << 32 | u128::from(high32(pair))
}

/// Makes each document that is similar to an earlier kept one point at the most similar of them.
///
/// `roots` tells documents with equal sets; only the first of those have links.
pub(super) fn link_with_kept(links: Sorted<u128>, roots: &mut [u32]) -> Result<(), CorpusError> {
    for link in links {
        let link = link?;
        let part = |shift: u32| u32::try_from(link >> shift & 0xFFFF_FFFF).expect("32 bits");
        let (later, earlier) = (part(64), part(0));
        let is_kept = |document: u32| roots[document as usize] == document;
        // Links come by their later document, so that the earlier ones are settled.
        if is_kept(later) && is_kept(earlier) {
            roots[later as usize] = earlier;
        }
    }
    for document in 0..roots.len() {
        roots[document] = roots[roots[document] as usize];
    }
    Ok(())
}
