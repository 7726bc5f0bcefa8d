//! What writes tokens.

use crate::error::CorpusError;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardInfo {
    /// Documents.
    pub documents: u64,
    /// Their tokens.
    pub tokens: u64,
}

/// Writes the tokens of one document after another.
pub trait ShardWriter {
    /// Adds a document. Its id is kept where the format has a place for it.
    ///
    /// # Errors
    /// [`CorpusError::TokenTooLarge`], [`CorpusError::Io`].
    fn write(&mut self, id: &str, tokens: &[u32]) -> Result<(), CorpusError>;

    /// Puts all files in their places. Without it nothing is left.
    ///
    /// # Errors
    /// [`CorpusError::Io`].
    fn finish(self: Box<Self>) -> Result<ShardInfo, CorpusError>;
}
