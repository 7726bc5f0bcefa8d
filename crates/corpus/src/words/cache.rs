//! The splits of chunks seen before.

use super::word::Word;

/// Places in the table; a power of two.
const PLACES: usize = 1 << 16;
/// Places a chunk may lie in, side by side.
const WAYS: usize = 4;
/// Longest chunk kept, in bytes: longer ones seldom come back.
const LONGEST: usize = 64;
/// Bytes of a chunk kept in its place; the rest lies in an arena.
const INLINE: usize = 16;
/// Words of chunks with several words, and bytes of long chunks, kept before all is forgotten.
const ARENA: usize = 1 << 19;

/// A bounded table from chunks to their words.
pub(super) struct Cache {
    places: Vec<Place>,
    words: Vec<Word>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Place {
    /// First bytes of the chunk, padded with zeros.
    key: u128,
    /// The word, where there is only one.
    word: Word,
    /// Where the words lie in the arena, where there are several.
    words_at: u32,
    /// Where the bytes after the first lie in the arena.
    bytes_at: u32,
    /// Words of the chunk; 0 in an empty place.
    count: u8,
    length: u8,
}

const EMPTY_WORD: Word =
    Word { start: 0, end: 0, hash: 0, chars: 0, label: 0, flags: 0, symbol: 0 };
const EMPTY: Place =
    Place { key: 0, word: EMPTY_WORD, words_at: 0, bytes_at: 0, count: 0, length: 0 };

/// A chunk made ready for the table.
#[derive(Clone, Copy)]
pub(super) struct Key<'t> {
    first: u128,
    rest: &'t [u8],
    length: usize,
    place: usize,
    way: usize,
}

impl<'t> Key<'t> {
    /// The key of the chunk `start .. end` of a text, or none if it is too long to be kept.
    pub(super) fn new(text: &'t [u8], start: usize, end: usize) -> Option<Self> {
        let length = end - start;
        if length > LONGEST {
            return None;
        }
        let first = first_bytes(text, start, length);
        let rest = if length > INLINE { &text[start + INLINE..end] } else { &[] };
        let mut hash = fold(first, length as u64);
        for block in rest.chunks(INLINE) {
            hash = fold(first_bytes(block, 0, block.len()), hash);
        }
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
        let (place, way) = (hash as usize & (PLACES - WAYS), (hash >> 32) as usize % WAYS);
        Some(Self { first, rest, length, place, way })
    }
}

/// Up to sixteen bytes of a text, padded with zeros.
fn first_bytes(text: &[u8], start: usize, length: usize) -> u128 {
    if let Some(block) = text.get(start..start + INLINE)
        && let Ok(block) = <[u8; INLINE]>::try_from(block)
    {
        let bits = length.min(INLINE) * 8;
        return u128::from_le_bytes(block) & (u128::MAX >> (128 - bits));
    }
    let mut block = [0; INLINE];
    let end = text.len().min(start + length);
    block[..end - start].copy_from_slice(&text[start..end]);
    u128::from_le_bytes(block)
}

#[expect(clippy::cast_possible_truncation, reason = "halves of a wider number")]
fn fold(block: u128, seed: u64) -> u64 {
    let left = (block as u64) ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    let right = ((block >> 64) as u64) ^ 0xd6e8_feb8_6659_fd93;
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ ((product >> 64) as u64)
}

impl Cache {
    pub(super) fn new() -> Self {
        Self { places: vec![EMPTY; PLACES], words: Vec::new(), bytes: Vec::new() }
    }

    /// Appends the words of a chunk that begins at `start`; false if the chunk is unknown.
    #[inline]
    pub(super) fn replay(&self, key: &Key<'_>, start: u32, words: &mut Vec<Word>) -> bool {
        for place in &self.places[key.place..key.place + WAYS] {
            if place.key != key.first || usize::from(place.length) != key.length {
                continue;
            }
            if !key.rest.is_empty() {
                let at = place.bytes_at as usize;
                if &self.bytes[at..at + key.rest.len()] != key.rest {
                    continue;
                }
            }
            if place.count == 1 {
                words.push(shifted(&place.word, start));
            } else {
                let at = place.words_at as usize;
                let kept = &self.words[at..at + usize::from(place.count)];
                words.extend(kept.iter().map(|word| shifted(word, start)));
            }
            return true;
        }
        false
    }

    /// Keeps the words of a chunk, which begins at `start`.
    pub(super) fn insert(&mut self, key: &Key<'_>, start: u32, words: &[Word]) {
        if self.words.len() > ARENA || self.bytes.len() > ARENA {
            self.places.fill(EMPTY);
            self.words.clear();
            self.bytes.clear();
        }
        let (Ok(count), Ok(length)) = (u8::try_from(words.len()), u8::try_from(key.length)) else {
            return;
        };
        let relative =
            |word: &Word| Word { start: word.start - start, end: word.end - start, ..*word };
        let Some(first) = words.first() else { return };
        let ways = &mut self.places[key.place..key.place + WAYS];
        let way = ways.iter().position(|place| place.count == 0).unwrap_or(key.way);
        #[expect(clippy::cast_possible_truncation, reason = "arenas are bounded")]
        let (words_at, bytes_at) = (self.words.len() as u32, self.bytes.len() as u32);
        ways[way] =
            Place { key: key.first, word: relative(first), words_at, bytes_at, count, length };
        if count > 1 {
            self.words.extend(words.iter().map(relative));
        }
        self.bytes.extend_from_slice(key.rest);
    }
}

fn shifted(word: &Word, by: u32) -> Word {
    Word { start: word.start + by, end: word.end + by, ..*word }
}
