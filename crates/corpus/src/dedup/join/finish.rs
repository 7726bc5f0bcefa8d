//! From sorted bands to clusters.

use super::super::config::{Linking, MinHashConfig};
use super::super::first::LOOK_EVERY;
use super::super::hash::low32;
use super::super::sorter::Sorter;
use super::super::union_find::UnionFind;
use super::dedup::NearDedup;
use super::result::{JoinReport, NearDuplicates};
use super::sets::{Set, Sets};
use crate::error::CorpusError;
use catena_protocol::{Cancel, Progress};
use rayon::prelude::*;

/// Documents that are measured between two looks at whether to stop.
const BATCH: usize = 1 << 16;
/// Pairs or documents that one thread takes at a time.
pub(super) const SHARE: usize = 512;

/// The state between the steps.
pub(super) struct Join<'a> {
    pub(super) config: MinHashConfig,
    pub(super) sets: Sets,
    pub(super) clusters: UnionFind,
    pub(super) report: JoinReport,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
}

/// Reports work done; an error if somebody asked to stop.
pub(super) type Step<'s> = &'s dyn Fn(u64) -> Result<(), CorpusError>;

pub(super) fn finish(
    dedup: NearDedup,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<NearDuplicates, CorpusError> {
    let NearDedup { config, scratch, pool, sets, bands, equals, num_empty, .. } = dedup;
    let count = u32::try_from(sets.count()).expect("compared when they were taken");
    let report = JoinReport { num_documents: u64::from(count), num_empty, ..JoinReport::default() };
    let clusters = UnionFind::new(count);
    let mut join = Join { config, sets, clusters, report, progress, cancel };
    let (folder, links_with_kept) =
        (&scratch.folder, config.verify && config.linking == Linking::Kept);
    pool.install(|| {
        let repeats = join.join_equals(equals)?;
        let mut pairs = Sorter::new(folder, scratch.memory_share(1, 4));
        let total = (u64::from(count) - num_empty) * config.bands as u64;
        join.in_phase("meeting in bands", total, "bands", |join, step| {
            join.meet(bands.finish()?, &repeats, &mut pairs, step)
        })?;
        let mut links = links_with_kept.then(|| Sorter::new(folder, scratch.memory_share(1, 4)));
        let total = join.report.num_meetings;
        join.in_phase("comparing candidates", total, "pairs", |join, step| {
            join.compare(pairs.finish()?, links.as_mut(), step)
        })?;
        let clusters = std::mem::replace(&mut join.clusters, UnionFind::new(0));
        let mut roots = clusters.into_roots();
        if let Some(links) = links {
            super::compare::link_with_kept(links.finish()?, &mut roots)?;
        }
        let total = u64::from(count);
        join.in_phase("measuring duplicates", total, "documents", |join, step| {
            join.measure(roots, step)
        })
    })
}

impl Join<'_> {
    fn in_phase<T>(
        &mut self,
        what: &str,
        total: u64,
        unit: &str,
        work: impl FnOnce(&mut Self, Step<'_>) -> Result<T, CorpusError>,
    ) -> Result<T, CorpusError> {
        let (progress, cancel) = (self.progress, self.cancel);
        progress.begin(what, Some(total), unit);
        let done = work(self, &|done| {
            progress.update(done);
            if cancel.is_cancelled() { Err(CorpusError::Interrupted) } else { Ok(()) }
        });
        progress.end();
        done
    }

    /// Joins documents with the same set; one bit for each that need not be looked at again.
    fn join_equals(&mut self, equals: Sorter<u128>) -> Result<Vec<u64>, CorpusError> {
        let document_of = |equal: u128| u32::try_from(equal & 0xFFFF_FFFF).expect("32 bits");
        let mut repeats = vec![0; self.sets.count().div_ceil(64)];
        let mut first: Option<u128> = None;
        for (at, record) in (0_u64..).zip(equals.finish()?) {
            if at % LOOK_EVERY == 0 && self.cancel.is_cancelled() {
                return Err(CorpusError::Interrupted);
            }
            let record = record?;
            match first {
                Some(first) if first >> 32 == record >> 32 => {
                    let document = document_of(record);
                    self.clusters.join(document_of(first), document);
                    repeats[document as usize / 64] |= 1 << (document % 64);
                    self.report.num_equal += 1;
                }
                _ => first = Some(record),
            }
        }
        Ok(repeats)
    }

    /// Compares each duplicate with the document that stands for it.
    fn measure(&mut self, roots: Vec<u32>, step: Step<'_>) -> Result<NearDuplicates, CorpusError> {
        let mut sizes = vec![0; roots.len()];
        for &root in &roots {
            sizes[root as usize] += 1;
        }
        let mut similarities = vec![1.0; roots.len()];
        let sets = &self.sets;
        let mut first = 0;
        for similarities in similarities.chunks_mut(BATCH) {
            step(first as u64)?;
            let shares = similarities.par_chunks_mut(SHARE).enumerate();
            shares.try_for_each(|(share, similarities)| {
                measure_share(first + share * SHARE, similarities, &roots, sets)
            })?;
            first += similarities.len();
        }
        self.report.num_clusters = sizes.iter().filter(|&&size| size > 1).count() as u64;
        let kept = sizes.iter().filter(|&&size| size > 0).count();
        self.report.num_duplicates = (roots.len() - kept) as u64;
        Ok(NearDuplicates { roots, similarities, sizes, report: self.report })
    }
}

fn measure_share(
    first: usize,
    similarities: &mut [f32],
    roots: &[u32],
    sets: &Sets,
) -> Result<(), CorpusError> {
    let (mut set, mut root_set) = (Set::default(), Set::default());
    for (at, similarity) in similarities.iter_mut().enumerate() {
        let document = low32((first + at) as u64);
        let root = roots[first + at];
        if root != document {
            sets.read(document, &mut set)?;
            sets.read(root, &mut root_set)?;
            *similarity = in_f32(set.similarity(&root_set));
        }
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits of a similarity are enough")]
pub(super) fn in_f32(similarity: f64) -> f32 {
    similarity as f32
}
