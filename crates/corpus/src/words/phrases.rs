//! Sequences of words that spell an exception, as they arise from affixes around it.
//!
//! `(e.g.,` is peeled to `e.g`, `.` and `,` before anyone sees the abbreviation in it; so where
//! the words of a text are those an exception would be peeled to, the exception's own split
//! takes their place.

use ahash::{HashMap, RandomState};

use super::exceptions::Exceptions;
use super::sentences::is_space_between;
use super::split::{Ends, split_chunk};
use super::word::{Word, describe};
use crate::text_filter::TextFilter;

/// A trie over the words that exceptions are peeled to.
pub(super) struct Phrases {
    /// A number from 1 for each word in a sequence.
    symbols: HashMap<Box<str>, u16>,
    filter: TextFilter,
    /// The node reached from a node (high half) by a symbol (low half); node 0 is the root.
    edges: HashMap<u32, u16>,
    /// For each symbol, the node reached from the root, 0 for none.
    roots: Vec<u16>,
    /// Whether a sequence ends at a node.
    ends: Vec<bool>,
    matches: Vec<Match>,
    seen: Vec<bool>,
    rewritten: Vec<Word>,
}

/// Words `start .. end` of a text.
#[derive(Debug, Clone, Copy)]
struct Match {
    start: usize,
    end: usize,
}

impl Phrases {
    /// The sequences of all exceptions that affixes or infixes would cut.
    pub(super) fn new(exceptions: &Exceptions) -> Self {
        let hasher = || RandomState::with_seeds(5, 6, 7, 8);
        let mut all = Self {
            symbols: HashMap::with_hasher(hasher()),
            filter: TextFilter::new(std::iter::empty()),
            edges: HashMap::with_hasher(hasher()),
            roots: vec![0],
            ends: vec![false],
            matches: Vec::new(),
            seen: Vec::new(),
            rewritten: Vec::new(),
        };
        let mut ends = Ends::default();
        for text in exceptions.texts() {
            split_chunk(text, None, None, &mut ends);
            // A sequence of one word is the exception itself, and has been split already.
            if let ends @ [_, _, ..] = ends.offsets() {
                all.add(text, ends);
            }
        }
        all.filter = TextFilter::new(all.symbols.keys().map(AsRef::as_ref));
        all
    }

    fn add(&mut self, text: &str, ends: &[u32]) {
        let mut node = 0u16;
        let mut start = 0;
        for end in ends {
            let part = &text[start..*end as usize];
            start = *end as usize;
            let next_symbol = count(self.symbols.len() + 1);
            let symbol = *self.symbols.entry(part.into()).or_insert(next_symbol);
            let next_node = count(self.ends.len());
            let reached = *self.edges.entry(edge(node, symbol)).or_insert(next_node);
            if reached == next_node {
                self.ends.push(false);
            }
            self.roots.resize(self.symbols.len() + 1, 0);
            if node == 0 {
                self.roots[usize::from(symbol)] = reached;
            }
            node = reached;
        }
        self.ends[usize::from(node)] = true;
    }

    /// The number of the word in sequences, 0 if it is in none.
    pub(super) fn symbol(&self, text: &str) -> u16 {
        if self.filter.may_hold(text) { self.symbols.get(text).copied().unwrap_or(0) } else { 0 }
    }

    /// Replaces the sequences that spell an exception by its split.
    ///
    /// Of sequences that overlap, the longest counts, then the first; a space within one does not
    /// keep it from counting, only from being replaced.
    pub(super) fn apply(
        &mut self,
        text: &str,
        words: &mut Vec<Word>,
        exceptions: &Exceptions,
        label: fn(&str) -> u8,
    ) {
        self.find(text, words);
        if self.matches.is_empty() {
            return;
        }
        self.choose(words.len());
        self.rewritten.clear();
        let mut next = 0;
        for chosen in &self.matches {
            self.rewritten.extend_from_slice(&words[next..chosen.start]);
            next = chosen.start;
            let (start, end) = (words[chosen.start].start, words[chosen.end - 1].end);
            let Some(parts) = exceptions.get(&text[start as usize..end as usize]) else { continue };
            let mut at = start;
            for length in parts {
                let part = &text[at as usize..at as usize + usize::from(*length)];
                let (from, to) = (at as usize, at as usize + part.len());
                self.rewritten.push(describe(text, from, to, None, self.symbol(part), label(part)));
                at += u32::from(*length);
            }
            next = chosen.end;
        }
        self.rewritten.extend_from_slice(&words[next..]);
        std::mem::swap(words, &mut self.rewritten);
    }

    fn find(&mut self, text: &str, words: &[Word]) {
        self.matches.clear();
        for (start, pair) in words.windows(2).enumerate() {
            // A sequence has two words at least.
            if pair[0].symbol.min(pair[1].symbol) == 0 {
                continue;
            }
            let mut node = self.roots[usize::from(words[start].symbol)];
            let mut end = start + 1;
            while node != 0 {
                if self.ends[usize::from(node)] {
                    self.matches.push(Match { start, end });
                }
                if end == words.len()
                    || words[end].symbol == 0
                    || is_space_between(text, words[end - 1].end, words[end].start)
                {
                    break;
                }
                node = self.edges.get(&edge(node, words[end].symbol)).copied().unwrap_or(0);
                end += 1;
            }
        }
    }

    /// Keeps the matches whose ends no better one has touched, in order.
    fn choose(&mut self, words: usize) {
        if self.matches.len() == 1 {
            return;
        }
        self.seen.clear();
        self.seen.resize(words, false);
        self.matches.sort_unstable_by_key(|found| {
            (std::cmp::Reverse(found.end - found.start), found.start)
        });
        let seen = &mut self.seen;
        self.matches.retain(|found| {
            let free = !seen[found.start] && !seen[found.end - 1];
            seen[found.start..found.end].fill(true);
            free
        });
        self.matches.sort_unstable_by_key(|found| found.start);
    }
}

fn edge(node: u16, symbol: u16) -> u32 {
    (u32::from(node) << 16) | u32::from(symbol)
}

fn count(number: usize) -> u16 {
    u16::try_from(number).expect("there are some hundred exceptions")
}
