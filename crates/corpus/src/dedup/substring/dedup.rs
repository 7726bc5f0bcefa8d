//! From texts to repeated spans.

use super::super::first::LOOK_EVERY;
use super::super::sorter::{Sorted, Sorter};
use super::super::spill::{Scratch, SpillFile};
use super::blocks::{Block, Region};
use super::sample::Sampler;
use super::spans::RepeatedSpans;
use crate::error::CorpusError;
use catena_protocol::{Cancel, Progress};
use std::ops::Range;

/// Bytes of memory for each byte of a block: itself, its suffix and a bit.
const BLOCK_FACTOR: usize = 6;
/// The longest block: suffixes are numbered in 31 bits.
const MAX_BLOCK: usize = 1 << 30;

/// Finds the spans of at least so many bytes that occurred earlier, in the same or another
/// document.
///
/// Each place of a text whose next `least_bytes` bytes stand earlier in the corpus is the start
/// of a repeated run; the union of the runs is what is returned. The first occurrence stays. (The
/// tool of Lee et al. also returns the first occurrence and leaves the choice to its user.)
///
/// Memory: the budget and 8 bytes a document, plus the result. Disk: a copy of the texts and
/// about `64 / least_bytes` times as much again for samples.
///
/// # Source
/// Lee et al. 2021, arXiv:2107.06499, where `least_bytes` is 100 (50 tokens of two bytes).
pub struct SubstringDedup {
    least_bytes: usize,
    scratch: Scratch,
    pool: rayon::ThreadPool,
    sampler: Sampler,
    texts: SpillFile,
    /// Where each document ends in the file.
    ends: Vec<u64>,
    /// Hash, then place.
    samples: Sorter<u128>,
}

impl SubstringDedup {
    /// Whether spans may count from `least_bytes` on.
    ///
    /// # Errors
    /// [`CorpusError::Config`] if `least_bytes` is not from 8 to 65,536.
    pub fn check(least_bytes: usize) -> Result<(), CorpusError> {
        if (8..=1 << 16).contains(&least_bytes) {
            return Ok(());
        }
        let (key, found) = ("substring_bytes", least_bytes as f64);
        Err(CorpusError::Config { key, found, expected: "from 8 to 65,536" })
    }

    /// No documents yet; spans count from `least_bytes` on.
    ///
    /// # Errors
    /// Those of [`Self::check`]; [`CorpusError::Io`] if the folder cannot be written to;
    /// [`CorpusError::Threads`].
    pub fn new(least_bytes: usize, scratch: &Scratch) -> Result<Self, CorpusError> {
        Self::check(least_bytes)?;
        Ok(Self {
            least_bytes,
            scratch: scratch.clone(),
            pool: scratch.pool()?,
            sampler: Sampler::new(least_bytes),
            texts: SpillFile::create(&scratch.folder)?,
            ends: Vec::new(),
            samples: Sorter::new(&scratch.folder, scratch.memory_share(3, 4)),
        })
    }

    /// Takes the next document.
    ///
    /// # Errors
    /// [`CorpusError::SpillFull`], [`CorpusError::Io`].
    pub fn add(&mut self, text: &str) -> Result<(), CorpusError> {
        let start = self.texts.len();
        self.texts.append(text.as_bytes())?;
        self.ends.push(self.texts.len());
        let (samples, sampler) = (&mut self.samples, &mut self.sampler);
        self.pool.install(|| {
            sampler.sample(text.as_bytes(), |hash, place| {
                samples.push(u128::from(hash) << 64 | u128::from(start + place as u64))
            })
        })
    }

