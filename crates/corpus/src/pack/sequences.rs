//! From documents of tokens to sequences of one length, one after the other.

use super::best_fit::best_fit;
use super::concat::ConcatPacker;
use crate::error::CorpusError;
use std::collections::VecDeque;

/// How documents are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// In a row, cut wherever a sequence is full; see [`ConcatPacker`].
    Concat,
    /// Whole, each where it fits best, the rest filled up; see [`best_fit`].
    BestFit,
}

/// Which sequences are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceOptions {
    /// Tokens of a sequence.
    pub length: usize,
    /// How documents are put together.
    pub packing: Packing,
    /// What fills up sequences that have room left.
    pub pad: u32,
    /// Tokens of documents that are fitted together at a time: they are held in memory twice.
    pub window_tokens: usize,
}

impl SequenceOptions {
    /// Documents in a row; fitting holds 32 million tokens.
    pub fn new(length: usize) -> Self {
        Self { length, packing: Packing::Concat, pad: 0, window_tokens: 32 << 20 }
    }
}

/// What became of the documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequenceReport {
    /// Documents taken.
    pub documents: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Sequences made.
    pub sequences: u64,
    /// Places that were filled up.
    pub padding: u64,
    /// Documents that stand in more than one sequence.
    pub cut: u64,
    /// Tokens behind the last full sequence, which are in none.
    pub left_over: u64,
}

/// The sequences of `documents`, an iterator of their tokens, in an order that follows from the
/// documents alone. An error of theirs is handed on, and the next call goes on behind it.
#[derive(Debug)]
pub struct Sequences<I> {
    documents: I,
    options: SequenceOptions,
    concat: ConcatPacker,
    ready: VecDeque<Vec<u32>>,
    window: Vec<Vec<u32>>,
    ended: bool,
    report: SequenceReport,
}

impl<I> Sequences<I> {
    /// Begins with the first document.
    ///
    /// # Errors
    /// [`CorpusError::Config`] for a length of 0.
    pub fn new(documents: I, options: SequenceOptions) -> Result<Self, CorpusError> {
        if options.length == 0 {
            let (key, expected) = ("length", "at least 1");
            return Err(CorpusError::Config { key, found: 0.0, expected });
        }
        Ok(Self {
            documents,
            options,
            concat: ConcatPacker::new(options.length),
            ready: VecDeque::new(),
            window: Vec::new(),
            ended: false,
            report: SequenceReport::default(),
        })
    }

    /// What became of the documents so far.
    pub fn report(&self) -> SequenceReport {
        self.report
    }

    /// Puts one more document in the row.
    fn append(&mut self, tokens: &[u32]) {
        let length = self.options.length as u64;
        let place = self.report.tokens % length;
        self.report.cut += u64::from(place + tokens.len() as u64 > length);
        let (concat, ready) = (&mut self.concat, &mut self.ready);
        concat.push(tokens, |sequence| ready.push_back(sequence.to_vec()));
    }

    /// Fits the documents of the window together.
    fn fit(&mut self) {
        let length = self.options.length;
        let lengths: Vec<usize> = self.window.iter().map(Vec::len).collect();
        let plan = best_fit(&lengths, length).expect("the length was checked");
        let cost = plan.report();
        self.report.cut += cost.cut as u64;
        self.report.padding += cost.padding;
        for pieces in &plan.sequences {
            let mut sequence = Vec::with_capacity(length);
            for piece in pieces {
                sequence.extend(&self.window[piece.document][piece.start..][..piece.len]);
            }
            sequence.resize(length, self.options.pad);
            self.ready.push_back(sequence);
        }
        self.window.clear();
    }
}

impl<I: Iterator<Item = Result<Vec<u32>, E>>, E> Sequences<I> {
    /// Takes documents until there is a sequence, or none is left.
    fn fill(&mut self) -> Result<(), E> {
        let mut held: usize = self.window.iter().map(Vec::len).sum();
        while self.ready.is_empty() && !self.ended {
            let tokens = self.documents.next().transpose()?;
            self.ended = tokens.is_none();
            let tokens = tokens.unwrap_or_default();
            let count = tokens.len();
            self.report.documents += u64::from(!self.ended);
            match self.options.packing {
                Packing::Concat => self.append(&tokens),
                Packing::BestFit => {
                    held += count;
                    self.window.push(tokens);
                    if self.ended || held >= self.options.window_tokens {
                        self.fit();
                        held = 0;
                    }
                }
            }
            self.report.tokens += count as u64;
        }
        if self.ended && self.options.packing == Packing::Concat {
            self.report.left_over = self.report.tokens % self.options.length as u64;
        }
        Ok(())
    }
}

impl<I: Iterator<Item = Result<Vec<u32>, E>>, E> Iterator for Sequences<I> {
    type Item = Result<Vec<u32>, E>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.fill() {
            return Some(Err(error));
        }
        let sequence = self.ready.pop_front()?;
        self.report.sequences += 1;
        Some(Ok(sequence))
    }
}
