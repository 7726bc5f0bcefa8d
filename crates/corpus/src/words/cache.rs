//! The splits of chunks seen before.

use super::word::Word;
use crate::text_hash::{HEAD, hash_head, hash_span, head};

/// Places in the table; a power of two.
const PLACES: usize = 1 << 16;
/// Places a chunk may lie in, side by side.
const WAYS: usize = 4;
const SETS: usize = PLACES / WAYS;
/// Longest chunk kept, in bytes: longer ones seldom come back.
const LONGEST: usize = 64;
/// Chunks that are remembered to have come once, at most; a power of two.
const SEEN: usize = 1 << 18;
/// Words of a chunk kept in its place: one, and a mark before or behind.
const FEW: usize = 2;
/// Words of chunks with more words, and bytes of long chunks, kept before all is forgotten.
const ARENA: usize = 1 << 19;

/// A bounded table from chunks to their words.
pub(super) struct Cache {
    /// For each place some bits of its chunk's hash, never 0 unless it is empty: small enough to
    /// lie near the core, so that only the right place is fetched from afar.
    tags: Vec<[u16; WAYS]>,
    places: Vec<Place>,
    words: Vec<KeptWord>,
    bytes: Vec<u8>,
    /// Marks the hashes of chunks that were unknown once.
    seen: Vec<u64>,
    /// Marks set since all were taken away.
    num_seen: usize,
}

/// A word of a chunk of at most [`LONGEST`] bytes.
#[derive(Clone, Copy, Default)]
struct KeptWord {
    hash: u64,
    symbol: u16,
    start: u8,
    end: u8,
    chars: u8,
    label: u8,
    flags: u8,
}

impl KeptWord {
    /// `word` as it stands in a chunk that begins at `start`.
    fn new(word: &Word, start: u32) -> Self {
        let small = |number: u32| u8::try_from(number).expect("chunks are at most LONGEST bytes");
        let Word { hash, symbol, label, flags, .. } = *word;
        let (from, to) = (small(word.start - start), small(word.end - start));
        Self { hash, symbol, start: from, end: to, chars: small(word.chars), label, flags }
    }

    /// The word where its chunk begins at `start`.
    #[inline]
    fn at(&self, start: u32) -> Word {
        Word {
            start: start + u32::from(self.start),
            end: start + u32::from(self.end),
            hash: self.hash,
            chars: u32::from(self.chars),
            label: self.label,
            flags: self.flags,
            symbol: self.symbol,
        }
    }
}

/// As large as what memory gives at once, and aligned to it.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Place {
    /// First bytes of the chunk, padded with zeros; the rest lies in an arena.
    key: [u64; 2],
    /// The words, where there are few.
    words: [KeptWord; FEW],
    /// Where the words lie in the arena, where there are more.
    words_at: u32,
    /// Where the bytes after the first lie in the arena.
    bytes_at: u32,
    /// Words of the chunk; 0 in an empty place.
    count: u8,
    length: u8,
}

/// A chunk made ready for the table.
#[derive(Clone, Copy, Default)]
pub(super) struct Key {
    first: [u64; 2],
    /// Which places it may lie in.
    set: u32,
    tag: u16,
    length: u8,
    /// The place that it takes if none is empty.
    way: u8,
    /// Its mark among the chunks seen.
    mark: u32,
}

impl Key {
    /// The key of the chunk `start .. end` of a text, or none if it is too long to be kept.
    #[inline]
    pub(super) fn new(text: &[u8], start: usize, end: usize) -> Option<Self> {
        let length = end - start;
        if length > LONGEST {
            return None;
        }
        let first = head(text, start, end);
        let hash =
            if length <= HEAD { hash_head(first, length) } else { hash_span(text, start, end) };
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
        let (set, tag, way) =
            (hash as u32 % SETS as u32, (hash >> 40) as u16 | 1, (hash >> 32) as u8 % WAYS as u8);
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
        let mark = (hash >> 16) as u32 % SEEN as u32;
        #[expect(clippy::cast_possible_truncation, reason = "it is at most LONGEST")]
        Some(Self { first, set, tag, length: length as u8, way, mark })
    }

