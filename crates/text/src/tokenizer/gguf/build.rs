//! From keys to a tokenizer.

use tokenizers::{AddedToken, Tokenizer as Library};

use super::parts::Frame;
use super::vocab::{GgufVocab, TokenType};
use super::{bpe, sentencepiece, unigram, wordpiece};
use crate::error::TextError;
use crate::tokenizer::encode::{SpecialTokens, Tokenizer, contain};

/// The vocabulary kinds we run from GGUF.
pub(super) const MODELS: &[&str] = &["gpt2", "gemma4", "llama", "t5", "bert"];

/// The pre-tokenizer whose files part two texts by two separators where they do not say.
const ROBERTA: &str = "roberta-bpe";

/// A tokenizer but for its control tokens, and what its kind says where the file says nothing.
pub(super) struct Built {
    pub(super) library: Library,
    /// Text of each id, as the library knows it.
    pub(super) texts: Vec<String>,
    pub(super) special: SpecialTokens,
    pub(super) add_bos: bool,
    pub(super) add_eos: bool,
    /// What ends a text if it is not the end-of-text token.
    pub(super) sep: Option<u32>,
}

impl Tokenizer {
    /// Builds the tokenizer of a GGUF file.
    ///
    /// # Errors
    /// If the vocabulary's kind or pre-tokenizer is unknown, or its lists disagree.
    pub fn from_gguf(vocab: &GgufVocab) -> Result<Self, TextError> {
        let build = match vocab.model.as_str() {
            "gpt2" => bpe::byte_level,
            "gemma4" => bpe::characters,
            "llama" => sentencepiece::build,
            "t5" => unigram::build,
            "bert" => wordpiece::build,
            _ => {
                let found = vocab.model.clone();
                return Err(TextError::UnsupportedModel { found, known: MODELS });
            }
        };
        vocab.check()?;
        let mut built = contain("building the vocabulary", || build(vocab))??;
        add_tokens(&mut built, vocab)?;
        let special = vocab.special_tokens(&built);
        let frame = vocab.frame(&built, special)?;
        built.library.with_post_processor(frame.post_processor()?);
        Self::new(built.library, special)
    }
}

/// Makes control tokens and those that are always whole known as such. The token for what cannot
/// be written is one that a text may name, as in the models' own files.
fn add_tokens(built: &mut Built, vocab: &GgufVocab) -> Result<(), TextError> {
    let (mut control, mut whole) = (Vec::new(), Vec::new());
    for (id, text) in built.texts.iter().enumerate() {
        let token = |special| AddedToken::from(text.clone(), special).normalized(false);
        match vocab.type_of(id) {
            TokenType::Control | TokenType::Unknown => control.push(token(true)),
            TokenType::UserDefined => whole.push(token(false)),
            TokenType::Normal | TokenType::Unused | TokenType::Byte => (),
        }
    }
    let library = &mut built.library;
    let add = || library.add_special_tokens(control).and_then(|_| library.add_tokens(whole));
    contain("adding control tokens", add)?.map_err(TextError::Vocab)?;
    Ok(())
}

impl GgufVocab {
    /// The file's special tokens, else those that its kind of vocabulary always has.
    fn special_tokens(&self, built: &Built) -> SpecialTokens {
        let usual = |id: Option<u32>| id.filter(|&id| (id as usize) < self.tokens.len());
        SpecialTokens {
            bos: self.bos_token_id.or(usual(built.special.bos)),
            eos: self.eos_token_id.or(usual(built.special.eos)),
            unk: self.unk_token_id.or(usual(built.special.unk)),
            pad: self.pad_token_id.or(usual(built.special.pad)),
        }
    }

    /// What stands before and after a text.
    fn frame(&self, built: &Built, special: SpecialTokens) -> Result<Frame, TextError> {
        let named = |which, id: Option<u32>| -> Result<Option<(String, u32)>, TextError> {
            let Some(id) = id else { return Ok(None) };
            match built.texts.get(id as usize) {
                Some(text) => Ok(Some((text.clone(), id))),
                None => Err(TextError::SpecialTokenId { which, id, vocab_size: built.texts.len() }),
            }
        };
        let add_bos = self.add_bos.unwrap_or(built.add_bos);
        let add_eos = self.add_eos.unwrap_or(built.add_eos);
        let before = named("bos", special.bos.filter(|_| add_bos))?;
        if let Some(sep) = built.sep {
            return Ok(Frame { before, after: named("sep", Some(sep))?, between: None });
        }
        let add_sep = self.add_sep.unwrap_or(self.pre.as_deref() == Some(ROBERTA));
        let after = named("eos", special.eos.filter(|_| add_eos))?;
        let between = named("sep", self.sep_token_id.or(special.eos).filter(|_| add_sep))?;
        Ok(Frame { before, after, between })
    }
}
