//! Vocabularies as GGUF files store them.

use std::collections::HashMap;

use serde_json::Value;
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::ModelWrapper;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::processors::template::{Template, TemplateProcessing};
use tokenizers::{AddedToken, Tokenizer as Library};

use super::encode::{SpecialTokens, Tokenizer, contain};
use super::pre_tokenizer;
use crate::error::TextError;
use crate::limits::{MAX_TOKEN_BYTES, MAX_VOCAB_SIZE};

/// The vocabulary kinds we run from GGUF.
const MODELS: &[&str] = &["gpt2"];

/// What a token is, as `tokenizer.ggml.token_type` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum TokenType {
    /// A piece of text.
    Normal = 1,
    /// Stands for what the vocabulary cannot write.
    Unknown = 2,
    /// Frames text and is never written.
    Control = 3,
    /// Text that is always one token.
    UserDefined = 4,
    /// A place holder.
    Unused = 5,
    /// One byte.
    Byte = 6,
}

impl TokenType {
    /// The type numbered `id`; numbers that nobody defined are [`TokenType::Normal`], as llama.cpp
    /// takes them.
    pub fn from_id(id: i32) -> Self {
        match id {
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => Self::Normal,
        }
    }
}

/// The `tokenizer.ggml.*` keys of a GGUF file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GgufVocab {
    /// Kind of vocabulary: `gpt2` is byte-level BPE.
    pub model: String,
    /// Name of the pre-tokenizer; absent in old files.
    pub pre: Option<String>,
    /// Text of each id.
    pub tokens: Vec<String>,
    /// Type of each id; empty means all normal.
    pub token_types: Vec<TokenType>,
    /// Score of each id (SentencePiece); often empty.
    pub scores: Vec<f32>,
    /// Merge rules, best first, each two pieces with a space between.
    pub merges: Vec<String>,
    /// Begin of text.
    pub bos_token_id: Option<u32>,
    /// End of text or of a turn.
    pub eos_token_id: Option<u32>,
    /// Unknown.
    pub unk_token_id: Option<u32>,
    /// Padding.
    pub pad_token_id: Option<u32>,
    /// Whether a text is framed by begin of text.
    pub add_bos: bool,
    /// Whether a space is put before a text.
    pub add_space_prefix: bool,
}

