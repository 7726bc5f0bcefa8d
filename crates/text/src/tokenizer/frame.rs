//! The tokens that a tokenizer puts around a text.

use super::encode::Tokenizer;
use crate::error::TextError;

/// A letter that every vocabulary can write, to see what is put around it.
const PROBE: &str = "a";

/// What stands before and after a text, as the tokenizer's own post-processor says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Begin of text or `[CLS]`; often nothing.
    pub before: Vec<u32>,
    /// End of text or `[SEP]`; often nothing.
    pub after: Vec<u32>,
}

impl Tokenizer {
    /// The tokens that [`Tokenizer::encode`] with `add_special` puts around a text.
    ///
    /// # Errors
    /// If the tokenizer cannot write the letter `a`.
    pub fn frame(&self) -> Result<Frame, TextError> {
        let (plain, framed) = (self.encode(PROBE, false, false)?, self.encode(PROBE, true, false)?);
        let len = plain.len();
        let at = framed.windows(len.max(1)).position(|window| window == plain);
        let Some(at) = at.filter(|_| len > 0) else { return Ok(Frame::default()) };
        Ok(Frame { before: framed[..at].to_vec(), after: framed[at + len..].to_vec() })
    }
}
