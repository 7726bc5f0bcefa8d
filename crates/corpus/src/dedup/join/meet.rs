//! Pairs that meet in a band.

use super::super::first::LOOK_EVERY;
use super::super::hash::{low32, mix};
use super::super::sorter::{Sorted, Sorter};
use super::buckets::{Bucket, of_record};
use super::finish::{Join, Step};
use crate::error::CorpusError;

/// Places of the filter for meetings that were just noted: 8 MiB.
const JUST_MET: usize = 1 << 20;

impl Join<'_> {
    /// Notes the pairs that met in a band and can be similar; joins them right away if they are
    /// not to be compared.
    pub(super) fn meet(
        &mut self,
        bands: Sorted<u128>,
        repeats: &[u64],
        pairs: &mut Sorter<u64>,
        step: Step<'_>,
    ) -> Result<(), CorpusError> {
        let mut bucket = Bucket::default();
        let mut just_met = vec![0_u64; JUST_MET];
        for (at, record) in (0_u64..).zip(bands) {
            if at % LOOK_EVERY == 0 {
                step(at)?;
            }
            let (band, document) = of_record(record?);
            if repeats[document as usize / 64] >> (document % 64) & 1 == 1 {
                continue;
            }
            if !self.config.verify {
                if let Some(other) = bucket.chain(band, document) {
                    self.report.num_meetings += 1;
                    self.clusters.join(other, document);
                }
                continue;
            }
            let (sets, report) = (&self.sets, &mut self.report);
            let threshold = self.config.threshold;
            let len = sets.len(document);
            bucket.push(band, document, |other| {
                let other_len = sets.len(other);
                // The union is at least the larger set, what is shared at most the smaller.
                if (len.min(other_len) as f64) / (len.max(other_len) as f64) < threshold {
                    return Ok(());
                }
                let pair = u64::from(document.min(other)) << 32 | u64::from(document.max(other));
                // Pairs meet in many bands: a small filter spares the sorter some repeats.
                let slot = &mut just_met[low32(mix(pair)) as usize % JUST_MET];
                if *slot == pair {
                    return Ok(());
                }
                *slot = pair;
                report.num_meetings += 1;
                pairs.push(pair)
            })?;
        }
        self.report.num_left_out = bucket.left_out;
        Ok(())
    }
}