impl Tokenizer {
    /// Builds the tokenizer of a GGUF file.
    ///
    /// # Errors
    /// If the vocabulary's kind or pre-tokenizer is unknown, or its lists disagree.
    pub fn from_gguf(vocab: &GgufVocab) -> Result<Self, TextError> {
        vocab.check()?;
        let pre = pre_tokenizer::by_name(vocab.pre.as_deref().unwrap_or("default"))?;
        let bpe = BPE::builder()
            .vocab_and_merges(vocab.ids()?, vocab.split_merges()?)
            .ignore_merges(pre.ignore_merges);
        let bpe = contain("building the vocabulary", || bpe.build())?.map_err(TextError::Vocab)?;
        let mut library = Library::new(ModelWrapper::BPE(bpe));
        library.with_pre_tokenizer(Some(pre.wrapper));
        library.with_decoder(Some(ByteLevel::new(false, true, true)));
        let post_processor = vocab.post_processor()?;
        library.with_post_processor(post_processor);
        for (kind, special) in [(TokenType::Control, true), (TokenType::UserDefined, false)] {
            let added: Vec<AddedToken> = vocab
                .of_type(kind)
                .map(|token| AddedToken::from(token, special).normalized(false))
                .collect();
            let add = || {
                if special { library.add_special_tokens(added) } else { library.add_tokens(added) }
            };
            contain("adding control tokens", add)?.map_err(TextError::Vocab)?;
        }
        let special = SpecialTokens {
            bos: vocab.bos_token_id,
            eos: vocab.eos_token_id,
            unk: vocab.unk_token_id,
            pad: vocab.pad_token_id,
        };
        Self::new(library, special)
    }
}

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
            scores: Vec::new(),
            merges,
            bos_token_id: bos,
            eos_token_id: tokenizer.eos_token_id(),
            unk_token_id: tokenizer.unk_token_id(),
            pad_token_id: tokenizer.pad_token_id(),
            add_bos: bos.is_some() && framed.first().copied() == bos,
            add_space_prefix: false,
            tokens,
        })
    }

    fn check(&self) -> Result<(), TextError> {
        if !MODELS.contains(&self.model.as_str()) {
            return Err(TextError::UnsupportedModel { found: self.model.clone(), known: MODELS });
        }
        if self.tokens.is_empty() {
            return Err(TextError::EmptyVocab);
        }
        if self.tokens.len() > MAX_VOCAB_SIZE {
            let found = self.tokens.len();
            return Err(TextError::VocabTooLarge { found, limit: MAX_VOCAB_SIZE });
        }
        if !self.token_types.is_empty() && self.token_types.len() != self.tokens.len() {
            let (tokens, types) = (self.tokens.len(), self.token_types.len());
            return Err(TextError::TokenTypeCount { tokens, types });
        }
        let long = self.tokens.iter().position(|token| token.len() > MAX_TOKEN_BYTES);
        if let Some(id) = long {
            let bytes = self.tokens[id].len();
            return Err(TextError::TokenTooLong { id, bytes, limit: MAX_TOKEN_BYTES });
        }
        Ok(())
    }

    fn ids(&self) -> Result<Vocab, TextError> {
        let mut ids: HashMap<&str, u32> = HashMap::with_capacity(self.tokens.len());
        for (token, second) in self.tokens.iter().zip(0..) {
            if let Some(first) = ids.insert(token, second) {
                return Err(TextError::DuplicateToken { token: token.clone(), first, second });
            }
        }
        Ok(ids.into_iter().map(|(token, id)| (token.to_owned(), id)).collect())
    }

    fn split_merges(&self) -> Result<Vec<(String, String)>, TextError> {
        let split = |(merge_idx, rule): (usize, &String)| match rule.split_once(' ') {
            Some((left, right)) if !left.is_empty() && !right.is_empty() => {
                Ok((left.to_owned(), right.to_owned()))
            }
            _ => Err(TextError::BadMerge { merge_idx, rule: rule.clone() }),
        };
        self.merges.iter().enumerate().map(split).collect()
    }

    fn of_type(&self, kind: TokenType) -> impl Iterator<Item = String> + '_ {
        let typed = self.tokens.iter().zip(&self.token_types);
        typed.filter(move |&(_, &found)| found == kind).map(|(token, _)| token.clone())
    }

    /// Puts begin of text before a text if the file asks for it.
    fn post_processor(&self) -> Result<Option<TemplateProcessing>, TextError> {
        let Some(bos) = self.bos_token_id.filter(|_| self.add_bos) else { return Ok(None) };
        let Some(token) = self.tokens.get(bos as usize) else {
            let vocab_size = self.tokens.len();
            return Err(TextError::SpecialTokenId { which: "bos", id: bos, vocab_size });
        };
        let frame = |sequence: &str| vec![token.clone(), sequence.to_owned()];
        let single =
            Template::try_from(frame("$A")).map_err(|error| TextError::Vocab(error.into()))?;
        let built = TemplateProcessing::builder()
            .single(single)
            .special_tokens(vec![(token.clone(), bos)])
            .build();
        built.map(Some).map_err(|error| TextError::Vocab(error.to_string().into()))
    }
}

/// Tokens by id and merge rules of a byte-level BPE tokenizer, read from its own JSON form because
/// the library shows the rules nowhere else.
fn bpe_parts(library: &Library) -> Result<(Vec<String>, Vec<String>), TextError> {
    let unsupported =
        |found: &str| TextError::UnsupportedModel { found: found.to_owned(), known: MODELS };
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
