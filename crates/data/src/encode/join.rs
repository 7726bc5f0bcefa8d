//! Tokens of a text that has boundaries.

use catena_text::{TextError, Tokenizer};
use std::ops::Range;

/// A text as tokens, with the token at which each boundary lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Joined {
    pub(super) tokens: Vec<u32>,
    pub(super) positions: Vec<usize>,
}

/// How a text is encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joiner<'t> {
    pub(super) tokenizer: &'t Tokenizer,
    /// Whether control tokens in the text are those tokens.
    pub(super) control: bool,
    /// Whether the parts between boundaries are encoded each alone, come what may.
    pub(super) apart: bool,
}

impl Joiner<'_> {
    /// Encodes `text`, which has boundaries at the bytes `bounds`, in order. Every other one, from
    /// the first, ends a prompt that serving would encode alone.
    ///
    /// The text is encoded as a whole if that gives every prompt the tokens that serving gives it.
    /// Where it does not, because a line end joins with one after the boundary or white space is
    /// cut otherwise before a word, the parts are encoded each alone: in serving the model can only
    /// continue after the prompt's last token.
    pub(super) fn encode(self, text: &str, bounds: &[usize]) -> Result<Joined, TextError> {
        if !self.apart {
            let (tokens, spans) = if self.control {
                self.tokenizer.encode_rendered_with_offsets(text)?
            } else {
                self.tokenizer.encode_with_offsets(text)?
            };
            if let Some(positions) = positions(&spans, bounds)
                && self.keeps_prompts(text, bounds, &tokens, &positions)?
            {
                return Ok(Joined { tokens, positions });
            }
        }
        let (mut tokens, mut positions, mut from) = (Vec::new(), Vec::new(), 0);
        for &to in bounds {
            tokens.extend(self.tokenizer.encode(&text[from..to], false, self.control)?);
            positions.push(tokens.len());
            from = to;
        }
        tokens.extend(self.tokenizer.encode(&text[from..], false, self.control)?);
        Ok(Joined { tokens, positions })
    }
}

impl Joiner<'_> {
    /// Whether the tokens before the end of each prompt are those of the prompt alone.
    fn keeps_prompts(
        self,
        text: &str,
        bounds: &[usize],
        tokens: &[u32],
        positions: &[usize],
    ) -> Result<bool, TextError> {
        for (&bound, &position) in bounds.iter().zip(positions).step_by(2) {
            let prompt = self.tokenizer.encode(&text[..bound], false, self.control)?;
            if prompt != tokens[..position] {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The token after each boundary, if no token spans one.
fn positions(spans: &[Range<usize>], bounds: &[usize]) -> Option<Vec<usize>> {
    let mut found = Vec::with_capacity(bounds.len());
    let mut from = 0;
    for &bound in bounds {
        let after = spans[from..].iter().position(|span| span.end > bound);
        let position = after.map_or(spans.len(), |after| from + after);
        if spans.get(position).is_some_and(|span| span.start < bound) {
            return None;
        }
        found.push(position);
        from = position;
    }
    Some(found)
}
