//! Taking documents.

use super::super::config::MinHashConfig;
use super::super::hash::mix;
use super::super::signer::Signer;
use super::super::sorter::Sorter;
use super::super::spill::Scratch;
use super::buckets::record;
use super::result::NearDuplicates;
use super::sets::{Sets, push_set};
use crate::error::CorpusError;
use catena_protocol::{Cancel, Progress};
use rayon::prelude::*;

/// Documents that one thread signs at a time.
const CHUNK: usize = 128;
/// Documents of a run are numbered in 32 bits.
const MAX_DOCUMENTS: u64 = u32::MAX as u64;

/// Finds near duplicates among any number of documents (below 2^32) in a bounded memory.
///
/// Memory: the budget of [`Scratch`] and about 30 bytes a document. Disk: 4 bytes for each
/// different shingle (in English about two thirds of the text's size), and per document 16 bytes
/// for each band.
pub struct NearDedup {
    pub(super) config: MinHashConfig,
    pub(super) scratch: Scratch,
    pub(super) pool: rayon::ThreadPool,
    pub(super) sets: Sets,
    /// Bands; see [`record`].
    pub(super) bands: Sorter<u128>,
    /// The upper 96 bits of a set's hash, then the document.
    pub(super) equals: Sorter<u128>,
    pub(super) num_empty: u64,
    signer: Signer,
}

/// What one thread made of its documents.
struct Signed {
    sets: Vec<u32>,
    lengths: Vec<u64>,
    bands: Vec<u128>,
    equals: Vec<u128>,
    num_empty: u64,
}

impl NearDedup {
    /// No documents yet.
    ///
    /// # Errors
    /// [`CorpusError::Config`]; [`CorpusError::Io`] if the folder cannot be written to;
    /// [`CorpusError::Threads`].
    pub fn new(config: &MinHashConfig, scratch: &Scratch) -> Result<Self, CorpusError> {
        config.check()?;
        let sorter = |parts, of| Sorter::new(&scratch.folder, scratch.memory_share(parts, of));
        Ok(Self {
            config: *config,
            scratch: scratch.clone(),
            pool: scratch.pool()?,
            sets: Sets::create(&scratch.folder)?,
            bands: sorter(5, 8),
            equals: sorter(1, 8),
            num_empty: 0,
            signer: Signer::new(config),
        })
    }

    /// Takes the next documents. A few thousand at a time keep all threads at work.
    ///
    /// # Errors
    /// [`CorpusError::TooManyDocuments`], [`CorpusError::SpillFull`], [`CorpusError::Io`],
    /// [`CorpusError::Interrupted`].
    pub fn add<T: AsRef<str> + Sync>(
        &mut self,
        texts: &[T],
        cancel: &Cancel,
    ) -> Result<(), CorpusError> {
        self.add_signed(texts, cancel, &|signer, text| {
            signer.sign(text.as_ref());
            0
        })
    }

    /// As [`Self::add`], of texts each with the number of its group: texts of different groups are
    /// never duplicates. Texts without one are of the group 0.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_in_groups<T: AsRef<str> + Sync>(
        &mut self,
        texts: &[(T, u64)],
        cancel: &Cancel,
    ) -> Result<(), CorpusError> {
        self.add_signed(texts, cancel, &|signer, (text, group)| {
            signer.sign(text.as_ref());
            *group
        })
    }

    /// As [`Self::add`], of documents that somebody else has cut into words.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_words<W: AsRef<str> + Sync>(
        &mut self,
        documents: &[Vec<W>],
        cancel: &Cancel,
    ) -> Result<(), CorpusError> {
        self.add_signed(documents, cancel, &|signer, words| {
            signer.sign_words(words.iter().map(AsRef::as_ref));
            0
        })
    }

    /// Finds the near duplicates.
    ///
    /// # Errors
    /// [`CorpusError::SpillFull`], [`CorpusError::Io`], [`CorpusError::Interrupted`].
    pub fn finish(
        self,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<NearDuplicates, CorpusError> {
        super::finish::finish(self, progress, cancel)
    }

    /// `sign` signs a document and tells its group.
    fn add_signed<D: Sync>(
        &mut self,
        documents: &[D],
        cancel: &Cancel,
        sign: &(impl Fn(&mut Signer, &D) -> u64 + Sync),
    ) -> Result<(), CorpusError> {
        let before = self.sets.count() as u64;
        if before + documents.len() as u64 > MAX_DOCUMENTS {
            return Err(CorpusError::TooManyDocuments { limit: MAX_DOCUMENTS });
        }
        let first = u32::try_from(before).expect("just compared");
        // Each round gives every thread some chunks, so that little waits to be written.
        let round = CHUNK * self.pool.current_num_threads() * 4;
        let numbers = (first..).step_by(round);
        for (documents, first) in documents.chunks(round).zip(numbers) {
            if cancel.is_cancelled() {
                return Err(CorpusError::Interrupted);
            }
            let signer = &self.signer;
            let by_numbers = self.config.compares_numbers();
            let (bands, equals) = (&mut self.bands, &mut self.equals);
            let (sets, num_empty) = (&mut self.sets, &mut self.num_empty);
            self.pool.install(|| {
                let signed: Vec<Signed> = documents
                    .par_chunks(CHUNK)
                    .enumerate()
                    .map(|(at, chunk)| {
                        let before = u32::try_from(at * CHUNK).expect("a round is small");
                        sign_chunk(&mut signer.clone(), chunk, first + before, by_numbers, sign)
                    })
                    .collect();
                signed.iter().try_for_each(|chunk| {
                    *num_empty += chunk.num_empty;
                    sets.append(&chunk.sets, &chunk.lengths)?;
                    bands.extend(&chunk.bands)?;
                    equals.extend(&chunk.equals)
                })
            })?;
        }
        Ok(())
    }
}

fn sign_chunk<D>(
    signer: &mut Signer,
    documents: &[D],
    first: u32,
    by_numbers: bool,
    sign: &impl Fn(&mut Signer, &D) -> u64,
) -> Signed {
    let mut signed = Signed {
        sets: Vec::new(),
        lengths: Vec::with_capacity(documents.len()),
        bands: Vec::new(),
        equals: Vec::with_capacity(documents.len()),
        num_empty: 0,
    };
    for (document, text) in (first..).zip(documents) {
        let group = sign(signer, text);
        let bands = signer.band_keys().map(|band| record(in_group(band, group), document));
        signed.bands.extend(bands);
        let numbers = signer.numbers();
        let set = signer.set();
        signed.lengths.push(push_set(&mut signed.sets, numbers, set));
        if set.is_empty() {
            signed.num_empty += 1;
        } else {
            let numbers = if by_numbers { numbers } else { 0 };
            signed.equals.push(equal_record(set, numbers ^ group, document));
        }
    }
    signed
}

/// The key of a band that only documents of `group` share.
fn in_group(band: u64, group: u64) -> u64 {
    if group == 0 { band } else { mix(band ^ mix(group)) }
}

/// 96 bits of hash over a set, its numbers and its group, then the document.
fn equal_record(set: &[u32], numbers: u64, document: u32) -> u128 {
    let start = [1, 2].map(|half| mix(numbers ^ mix(half + set.len() as u64)));
    let [low, high] = set.iter().fold(start, |[low, high], &shingle| {
        let low = mix(low ^ u64::from(shingle));
        [low, high.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ low]
    });
    let hash = u128::from(high) << 64 | u128::from(low);
    hash >> 32 << 32 | u128::from(document)
}
