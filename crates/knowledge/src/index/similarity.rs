//! Similarity of a query, however long, with every chunk.

use super::fuse::sort_best_first;
use crate::embedder::Embedder;
use crate::sentence::sentences;

/// Cosines of each window of a query (rows, at least one) with each chunk.
pub(super) struct Similarity {
    rows: Vec<Vec<f32>>,
}

impl Similarity {
    /// From one row of cosines per window.
    pub(super) fn new(rows: Vec<Vec<f32>>) -> Self {
        Self { rows }
    }

    /// All chunks by the mean over the windows, best first.
    pub(super) fn chunks(&self) -> Vec<(usize, f32)> {
        mean_of_rows(self.rows.iter().cloned())
    }

    /// All documents, best first, by the mean over the windows of the best chunk for each.
    ///
    /// `document_of` gives the document's number for each chunk.
    ///
    /// # Source
    /// Khattab and Zaharia 2020, ColBERT, arXiv:2004.12832: late interaction. Our units are
    /// windows and chunks where theirs are tokens.
    pub(super) fn documents(&self, document_of: &[usize]) -> Vec<(usize, f32)> {
        let num_documents = document_of.iter().max().map_or(0, |&last| last + 1);
        mean_of_rows(self.rows.iter().map(|row| {
            let mut best = vec![f32::NEG_INFINITY; num_documents];
            for (&document, &score) in document_of.iter().zip(row) {
                best[document] = best[document].max(score);
            }
            best
        }))
    }
}

/// The mean of equally long rows, as a ranking.
fn mean_of_rows(rows: impl ExactSizeIterator<Item = Vec<f32>>) -> Vec<(usize, f32)> {
    let share = 1.0 / rows.len() as f32;
    let sum = rows.reduce(|mut sum, row| {
        sum.iter_mut().zip(row).for_each(|(a, b)| *a += b);
        sum
    });
    let means = sum.unwrap_or_default().into_iter().map(|total| total * share);
    let mut ranked: Vec<(usize, f32)> = means.enumerate().collect();
    sort_best_first(&mut ranked);
    ranked
}

/// `query` in consecutive pieces of whole sentences that fit the embedder: itself if it fits.
pub(super) fn windows<'a>(query: &'a str, embedder: &dyn Embedder) -> Vec<&'a str> {
    let limit = embedder.max_tokens();
    if embedder.count_tokens(query) <= limit {
        return vec![query];
    }
    let mut windows: Vec<&str> = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for span in sentences(query) {
        open = match open {
            Some((start, _)) if embedder.count_tokens(&query[start..span.end]) <= limit => {
                Some((start, span.end))
            }
            closed => {
                windows.extend(closed.map(|(start, end)| &query[start..end]));
                Some((span.start, span.end))
            }
        };
    }
    windows.extend(open.map(|(start, end)| &query[start..end]));
    if windows.is_empty() { vec![query] } else { windows }
}