    /// The bytes of its chunk that the key itself does not hold.
    #[inline]
    pub(super) fn rest<'t>(&self, text: &'t [u8], start: usize, end: usize) -> &'t [u8] {
        if usize::from(self.length) > HEAD { &text[start + HEAD..end] } else { &[] }
    }
}

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            tags: vec![[0; WAYS]; SETS],
            places: vec![Place::default(); PLACES],
            words: Vec::new(),
            bytes: Vec::new(),
            seen: vec![0; SEEN / 64],
            num_seen: 0,
        }
    }

    /// The first place whose tag is the chunk's, and nearly always the chunk's own; some place if
    /// none is.
    #[inline]
    fn find(&self, key: &Key) -> &Place {
        const ONES: u64 = 0x0001_0001_0001_0001;
        const TOPS: u64 = ONES << 15;
        let set = key.set as usize;
        let tags = self.tags[set].iter().rev().fold(0, |tags, &tag| tags << 16 | u64::from(tag));
        let other = tags ^ (ONES * u64::from(key.tag));
        // The top bit of each tag that is the same; tags after the first are not sure.
        let same = other.wrapping_sub(ONES) & !other & TOPS;
        &self.places[set * WAYS + same.trailing_zeros() as usize / 16 % WAYS]
    }

    /// Asks for the place of a chunk, which will be looked at soon.
    #[inline]
    pub(super) fn prefetch(&self, key: &Key) {
        prefetch(self.find(key));
    }

    /// Appends the words of a chunk that begins at `start`; false if the chunk is unknown. `rest`
    /// is [`Key::rest`].
    #[inline]
    pub(super) fn replay(&self, key: &Key, rest: &[u8], start: u32, words: &mut Vec<Word>) -> bool {
        let place = self.find(key);
        if place.key != key.first || place.length != key.length {
            return false;
        }
        if !rest.is_empty() {
            let at = place.bytes_at as usize;
            if &self.bytes[at..at + rest.len()] != rest {
                return false;
            }
        }
        let count = usize::from(place.count);
        if count <= FEW {
            // All places are copied, lest the processor guess how many there are.
            let known = words.len();
            words.extend_from_slice(&place.words.map(|word| word.at(start)));
            words.truncate(known + count);
        } else {
            let at = place.words_at as usize;
            words.extend(self.words[at..at + count].iter().map(|word| word.at(start)));
        }
        true
    }

    /// Whether a chunk was unknown before, as far as is remembered; it is from now on. Most
    /// chunks of a corpus come once, and would only take the places of others.
    #[inline]
    pub(super) fn comes_again(&mut self, key: &Key) -> bool {
        let (word, bit) = (key.mark as usize / 64, 1 << (key.mark % 64));
        let was_seen = self.seen[word] & bit != 0;
        self.seen[word] |= bit;
        self.num_seen += usize::from(!was_seen);
        if self.num_seen > SEEN / 4 {
            self.seen.fill(0);
            self.num_seen = 0;
        }
        was_seen
    }

    /// Keeps the words of a chunk, which begins at `start`.
    pub(super) fn insert(&mut self, key: &Key, rest: &[u8], start: u32, words: &[Word]) {
        if self.words.len() > ARENA || self.bytes.len() > ARENA {
            self.tags.fill([0; WAYS]);
            self.places.fill(Place::default());
            self.words.clear();
            self.bytes.clear();
        }
        let Ok(count) = u8::try_from(words.len()) else { return };
        if words.is_empty() {
            return;
        }
        let set = key.set as usize;
        // A chunk with the same tag is found first and so hides this one; it goes.
        let tags = self.tags[set];
        let taken =
            [key.tag, 0].iter().find_map(|wanted| tags.iter().position(|tag| tag == wanted));
        let way = taken.unwrap_or(usize::from(key.way));
        #[expect(clippy::cast_possible_truncation, reason = "arenas are bounded")]
        let (words_at, bytes_at) = (self.words.len() as u32, self.bytes.len() as u32);
        self.tags[set][way] = key.tag;
        let mut kept = words.iter().map(|word| KeptWord::new(word, start));
        let mut few = [KeptWord::default(); FEW];
        if words.len() <= FEW {
            few.iter_mut().zip(kept).for_each(|(place, word)| *place = word);
        } else {
            self.words.extend(kept.by_ref());
        }
        self.bytes.extend_from_slice(rest);
        let (key, length) = (key.first, key.length);
        self.places[set * WAYS + way] =
            Place { key, words: few, words_at, bytes_at, count, length };
    }
}

/// Asks for the memory of `place` ahead of its use, where the machine can be asked.
#[inline]
fn prefetch(place: &Place) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching reads nothing, whatever the address; SSE is part of x86-64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
