//! Rows as trainers take them.

/// A row of tokens with what is to be predicted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedSample {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// For each position the token to predict there, that is the next one, where the loss counts;
    /// as long as `tokens`.
    pub labels: Vec<Option<u32>>,
    /// Tokens before the first one that is trained on.
    pub prompt_tokens: usize,
    /// Tokens that did not fit.
    pub lost_tokens: usize,
    /// Those of them that the loss would have counted.
    pub lost_trained: usize,
}

impl EncodedSample {
    /// Positions where the loss counts. A row without any teaches nothing, and must not be
    /// trained on: its mean loss is 0 / 0.
    pub fn num_supervised(&self) -> usize {
        self.labels.iter().flatten().count()
    }

    /// Whether the loss counts how well the token at `position` is predicted.
    pub fn is_trained(&self, position: usize) -> bool {
        let before = position.checked_sub(1);
        before.is_some_and(|before| self.labels.get(before).is_some_and(Option::is_some))
    }
}

/// Two completions of one prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedPreference {
    /// Prompt and better completion.
    pub chosen: EncodedSample,
    /// Prompt and worse completion. Its first `prompt_tokens` are those of `chosen`.
    pub rejected: EncodedSample,
}

/// A judged completion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedUnpaired {
    /// Prompt and completion.
    pub row: EncodedSample,
    /// Whether the completion is wanted.
    pub label: bool,
}

/// A row of whole documents and parts of documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedBlock {
    /// Tokens and labels. The last token of a document predicts nothing: what comes after it is
    /// another text. The last of a row predicts the first of the next, if that is the same text.
    pub row: EncodedSample,
    /// Where parts of different documents begin; the first is 0. Attention that stays between two
    /// of them sees one document only.
    pub starts: Vec<usize>,
}
