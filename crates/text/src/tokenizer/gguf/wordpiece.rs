//! WordPiece: the longest piece first, within words that white space and punctuation part.

use serde_json::json;
use tokenizers::models::ModelWrapper;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::{DecoderWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer as Library};

use super::bpe::library_ids;
use super::build::Built;
use super::parts::part;
use super::vocab::{GgufVocab, TokenType, ids_of};
use crate::error::TextError;
use crate::tokenizer::encode::SpecialTokens;

/// Characters beyond which a word is unknown, as in the models' own files.
const MAX_WORD_CHARS: usize = 100;
/// What begins a piece within a word, in the models' own spelling.
const INSIDE: &str = "##";

pub(super) fn build(vocab: &GgufVocab) -> Result<Built, TextError> {
    let texts = own_spelling(vocab);
    ids_of(&texts)?;
    let special = SpecialTokens { bos: Some(101), eos: None, unk: Some(100), pad: Some(0) };
    let unk = vocab.unk_token_id.or(special.unk);
    let Some(unk) = unk.and_then(|id| texts.get(id as usize)) else {
        let (id, vocab_size) = (unk.unwrap_or_default(), texts.len());
        return Err(TextError::SpecialTokenId { which: "unk", id, vocab_size });
    };
    let model = WordPiece::builder().vocab(library_ids(&texts)).unk_token(unk.clone());
    let model = model.continuing_subword_prefix(INSIDE.to_owned());
    let model = model.max_input_chars_per_word(MAX_WORD_CHARS).build().map_err(TextError::Vocab)?;
    let mut library = Library::new(ModelWrapper::WordPiece(model));
    let lowercase = vocab.lowercase.unwrap_or(true);
    let strip_accents = vocab.strip_accents.unwrap_or(lowercase);
    let normalizer = json!({"type": "BertNormalizer", "clean_text": true,
        "handle_chinese_chars": true, "strip_accents": strip_accents, "lowercase": lowercase});
    let normalizer: NormalizerWrapper = part(normalizer)?;
    library.with_normalizer(Some(normalizer)).map_err(TextError::Vocab)?;
    let words: PreTokenizerWrapper = part(json!({"type": "BertPreTokenizer"}))?;
    library.with_pre_tokenizer(Some(words));
    let decoder = json!({"type": "WordPiece", "prefix": INSIDE, "cleanup": true});
    library.with_decoder(Some(part::<DecoderWrapper>(decoder)?));
    let sep = vocab.sep_token_id.or_else(|| (texts.len() > 102).then_some(102));
    Ok(Built { library, texts, special, add_bos: true, add_eos: false, sep })
}

/// The pieces as their `vocab.txt` spells them. GGUF files mark the pieces that begin a word by
/// `▁`, where BERT marks the others; tokens in brackets stand as they are.
fn own_spelling(vocab: &GgufVocab) -> Vec<String> {
    let spell = |(id, text): (usize, String)| {
        let bracketed = text.starts_with('[') && text.ends_with(']');
        if bracketed || vocab.type_of(id) != TokenType::Normal {
            return text;
        }
        match text.strip_prefix('▁') {
            Some(word) if !word.is_empty() => word.to_owned(),
            _ => format!("{INSIDE}{text}"),
        }
    };
    vocab.texts().into_iter().enumerate().map(spell).collect()
}
