//! Token rows, and batches of them.

use crate::error::TrainError;
use catena_model::training::TrainBatch;

/// What an objective asks of a row, whatever is learnt at it.
pub(super) trait Row {
    fn num_tokens(&self) -> usize;

    /// Refuses a row that could not be trained on; `index` is that of its sample.
    fn check(&self, index: usize, max_tokens: usize) -> Result<(), TrainError>;

    /// Hands over everything that the result depends on.
    fn identify(&self, feed: &mut dyn FnMut(&[u8]));
}

/// One row of tokens with what is learnt at each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Token ids, prompt and answer.
    pub tokens: Vec<u32>,
    /// For each position the token (or the tag) it should predict, or `None` where no loss is
    /// taken.
    pub labels: Vec<Option<u32>>,
    /// First position of each of the texts that are packed into the row, which do not see each
    /// other; nothing for one text.
    pub starts: Vec<usize>,
}

/// A text, or a pair of texts, as an encoder reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextRow {
    /// Token ids, special tokens included.
    pub tokens: Vec<u32>,
    /// The type of each, or nothing if all are of type 0.
    pub token_types: Vec<u32>,
}

impl Sample {
    /// Number of positions that carry a loss.
    pub fn num_supervised(&self) -> usize {
        self.labels.iter().filter(|label| label.is_some()).count()
    }
}

impl Row for Sample {
    fn num_tokens(&self) -> usize {
        self.tokens.len()
    }

    fn check(&self, index: usize, max_tokens: usize) -> Result<(), TrainError> {
        let (tokens, labels) = (self.tokens.len(), self.labels.len());
        if tokens != labels {
            return Err(TrainError::LabelCount { index, tokens, labels });
        }
        check_len(index, tokens, max_tokens)?;
        if self.num_supervised() == 0 {
            return Err(TrainError::NothingSupervised { index });
        }
        Ok(())
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        feed(&(self.tokens.len() as u64).to_le_bytes());
        self.starts.iter().for_each(|start| feed(&(*start as u64).to_le_bytes()));
        for (token, label) in self.tokens.iter().zip(&self.labels) {
            feed(&token.to_le_bytes());
            feed(&label.map_or(u64::MAX, u64::from).to_le_bytes());
        }
    }
}

impl Row for TextRow {
    fn num_tokens(&self) -> usize {
        self.tokens.len()
    }

    fn check(&self, index: usize, max_tokens: usize) -> Result<(), TrainError> {
        let tokens = self.tokens.len();
        if tokens == 0 {
            return Err(TrainError::EmptySample { index });
        }
        check_len(index, tokens, max_tokens)
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        feed(&(self.tokens.len() as u64).to_le_bytes());
        for part in [&self.tokens, &self.token_types] {
            for id in part {
                feed(&id.to_le_bytes());
            }
        }
    }
}

/// Refuses a set without samples, or the first that `check` refuses.
pub(super) fn check_samples<S>(
    samples: &[S],
    check: impl Fn(usize, &S) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    if samples.is_empty() {
        return Err(TrainError::NoSamples);
    }
    samples.iter().enumerate().try_for_each(|(index, sample)| check(index, sample))
}

/// Refuses the rows of one sample if they could not be trained on in one micro-step.
pub(super) fn check_rows<'a, R: Row + 'a>(
    index: usize,
    rows: impl IntoIterator<Item = &'a R> + Clone,
    max_tokens: usize,
) -> Result<(), TrainError> {
    rows.clone().into_iter().try_for_each(|row| row.check(index, max_tokens))?;
    check_len(index, num_tokens(rows), max_tokens)
}

/// Tokens of rows together.
pub(super) fn num_tokens<'a, R: Row + 'a>(rows: impl IntoIterator<Item = &'a R>) -> usize {
    rows.into_iter().map(R::num_tokens).sum()
}

/// Refuses a sample that does not fit a micro-step.
fn check_len(index: usize, tokens: usize, max_tokens: usize) -> Result<(), TrainError> {
    if tokens > max_tokens {
        return Err(TrainError::SampleTooLong { index, tokens, max_tokens });
    }
    Ok(())
}

/// Rows with labels, one after another.
pub(super) fn batch_of<'a>(rows: impl IntoIterator<Item = &'a Sample>) -> TrainBatch {
    let mut batch = TrainBatch::default();
    for row in rows {
        let first = batch.tokens.len();
        if row.starts.is_empty() {
            batch.seq_starts.push(first);
        }
        batch.seq_starts.extend(row.starts.iter().map(|start| first + start));
        batch.tokens.extend_from_slice(&row.tokens);
        batch.labels.extend_from_slice(&row.labels);
    }
    batch
}

/// Texts, one after another.
pub(super) fn batch_of_texts<'a>(
    rows: impl IntoIterator<Item = &'a TextRow> + Clone,
) -> TrainBatch {
    let typed = rows.clone().into_iter().any(|row| !row.token_types.is_empty());
    let mut batch = TrainBatch::default();
    for row in rows {
        batch.seq_starts.push(batch.tokens.len());
        batch.tokens.extend_from_slice(&row.tokens);
        batch.labels.resize(batch.tokens.len(), None);
        if typed {
            batch.token_types.extend_from_slice(&row.token_types);
            batch.token_types.resize(batch.tokens.len(), 0);
        }
    }
    batch
}
