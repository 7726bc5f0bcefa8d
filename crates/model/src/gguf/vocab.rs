//! The tokenizer keys.

use camino::Utf8Path;
use catena_text::{GgufVocab, TokenType};

use super::error::GgufError;
use super::read::GgufFile;
use super::value::{MetaArray, MetaValue};
use crate::error::ModelError;

impl GgufFile {
    /// The vocabulary, with lists copied out of the metadata.
    ///
    /// # Errors
    /// If a key is missing or has another type than its meaning needs.
    pub fn vocab(&self) -> Result<GgufVocab, ModelError> {
        let text = |key: &str| self.typed(key, "a string", MetaValue::as_str);
        let flag = |key: &str| self.typed(key, "a truth value", MetaValue::as_bool);
        let id = |key: &str| {
            let key = format!("tokenizer.ggml.{key}_token_id");
            self.typed(&key, "a token id", |value| u32::try_from(value.as_u64()?).ok())
        };
        let missing = |key: &str| ModelError::MissingKey {
            file: self.path().to_owned(),
            key: key.to_owned(),
        };
        let model = text("tokenizer.ggml.model")?.ok_or_else(|| missing("tokenizer.ggml.model"))?;
        let tokens = self.strings("tokenizer.ggml.tokens")?;
        Ok(GgufVocab {
            model: model.to_owned(),
            pre: text("tokenizer.ggml.pre")?.map(ToOwned::to_owned),
            tokens: tokens.ok_or_else(|| missing("tokenizer.ggml.tokens"))?.to_vec(),
            token_types: self.token_types()?,
            scores: self.scores()?,
            merges: self.strings("tokenizer.ggml.merges")?.unwrap_or_default().to_vec(),
            bos_token_id: id("bos")?,
            eos_token_id: id("eos")?,
            unk_token_id: id("unknown")?,
            pad_token_id: id("padding")?,
            // The format's own spelling.
            sep_token_id: id("seperator")?,
            add_bos: flag("tokenizer.ggml.add_bos_token")?,
            add_eos: flag("tokenizer.ggml.add_eos_token")?,
            add_sep: flag("tokenizer.ggml.add_sep_token")?,
            add_space_prefix: flag("tokenizer.ggml.add_space_prefix")?,
            remove_extra_whitespaces: flag("tokenizer.ggml.remove_extra_whitespaces")?,
            precompiled_charsmap: self.charsmap()?,
            lowercase: flag("tokenizer.ggml.normalizer.lowercase")?,
            strip_accents: flag("tokenizer.ggml.normalizer.strip_accents")?,
        })
    }

    /// The value of an optional key, refused if it is not what `read` wants.
    pub(crate) fn typed<'a, T>(
        &'a self,
        key: &str,
        expected: &'static str,
        read: impl FnOnce(&'a MetaValue) -> Option<T>,
    ) -> Result<Option<T>, ModelError> {
        typed(self.path(), self.metadata(key), key, expected, read)
    }

    fn strings(&self, key: &str) -> Result<Option<&[String]>, ModelError> {
        self.typed(key, "an array of strings", |value| {
            let MetaArray::String(strings) = value.as_array()? else { return None };
            Some(strings.as_slice())
        })
    }

    fn token_types(&self) -> Result<Vec<TokenType>, ModelError> {
        let key = "tokenizer.ggml.token_type";
        let types = self.typed(key, "an array of i32", |value| {
            let MetaArray::I32(types) = value.as_array()? else { return None };
            Some(types)
        })?;
        Ok(types.into_iter().flatten().map(|&id| TokenType::from_id(id)).collect())
    }

    fn charsmap(&self) -> Result<Vec<u8>, ModelError> {
        let key = "tokenizer.ggml.precompiled_charsmap";
        let bytes = self.typed(key, "an array of bytes", |value| {
            let array = value.as_array()?;
            if let MetaArray::U8(bytes) = array {
                return Some(bytes.clone());
            }
            let MetaArray::I8(bytes) = array else { return None };
            Some(bytes.iter().map(|byte| byte.cast_unsigned()).collect())
        })?;
        Ok(bytes.unwrap_or_default())
    }

    fn scores(&self) -> Result<Vec<f32>, ModelError> {
        let key = "tokenizer.ggml.scores";
        let scores = self.typed(key, "an array of f32", |value| {
            let MetaArray::F32(scores) = value.as_array()? else { return None };
            Some(scores.clone())
        })?;
        Ok(scores.unwrap_or_default())
    }
}

/// The metadata keys that say `vocab`.
pub fn vocab_metadata(vocab: &GgufVocab) -> Vec<(String, MetaValue)> {
    let types = vocab.token_types.iter().map(|&kind| kind as i32).collect();
    let mut keys = vec![
        ("model", MetaValue::String(vocab.model.clone())),
        ("tokens", MetaValue::Array(MetaArray::String(vocab.tokens.clone()))),
        ("token_type", MetaValue::Array(MetaArray::I32(types))),
    ];
    // Scores take the place of rules.
    if vocab.scores.is_empty() || !vocab.merges.is_empty() {
        keys.push(("merges", MetaValue::Array(MetaArray::String(vocab.merges.clone()))));
    }
    let flags = [
        ("add_bos_token", vocab.add_bos),
        ("add_eos_token", vocab.add_eos),
        ("add_sep_token", vocab.add_sep),
        ("add_space_prefix", vocab.add_space_prefix),
        ("remove_extra_whitespaces", vocab.remove_extra_whitespaces),
        ("normalizer.lowercase", vocab.lowercase),
        ("normalizer.strip_accents", vocab.strip_accents),
    ];
    keys.extend(flags.into_iter().filter_map(|(key, flag)| Some((key, MetaValue::Bool(flag?)))));
    if let Some(pre) = &vocab.pre {
        keys.push(("pre", MetaValue::String(pre.clone())));
    }
    if !vocab.scores.is_empty() {
        keys.push(("scores", MetaValue::Array(MetaArray::F32(vocab.scores.clone()))));
    }
    if !vocab.precompiled_charsmap.is_empty() {
        let bytes = vocab.precompiled_charsmap.clone();
        keys.push(("precompiled_charsmap", MetaValue::Array(MetaArray::U8(bytes))));
    }
    let ids = [
        ("bos_token_id", vocab.bos_token_id),
        ("eos_token_id", vocab.eos_token_id),
        ("unknown_token_id", vocab.unk_token_id),
        ("padding_token_id", vocab.pad_token_id),
        ("seperator_token_id", vocab.sep_token_id),
    ];
    keys.extend(ids.into_iter().filter_map(|(key, id)| Some((key, MetaValue::U32(id?)))));
    keys.into_iter().map(|(key, value)| (format!("tokenizer.ggml.{key}"), value)).collect()
}

/// A value by `read`; `None` if there is none.
///
/// # Errors
/// If `read` does not accept it.
pub(crate) fn typed<'a, T>(
    path: &Utf8Path,
    value: Option<&'a MetaValue>,
    key: &str,
    expected: &'static str,
    read: impl FnOnce(&'a MetaValue) -> Option<T>,
) -> Result<Option<T>, ModelError> {
    let Some(value) = value else { return Ok(None) };
    if let Some(read) = read(value) {
        return Ok(Some(read));
    }
    let (key, found) = (key.to_owned(), value.type_name().to_owned());
    let source = GgufError::KeyType { key, found, expected };
    Err(ModelError::Gguf { path: path.to_owned(), source })
}
