//! Shows what of a row is trained on.

use crate::encode::EncodedSample;
use catena_text::Tokenizer;
use serde::{Deserialize, Serialize};

/// A token of a row as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewToken {
    /// The token.
    pub id: u32,
    /// What it writes; a control token's own name. Of a character that several tokens make, the
    /// last one has it whole and the others nothing.
    pub text: String,
    /// Whether the loss counts how well it is predicted.
    pub trained: bool,
}

/// The tokens of `sample` with what they write and whether they are trained on.
pub fn preview(tokenizer: &Tokenizer, sample: &EncodedSample) -> Vec<PreviewToken> {
    let mut pending: Vec<u8> = Vec::new();
    let mut tokens: Vec<PreviewToken> = Vec::with_capacity(sample.tokens.len());
    for (position, &id) in sample.tokens.iter().enumerate() {
        let mut text = String::new();
        if tokenizer.is_special(id) {
            // What was begun before it will not be ended.
            text.push_str(&String::from_utf8_lossy(&std::mem::take(&mut pending)));
            text.push_str(&tokenizer.token_text(id).unwrap_or_default());
        } else {
            pending.extend(tokenizer.token_bytes(id));
            let cut =
                std::str::from_utf8(&pending).err().filter(|error| error.error_len().is_none());
            let complete = cut.map_or(pending.len(), |error| error.valid_up_to());
            let rest = pending.split_off(complete);
            text.push_str(&String::from_utf8_lossy(&std::mem::replace(&mut pending, rest)));
        }
        tokens.push(PreviewToken { id, text, trained: sample.is_trained(position) });
    }
    if let Some(last) = tokens.last_mut() {
        last.text.push_str(&String::from_utf8_lossy(&pending));
    }
    tokens
}

/// `tokens` as one text in which what is trained on stands between `«` and `»`.
pub fn preview_text(tokens: &[PreviewToken]) -> String {
    let mut text = String::new();
    let mut trained = false;
    for token in tokens {
        if token.trained != trained {
            text.push(if token.trained { '«' } else { '»' });
            trained = token.trained;
        }
        text.push_str(&token.text);
    }
    if trained {
        text.push('»');
    }
    text
}
