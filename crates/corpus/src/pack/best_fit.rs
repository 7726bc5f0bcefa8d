//! Sequences of whole documents.

use crate::error::CorpusError;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

/// A part of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Number of the document.
    pub document: usize,
    /// Its first token in the document.
    pub start: usize,
    /// Its tokens.
    pub len: usize,
}

/// Which pieces make each sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackPlan {
    /// The pieces of each sequence.
    pub sequences: Vec<Vec<Piece>>,
    /// Tokens that a sequence holds.
    pub capacity: usize,
}

/// What packing costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PackReport {
    /// Sequences.
    pub sequences: usize,
    /// Tokens in them.
    pub tokens: u64,
    /// Places left empty.
    pub padding: u64,
    /// `padding` by all places.
    pub waste: f64,
    /// Documents longer than a sequence, which had to be cut.
    pub cut: usize,
}

/// Packs documents of these lengths into as few sequences of `capacity` as the best-fit-decreasing
/// rule finds: the longest piece first, each into the fullest sequence that still holds it.
///
/// No document that fits in a sequence is cut; a longer one is cut into full sequences and a rest,
/// which is packed like any other. Empty documents are left out.
///
/// # Errors
/// [`CorpusError::Config`] for a capacity of 0.
///
/// # Source
/// Johnson 1973: at most 11/9 of the fewest sequences and a little; Ding et al. 2024, Fewer
/// truncations improve language modeling, arXiv:2404.10830.
pub fn best_fit(lengths: &[usize], capacity: usize) -> Result<PackPlan, CorpusError> {
    if capacity == 0 {
        let (key, expected) = ("capacity", "at least 1");
        return Err(CorpusError::Config { key, found: 0.0, expected });
    }
    let mut sequences: Vec<Vec<Piece>> = Vec::new();
    let mut rests: Vec<Piece> = Vec::new();
    for (document, &length) in lengths.iter().enumerate() {
        let rest = length % capacity;
        let full = (0..length - rest).step_by(capacity);
        sequences.extend(full.map(|start| vec![Piece { document, start, len: capacity }]));
        if rest > 0 {
            rests.push(Piece { document, start: length - rest, len: rest });
        }
    }
    rests.sort_by_key(|piece| (Reverse(piece.len), piece.document));
    // Sequences by the room that is left in them.
    let mut open: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for piece in rests {
        let fits = open.range(piece.len..).next().map(|(&room, _)| room);
        let (room, sequence) = if let Some(room) = fits {
            let same = open.get_mut(&room).expect("the room was just found");
            let sequence = same.pop().expect("no room is kept without a sequence");
            if same.is_empty() {
                open.remove(&room);
            }
            (room, sequence)
        } else {
            sequences.push(Vec::new());
            (capacity, sequences.len() - 1)
        };
        sequences[sequence].push(piece);
        if room > piece.len {
            open.entry(room - piece.len).or_default().push(sequence);
        }
    }
    Ok(PackPlan { sequences, capacity })
}

impl PackPlan {
    /// What packing costs.
    pub fn report(&self) -> PackReport {
        let pieces = || self.sequences.iter().flatten();
        let tokens: u64 = pieces().map(|piece| piece.len as u64).sum();
        let places = self.sequences.len() as u64 * self.capacity as u64;
        let padding = places - tokens;
        // Whatever is cut has one piece that begins after the first full sequence.
        let cut = pieces().filter(|piece| piece.start == self.capacity).count();
        let waste = padding as f64 / places.max(1) as f64;
        PackReport { sequences: self.sequences.len(), tokens, padding, waste, cut }
    }
}

impl fmt::Display for PackReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequences, tokens, padding, waste, cut } = self;
        let waste = 100.0 * waste;
        write!(
            f,
            "{tokens} tokens in {sequences} sequences, {padding} places empty ({waste:.2}%), \
             {cut} documents cut"
        )
    }
}
