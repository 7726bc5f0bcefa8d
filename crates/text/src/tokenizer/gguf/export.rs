//! From a tokenizer to the keys of a GGUF file.

use serde_json::Value;
use tokenizers::Tokenizer as Library;
use tokenizers::models::ModelWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;

use super::pre_tokenizer;
use super::vocab::{GgufVocab, TokenType};
use crate::error::TextError;
use crate::tokenizer::encode::Tokenizer;

/// The vocabulary kinds we write.
const WRITTEN: &[&str] = &["gpt2"];

impl GgufVocab {
    /// Writes a tokenizer in GGUF's terms: the way from a Hugging Face folder to a GGUF file.
    ///
    /// # Errors
    /// If the tokenizer is not byte-level BPE or has a pre-tokenizer without a GGUF name.
    pub fn from_tokenizer(tokenizer: &Tokenizer) -> Result<Self, TextError> {
        let (tokens, merges) = bpe_parts(&tokenizer.inner)?;
        let pre = tokenizer.inner.get_pre_tokenizer().and_then(pre_tokenizer::name_of);
        let Some(pre) = pre else {
            let found = describe(tokenizer.inner.get_pre_tokenizer());
            return Err(TextError::UnsupportedPreTokenizer {
                found,
                known: pre_tokenizer::names(),
            });
        };
        let mut token_types = vec![TokenType::Normal; tokens.len()];
        for (id, added) in tokenizer.inner.get_added_tokens_decoder() {
            let kind = if added.special { TokenType::Control } else { TokenType::UserDefined };
            token_types[id as usize] = kind;
        }
        let bos = tokenizer.bos_token_id();
        let framed = tokenizer.encode("a", true, false)?;
        Ok(Self {
            model: "gpt2".to_owned(),
            pre: Some(pre.to_owned()),
            token_types,
            merges,
            bos_token_id: bos,
            eos_token_id: tokenizer.eos_token_id(),
            unk_token_id: tokenizer.unk_token_id(),
            pad_token_id: tokenizer.pad_token_id(),
            add_bos: Some(bos.is_some() && framed.first().copied() == bos),
            add_space_prefix: Some(false),
            tokens,
            ..Self::default()
        })
    }
}

/// Tokens by id and merge rules of a byte-level BPE tokenizer, read from its own JSON form because
/// the library shows the rules nowhere else.
fn bpe_parts(library: &Library) -> Result<(Vec<String>, Vec<String>), TextError> {
    let unsupported =
        |found: &str| TextError::UnsupportedModel { found: found.to_owned(), known: WRITTEN };
    if !matches!(library.get_model(), ModelWrapper::BPE(_)) {
        return Err(unsupported("not byte-level BPE"));
    }
    let model = serde_json::to_value(library.get_model()).map_err(TextError::ConfigJson)?;
    let merges = model.get("merges").and_then(Value::as_array).ok_or_else(|| unsupported("BPE"))?;
    let merges = merges.iter().filter_map(|rule| {
        let Some(pair) = rule.as_array() else { return rule.as_str().map(ToOwned::to_owned) };
        Some(format!("{} {}", pair.first()?.as_str()?, pair.get(1)?.as_str()?))
    });
    let vocab = library.get_vocab(true);
    let vocab_size = vocab.values().map(|&id| id as usize + 1).max().unwrap_or(0);
    let mut tokens: Vec<String> = (0..vocab_size).map(|id| format!("[PAD{id}]")).collect();
    for (token, id) in vocab {
        tokens[id as usize] = token;
    }
    Ok((tokens, merges.collect()))
}

fn describe(wrapper: Option<&PreTokenizerWrapper>) -> String {
    wrapper
        .and_then(|wrapper| serde_json::to_string(wrapper).ok())
        .unwrap_or_else(|| "none".to_owned())
}
