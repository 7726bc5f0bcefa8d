//! N-grams of growing length, counted only where they can repeat.
//!
//! An n-gram can occur twice only if its first and its last (n-1)-gram do, so after the pairs have
//! been counted few places are left to look at.

use super::layout::Piece;
use super::sieve::Sieve;
use super::table::CountTable;
use crate::text_hash::mix;

/// One place where an n-gram starts that stands more than once in the text.
#[derive(Clone, Copy)]
struct Place {
    key: u64,
    slot: u32,
    /// Index of its first word.
    at: u32,
}

/// The n-gram that occurs most often; of several, the one that comes first.
#[derive(Clone, Copy)]
pub(super) struct Top {
    pub(super) count: u32,
    /// Index of the first word of its first occurrence.
    pub(super) first: u32,
}

/// An n-gram that stands more than once in the text, at one of its places.
#[derive(Clone, Copy)]
pub(super) struct Repeat {
    /// Index of its first word.
    pub(super) at: usize,
    /// Whether it did not stand earlier.
    pub(super) is_first: bool,
    /// How often it stands in the text.
    pub(super) count: u32,
}

/// The n-grams of one length that repeat.
#[derive(Default)]
pub(super) struct Chain {
    /// Words of an n-gram; 0 before [`Chain::start`].
    n: usize,
    places: Vec<Place>,
    sieve: Sieve,
    table: CountTable,
    top: Option<Top>,
}

impl Chain {
    /// Counts the pairs of `words`.
    pub(super) fn start<W: Piece>(&mut self, words: &[W]) {
        self.n = 2;
        let key = |one: &W, other: &W| mix(one.hash(), other.hash());
        // Most pairs stand once. What starts and ends with pairs that do not, seldom does.
        let left = self.sieve.repeated(words.windows(2).map(|pair| key(&pair[0], &pair[1])));
        self.places.clear();
        self.places.extend(left.iter().map(|&at| {
            let pair = &words[at as usize..at as usize + 2];
            Place { key: key(&pair[0], &pair[1]), slot: 0, at }
        }));
        self.count();
    }

    /// Goes from n-grams to (n+1)-grams.
    pub(super) fn grow<W: Piece>(&mut self, words: &[W]) {
        let mut kept = 0;
        for index in 1..self.places.len() {
            let [place, next] = [self.places[index - 1], self.places[index]];
            // Where an n-gram follows, its last word does; else any word will do.
            let last = &words[next.at as usize + self.n - 1];
            self.places[kept] = Place { key: mix(place.key, last.hash()), ..place };
            kept += usize::from(next.at == place.at + 1);
        }
        self.places.truncate(kept);
        self.n += 1;
        self.count();
    }

    /// The most frequent n-gram, if one repeats.
    pub(super) fn top(&self) -> Option<Top> {
        self.top
    }

    /// The places of n-grams that repeat, in their order.
    pub(super) fn repeats(&self) -> impl Iterator<Item = Repeat> + '_ {
        self.places.iter().map(|place| {
            let slot = self.table.slot(place.slot as usize);
            Repeat { at: place.at as usize, is_first: slot.first == place.at, count: slot.count }
        })
    }

    /// Frees the memory that one huge text left behind.
    pub(super) fn shrink(&mut self, entries: usize) {
        self.sieve.shrink(entries);
        self.table.shrink(entries);
        self.places = Vec::new();
    }

    #[expect(clippy::cast_possible_truncation, reason = "a table has at most 2^32 slots")]
    fn count(&mut self) {
        self.table.reset(self.places.len());
        let mut top = 0;
        for place in &mut self.places {
            let slot = self.table.add(place.key, place.at);
            place.slot = slot as u32;
            let slot = self.table.slot(slot);
            // The greatest count, and of equal ones the first place.
            top = top.max(u64::from(slot.count) << 32 | u64::from(!slot.first));
        }
        let mut kept = 0;
        for index in 0..self.places.len() {
            let place = self.places[index];
            self.places[kept] = place;
            kept += usize::from(self.table.slot(place.slot as usize).count > 1);
        }
        self.places.truncate(kept);
        self.top = (kept > 0).then_some(Top { count: (top >> 32) as u32, first: !(top as u32) });
    }
}
