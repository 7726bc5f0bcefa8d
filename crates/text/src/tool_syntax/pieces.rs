//! Text cut at its control tokens.

use crate::tokenizer::Tokenizer;

/// A part of the text around a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolPiece {
    /// Plain text, never empty.
    Text(String),
    /// A control token.
    Special(u32),
    /// The call's identity: [`super::CALL_ID_CHARS`] letters or digits.
    CallId,
}

/// The control tokens of a vocabulary, with which of them end a turn.
pub(super) struct Specials {
    /// Longest first, so that none hides a longer one.
    texts: Vec<(String, u32)>,
    eos_tokens: Vec<u32>,
}

impl Specials {
    /// Those of `tokenizer`.
    pub(super) fn of(tokenizer: &Tokenizer, eos_tokens: &[u32]) -> Self {
        let ids = (0..u32::try_from(tokenizer.vocab_size()).expect("token ids are u32"))
            .filter(|&id| tokenizer.is_special(id));
        let texts = ids.filter_map(|id| Some((tokenizer.token_text(id)?, id))).collect();
        Self::new(texts, eos_tokens.to_vec())
    }

    /// Tokens with these texts.
    pub(super) fn new(mut texts: Vec<(String, u32)>, eos_tokens: Vec<u32>) -> Self {
        texts.retain(|(text, _)| !text.is_empty());
        texts.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        Self { texts, eos_tokens }
    }

    /// `text` cut at control tokens and at `id`, which stands for a call's identity.
    pub(super) fn cut(&self, text: &str, id: &str) -> Vec<ToolPiece> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let special = self.texts.iter().find(|(token, _)| rest.starts_with(token.as_str()));
            let (piece, len) = match special {
                Some((token, id)) => (ToolPiece::Special(*id), token.len()),
                None if rest.starts_with(id) => (ToolPiece::CallId, id.len()),
                None => {
                    plain.push(first);
                    rest = &rest[first.len_utf8()..];
                    continue;
                }
            };
            if !plain.is_empty() {
                pieces.push(ToolPiece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(piece);
            rest = &rest[len..];
        }
        if !plain.is_empty() {
            pieces.push(ToolPiece::Text(plain));
        }
        pieces
    }

    /// The pieces before the token that ends the turn; nothing if none does.
    pub(super) fn turn(&self, mut pieces: Vec<ToolPiece>) -> Option<Vec<ToolPiece>> {
        let ends = |piece: &ToolPiece| matches!(piece, ToolPiece::Special(id) if self.eos_tokens.contains(id));
        let end = pieces.iter().position(ends)?;
        pieces.truncate(end);
        Some(pieces)
    }
}
