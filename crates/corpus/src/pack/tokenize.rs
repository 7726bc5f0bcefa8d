//! From texts to shards.

use super::shard::ShardWriter;
use crate::error::CorpusError;

/// Tokens around a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DocumentEnds {
    /// Put before each document, if any.
    pub start: Option<u32>,
    /// Put after each document, if any; not a second time where the tokenizer has put it.
    pub end: Option<u32>,
}

/// Tokenizes documents, given as id and text, and writes them. A document without tokens of its
/// own is left out; returns how many were.
///
/// # Errors
/// [`CorpusError::TokenTooLarge`], [`CorpusError::Io`].
pub fn tokenize_documents<'a>(
    documents: impl IntoIterator<Item = (&'a str, &'a str)>,
    tokenizer: impl Fn(&str, &mut Vec<u32>),
    ends: DocumentEnds,
    writer: &mut dyn ShardWriter,
) -> Result<u64, CorpusError> {
    let (mut tokens, mut left_out) = (Vec::new(), 0);
    for (id, text) in documents {
        tokens.clear();
        tokens.extend(ends.start);
        let own = tokens.len();
        tokenizer(text, &mut tokens);
        if tokens.len() == own {
            left_out += 1;
            continue;
        }
        if let Some(end) = ends.end.filter(|end| tokens.last() != Some(end)) {
            tokens.push(end);
        }
        writer.write(id, &tokens)?;
    }
    Ok(left_out)
}
