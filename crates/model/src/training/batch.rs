//! What one micro-step trains on.

use super::error::TrainingError;

/// Sequences packed one after another; no sequence sees another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainBatch {
    /// Tokens of all sequences.
    pub tokens: Vec<u32>,
    /// The token that should follow each position; `None` where nothing is to be learnt.
    pub labels: Vec<Option<u32>>,
    /// First position of each sequence: ascending, the first is 0.
    pub seq_starts: Vec<usize>,
    /// The type of each token, or nothing if all are of type 0.
    pub token_types: Vec<u32>,
    /// What is added to the embeddings, `[t, c]`, or nothing.
    pub noise: Vec<f32>,
    /// Weight of the loss that balances experts, in the gradient; 0 for none.
    pub router_loss: f32,
}

/// Sum of the losses of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossSum {
    /// Sum of cross-entropies in nats.
    pub loss_sum: f64,
    /// Supervised positions that it sums over.
    pub tokens: usize,
}

/// A batch in the form that the passes read.
#[derive(Default)]
pub(super) struct Layout {
    /// Bounds of the sequences, the number of tokens at the end.
    pub(super) bounds: Vec<usize>,
    /// Position of each token within its sequence.
    pub(super) positions: Vec<u32>,
    /// Supervised rows and their targets.
    pub(super) supervised: Vec<usize>,
    pub(super) targets: Vec<u32>,
}

impl Layout {
    /// Lets positions begin behind so many tokens that stand before every sequence.
    pub(super) fn shift(&mut self, tokens: usize) {
        let tokens = u32::try_from(tokens).expect("a prefix is no longer than positions can count");
        self.positions.iter_mut().for_each(|position| *position += tokens);
    }
}

impl TrainBatch {
    /// Checks the batch against the plan and the vocabulary.
    pub(super) fn layout(
        &self,
        max_tokens: usize,
        vocab_size: usize,
        type_vocab_size: usize,
    ) -> Result<Layout, TrainingError> {
        let tokens = self.tokens.len();
        let starts = &self.seq_starts;
        let sound = self.labels.len() == tokens
            && starts.first().copied() == (tokens > 0).then_some(0)
            && starts.is_sorted()
            && starts.last().is_none_or(|&last| last <= tokens);
        if !sound {
            let (labels, seq_starts) = (self.labels.len(), starts.clone());
            return Err(TrainingError::BatchShape { tokens, labels, seq_starts });
        }
        if tokens > max_tokens {
            return Err(TrainingError::BatchTooLong { tokens, max_tokens });
        }
        let types = &self.token_types;
        if !types.is_empty() && types.len() != tokens {
            return Err(TrainingError::TypeCount { tokens, types: types.len() });
        }
        if let Some(&found) = types.iter().find(|&&id| id as usize >= type_vocab_size.max(1)) {
            return Err(TrainingError::TypeRange { found, type_vocab_size });
        }
        let mut layout = Layout { bounds: starts.clone(), ..Layout::default() };
        layout.bounds.push(tokens);
        for pair in layout.bounds.windows(2) {
            layout.positions.extend((pair[0]..pair[1]).zip(0..).map(|(_, position)| position));
        }
        for (position, (&token, &label)) in self.tokens.iter().zip(&self.labels).enumerate() {
            let both = std::iter::once(token).chain(label);
            if let Some(token) = both.into_iter().find(|&token| token as usize >= vocab_size) {
                return Err(TrainingError::TokenRange { token, position, vocab_size });
            }
            if let Some(target) = label {
                layout.supervised.push(position);
                layout.targets.push(target);
            }
        }
        Ok(layout)
    }
}
