//! SentencePiece unigram: the pieces of the text with the highest sum of scores.

use serde_json::json;
use tokenizers::models::ModelWrapper;
use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::{Precompiled, Sequence};
use tokenizers::{DecoderWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer as Library};

use super::build::Built;
use super::parts::part;
use super::vocab::{GgufVocab, TokenType, ids_of};
use crate::error::TextError;
use crate::tokenizer::encode::SpecialTokens;

/// Score of a token that no text may spell: worse than any sum of pieces.
const NEVER: f64 = -1e30;

pub(super) fn build(vocab: &GgufVocab) -> Result<Built, TextError> {
    vocab.check_scores()?;
    let texts = vocab.texts();
    ids_of(&texts)?;
    let special = SpecialTokens { bos: None, eos: Some(1), unk: Some(2), pad: Some(0) };
    let mut library = Library::new(ModelWrapper::Unigram(model(vocab, &texts, special)?));
    let normalizer = NormalizerWrapper::Sequence(Sequence::new(normalizers(vocab)?));
    library.with_normalizer(Some(normalizer)).map_err(TextError::Vocab)?;
    let scheme = if vocab.add_space_prefix.unwrap_or(true) { "always" } else { "never" };
    let spaces = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme,
        "split": false});
    library.with_pre_tokenizer(Some(part::<PreTokenizerWrapper>(spaces.clone())?));
    library.with_decoder(Some(part::<DecoderWrapper>(spaces)?));
    Ok(Built { library, texts, special, add_bos: false, add_eos: true, sep: None })
}

fn model(
    vocab: &GgufVocab,
    texts: &[String],
    special: SpecialTokens,
) -> Result<Unigram, TextError> {
    let score = |(id, &score): (usize, &f32)| match vocab.type_of(id) {
        TokenType::Normal | TokenType::Unused => f64::from(score),
        TokenType::UserDefined => 0.0,
        TokenType::Unknown | TokenType::Control | TokenType::Byte => NEVER,
    };
    let scores = vocab.scores.iter().enumerate().map(score);
    let pieces: Vec<(String, f64)> = texts.iter().cloned().zip(scores).collect();
    let bytes = vocab.token_types.contains(&TokenType::Byte);
    let unk = vocab.unk_token_id.or(special.unk).map(|id| id as usize);
    let mut model = Unigram::from(pieces, unk, bytes).map_err(TextError::Vocab)?;
    // What an unknown character costs is measured by the worst piece of text.
    let normal = vocab.scores.iter().enumerate();
    let normal = normal.filter(|&(id, _)| vocab.type_of(id) == TokenType::Normal);
    model.min_score = normal.map(|(_, &score)| f64::from(score)).fold(0.0, f64::min);
    Ok(model)
}

/// The file's own rules, then white space as SentencePiece treats it.
///
/// The library applies the rules to a letter together with the marks above it, SentencePiece to
/// the longest match; where a rule fits only the letter, the marks are lost. transformers has the
/// same difference, so we keep it.
fn normalizers(vocab: &GgufVocab) -> Result<Vec<NormalizerWrapper>, TextError> {
    let mut all = Vec::new();
    if !vocab.precompiled_charsmap.is_empty() {
        let rules = Precompiled::from(&vocab.precompiled_charsmap);
        let rules = rules.map_err(|error| TextError::Vocab(Box::new(error)))?;
        all.push(NormalizerWrapper::Precompiled(rules));
    }
    if vocab.remove_extra_whitespaces.unwrap_or(false) {
        // Spaces only: the library's own `Strip` takes other white space too.
        let ends = json!({"type": "Replace", "pattern": {"Regex": "^ +| +$"}, "content": ""});
        let runs = json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "});
        all.extend([part(ends)?, part(runs)?]);
    }
    Ok(all)
}
