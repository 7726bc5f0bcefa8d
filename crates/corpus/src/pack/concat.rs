//! Sequences of one length, cut from documents in a row.

/// Puts documents in a row and cuts it into sequences of one length; what is left of a document
/// begins the next sequence.
///
/// Nothing is wasted but the last, unfinished sequence; documents are cut wherever a sequence
/// ends. [`super::best_fit`] cuts none that fits.
#[derive(Clone, Debug)]
pub struct ConcatPacker {
    length: usize,
    carry: Vec<u32>,
}

impl ConcatPacker {
    /// Sequences of `length` tokens.
    ///
    /// # Panics
    /// If the length is 0: a caller's bug.
    pub fn new(length: usize) -> Self {
        assert!(length > 0, "sequences of {length} tokens");
        Self { length, carry: Vec::with_capacity(length) }
    }

    /// Adds a document, its end included, and hands each sequence that is full to `emit`.
    pub fn push(&mut self, mut tokens: &[u32], mut emit: impl FnMut(&[u32])) {
        if !self.carry.is_empty() {
            let (first, rest) = tokens.split_at(tokens.len().min(self.length - self.carry.len()));
            self.carry.extend_from_slice(first);
            tokens = rest;
            if self.carry.len() < self.length {
                return;
            }
            emit(&self.carry);
            self.carry.clear();
        }
        let mut full = tokens.chunks_exact(self.length);
        full.by_ref().for_each(emit);
        self.carry.extend_from_slice(full.remainder());
    }

    /// The tokens of the last sequence, which is not full.
    pub fn rest(self) -> Vec<u32> {
        self.carry
    }
}
