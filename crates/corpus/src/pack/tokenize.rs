//! From texts to tokens.

/// Tokens around a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DocumentEnds {
    /// Put before each document, if any.
    pub start: Option<u32>,
    /// Put after each document, if any; not a second time where the tokenizer has put it.
    pub end: Option<u32>,
}

/// The tokens of a text between its ends; none if it has no tokens of its own.
pub fn document_tokens(
    text: &str,
    tokenizer: impl Fn(&str, &mut Vec<u32>),
    ends: DocumentEnds,
) -> Option<Vec<u32>> {
    let mut tokens: Vec<u32> = ends.start.into_iter().collect();
    let own = tokens.len();
    tokenizer(text, &mut tokens);
    if tokens.len() == own {
        return None;
    }
    if let Some(end) = ends.end.filter(|end| tokens.last() != Some(end)) {
        tokens.push(end);
    }
    Some(tokens)
}
