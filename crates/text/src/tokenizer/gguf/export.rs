//! From a tokenizer to the keys of a GGUF file.

use serde_json::Value;
use tokenizers::Tokenizer as Library;
use tokenizers::models::ModelWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;

use super::vocab::{GgufVocab, TokenType};
use super::{export_pieces, pre_tokenizer};
use crate::error::TextError;
use crate::tokenizer::encode::Tokenizer;

/// The vocabulary kinds we write.
const WRITTEN: &[&str] = &["gpt2", "llama"];

impl GgufVocab {
    /// Writes a tokenizer in GGUF's terms: the way from a Hugging Face folder to a GGUF file.
    ///
    /// # Errors
    /// If the tokenizer is neither byte-level BPE with a pre-tokenizer that has a GGUF name, nor
    /// SentencePiece's BPE.
    pub fn from_tokenizer(tokenizer: &Tokenizer) -> Result<Self, TextError> {
        let parts = BpeParts::of(&tokenizer.inner)?;
        let vocab = if parts.byte_fallback {
            export_pieces::vocab(tokenizer, parts)?
        } else {
            byte_level(&tokenizer.inner, parts)?
        };
        let (bos, eos) = (tokenizer.bos_token_id(), tokenizer.eos_token_id());
        let framed = tokenizer.encode("a", true, false)?;
        let ends = eos.is_some() && framed.last().copied() == eos;
        Ok(Self {
            bos_token_id: bos,
            eos_token_id: eos,
            unk_token_id: tokenizer.unk_token_id().or(vocab.unk_token_id),
            pad_token_id: tokenizer.pad_token_id(),
            add_bos: Some(bos.is_some() && framed.first().copied() == bos),
            add_eos: ends.then_some(true),
            ..vocab
        })
    }
}

/// Byte-level BPE, but for its special tokens.
fn byte_level(library: &Library, parts: BpeParts) -> Result<GgufVocab, TextError> {
    let Some(pre) = library.get_pre_tokenizer().and_then(pre_tokenizer::name_of) else {
        let found = describe(library.get_pre_tokenizer());
        return Err(TextError::UnsupportedPreTokenizer { found, known: pre_tokenizer::names() });
    };
    let mut token_types = vec![TokenType::Normal; parts.tokens.len()];
    for (id, added) in library.get_added_tokens_decoder() {
        let kind = if added.special { TokenType::Control } else { TokenType::UserDefined };
        token_types[id as usize] = kind;
    }
    let rule = |(left, right): (String, String)| format!("{left} {right}");
    Ok(GgufVocab {
        model: "gpt2".to_owned(),
        pre: Some(pre.to_owned()),
        tokens: parts.tokens,
        token_types,
        merges: parts.merges.into_iter().map(rule).collect(),
        add_space_prefix: Some(false),
        ..GgufVocab::default()
    })
}

/// What a BPE tokenizer's own JSON form says, since the library shows most of it nowhere else.
pub(super) struct BpeParts {
    /// Tokens by id; an id without one gets a name that no text has.
    pub(super) tokens: Vec<String>,
    /// Merge rules, best first.
    pub(super) merges: Vec<(String, String)>,
    /// The token for what cannot be written.
    pub(super) unk_token: Option<String>,
    /// Whether what has no piece is written in bytes: SentencePiece's way.
    pub(super) byte_fallback: bool,
}

impl BpeParts {
    fn of(library: &Library) -> Result<Self, TextError> {
        if !matches!(library.get_model(), ModelWrapper::BPE(_)) {
            return Err(not_written("not BPE"));
        }
        let model = serde_json::to_value(library.get_model()).map_err(TextError::ConfigJson)?;
        let rules = model.get("merges").and_then(Value::as_array);
        let merges = rules.ok_or_else(|| not_written("BPE"))?.iter().filter_map(pair).collect();
        let vocab = library.get_vocab(true);
        let vocab_size = vocab.values().map(|&id| id as usize + 1).max().unwrap_or(0);
        let mut tokens: Vec<String> = (0..vocab_size).map(|id| format!("[PAD{id}]")).collect();
        for (token, id) in vocab {
            tokens[id as usize] = token;
        }
        let unk_token = model.get("unk_token").and_then(Value::as_str).map(ToOwned::to_owned);
        let byte_fallback = model.get("byte_fallback").and_then(Value::as_bool) == Some(true);
        Ok(Self { tokens, merges, unk_token, byte_fallback })
    }
}

/// A rule is written as a pair, or as one text with a space between where no piece has one.
fn pair(rule: &Value) -> Option<(String, String)> {
    let (left, right) = match rule.as_array() {
        Some(pair) => (pair.first()?.as_str()?, pair.get(1)?.as_str()?),
        None => rule.as_str()?.split_once(' ')?,
    };
    Some((left.to_owned(), right.to_owned()))
}

/// The refusal of a vocabulary that is `found`.
pub(super) fn not_written(found: &str) -> TextError {
    TextError::UnsupportedModel { found: found.to_owned(), known: WRITTEN }
}

fn describe(wrapper: Option<&PreTokenizerWrapper>) -> String {
    wrapper
        .and_then(|wrapper| serde_json::to_string(wrapper).ok())
        .unwrap_or_else(|| "none".to_owned())
}