    /// Finds the repeated spans.
    ///
    /// # Errors
    /// [`CorpusError::SpillFull`], [`CorpusError::Io`], [`CorpusError::Memory`],
    /// [`CorpusError::Interrupted`].
    pub fn finish(
        self,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<RepeatedSpans, CorpusError> {
        let Self { least_bytes, scratch, pool, sampler, texts, ends, samples } = self;
        progress.begin("looking for repeated spans", Some(texts.len()), "bytes");
        let found = pool.install(|| {
            let places = repeated_places(samples, &scratch, cancel)?;
            let memory = scratch.memory_share(3, 4);
            let block_bytes = (memory / BLOCK_FACTOR).clamp(1 << 16, MAX_BLOCK);
            let reach = sampler.reach();
            let work = Work { least_bytes, reach, block_bytes, texts: &texts, ends: &ends };
            work.run(places, progress, cancel)
        });
        progress.end();
        found
    }
}

/// The places, in order, of samples that occur twice or more.
fn repeated_places(
    samples: Sorter<u128>,
    scratch: &Scratch,
    cancel: &Cancel,
) -> Result<Sorted<u64>, CorpusError> {
    let mut places = Sorter::new(&scratch.folder, scratch.memory_share(1, 4));
    let place = |sample: u128| u64::try_from(sample & u128::from(u64::MAX)).expect("64 bits");
    let mut before: Option<(u128, bool)> = None;
    for (at, sample) in (0_u64..).zip(samples.finish()?) {
        if at % LOOK_EVERY == 0 && cancel.is_cancelled() {
            return Err(CorpusError::Interrupted);
        }
        let sample = sample?;
        let mut taken = false;
        if let Some((other, other_taken)) = before
            && other >> 64 == sample >> 64
        {
            if !other_taken {
                places.push(place(other))?;
            }
            places.push(place(sample))?;
            taken = true;
        }
        before = Some((sample, taken));
    }
    places.finish()
}

/// What the last step needs.
struct Work<'a> {
    least_bytes: usize,
    reach: usize,
    block_bytes: usize,
    texts: &'a SpillFile,
    ends: &'a [u64],
}

impl Work<'_> {
    fn run(
        &self,
        places: Sorted<u64>,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<RepeatedSpans, CorpusError> {
        let mut found = RepeatedSpans::default();
        found.report.num_documents = self.ends.len() as u64;
        found.report.num_bytes = self.texts.len();
        let mut block = Block::default();
        let mut region: Option<Region> = None;
        for place in places {
            let next = self.region_around(place?);
            match &mut region {
                Some(open)
                    if open.document == next.document && open.range.end >= next.range.start =>
                {
                    open.range.end = next.range.end;
                }
                other => {
                    if let Some(done) = other.replace(next) {
                        self.take(done, &mut block, &mut found, progress, cancel)?;
                    }
                }
            }
        }
        if let Some(done) = region {
            self.take(done, &mut block, &mut found, progress, cancel)?;
        }
        self.close(&mut block, &mut found)?;
        found.ends.resize(self.ends.len(), found.spans.len());
        Ok(found)
    }

    /// All that a span with the sample at `place` can reach.
    fn region_around(&self, place: u64) -> Region {
        let document = self.ends.partition_point(|&end| end <= place);
        let bounds = self.bounds(document);
        let len = usize::try_from(bounds.end - bounds.start).expect("it was in memory once");
        let at = usize::try_from(place - bounds.start).expect("within the document");
        let range = at.saturating_sub(self.reach)..(at + self.least_bytes).min(len);
        Region { document, range }
    }

    fn bounds(&self, document: usize) -> Range<u64> {
        let start = if document == 0 { 0 } else { self.ends[document - 1] };
        start..self.ends[document]
    }

    /// Adds a region to the block; a full block is looked through first, and a region larger than
    /// a block is cut.
    fn take(
        &self,
        region: Region,
        block: &mut Block,
        found: &mut RepeatedSpans,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<(), CorpusError> {
        let document_start = self.bounds(region.document).start;
        let mut range = region.range;
        while !range.is_empty() {
            if cancel.is_cancelled() {
                return Err(CorpusError::Interrupted);
            }
            let len = range.len().min(self.block_bytes);
            if block.len() + len > self.block_bytes && block.len() > 0 {
                self.close(block, found)?;
            }
            let part = range.start..range.start + len;
            let offset = document_start + part.start as u64;
            found.report.num_candidate_bytes += len as u64;
            range.start = part.end;
            let region = Region { document: region.document, range: part };
            block.push(region, |bytes| self.texts.read_at(offset, bytes))?;
            progress.update(offset + len as u64);
        }
        Ok(())
    }

    /// Looks through a block and empties it.
    fn close(&self, block: &mut Block, found: &mut RepeatedSpans) -> Result<(), CorpusError> {
        if block.len() == 0 {
            return Ok(());
        }
        found.report.num_blocks += 1;
        let RepeatedSpans { spans, ends, report } = found;
        block.repeats(self.least_bytes, |document, span| {
            ends.resize(document, spans.len());
            report.num_repeated_bytes += span.len() as u64;
            spans.push(span);
        })?;
        *block = Block::default();
        Ok(())
    }
}
