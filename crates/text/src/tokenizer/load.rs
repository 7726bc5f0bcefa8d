//! Tokenizers from files of a Hugging Face folder.

use serde_json::Value;
use tokenizers::Tokenizer as Library;

use super::encode::{SpecialTokens, Tokenizer, contain};
use crate::error::TextError;
use crate::limits::MAX_TOKENIZER_JSON_BYTES;

impl Tokenizer {
    /// Reads a `tokenizer.json`. It does not say which tokens begin and end a text: use
    /// [`Tokenizer::with_config_json`] where the folder has a `tokenizer_config.json`.
    ///
    /// # Errors
    /// If the file is too large, is not a tokenizer, or names ids that do not exist.
    pub fn from_json_bytes(json: &[u8]) -> Result<Self, TextError> {
        check_size(json)?;
        let library = contain("reading tokenizer.json", || Library::from_bytes(json))?;
        let special = SpecialTokens::default();
        Self::new(library.map_err(TextError::TokenizerJson)?, special)
    }

    /// Takes the special tokens' names from a `tokenizer_config.json`; names that the vocabulary
    /// does not have are passed over, as the reference implementation does.
    ///
    /// # Errors
    /// If the file is too large or not JSON.
    pub fn with_config_json(mut self, json: &[u8]) -> Result<Self, TextError> {
        check_size(json)?;
        let config: Value = serde_json::from_slice(json).map_err(TextError::ConfigJson)?;
        let id = |key: &str| self.token_id(token_name(config.get(key)?)?);
        self.special = SpecialTokens {
            bos: id("bos_token"),
            eos: id("eos_token"),
            unk: id("unk_token"),
            pad: id("pad_token"),
        };
        Ok(self)
    }

    /// Replaces the special tokens.
    ///
    /// # Errors
    /// If an id is outside the vocabulary.
    pub fn with_special_tokens(self, special: SpecialTokens) -> Result<Self, TextError> {
        Self::new(self.inner, special)
    }
}

/// A special token is written as its text or as an object with the text in `content`.
fn token_name(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}

fn check_size(json: &[u8]) -> Result<(), TextError> {
    if json.len() > MAX_TOKENIZER_JSON_BYTES {
        return Err(TextError::TokenizerTooLarge {
            bytes: json.len(),
            limit: MAX_TOKENIZER_JSON_BYTES,
        });
    }
    Ok(())
}
