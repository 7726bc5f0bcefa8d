//! SentencePiece BPE: pieces with scores, the best pair of neighbours merged first.

use serde_json::json;
use tokenizers::NormalizerWrapper;
use tokenizers::models::bpe::{BPE, Merges};

use super::bpe::{library_ids, library_of};
use super::build::Built;
use super::parts::{part, pieces_decoder};
use super::vocab::{GgufVocab, TokenType, ids_of};
use crate::error::TextError;
use crate::limits::MAX_MERGE_BYTES;
use crate::tokenizer::encode::SpecialTokens;

pub(super) fn build(vocab: &GgufVocab) -> Result<Built, TextError> {
    vocab.check_scores()?;
    let texts = vocab.texts();
    let special = SpecialTokens { bos: Some(1), eos: Some(2), unk: Some(0), pad: None };
    let merges = merges_by_score(vocab, &texts)?;
    let mut bpe = BPE::builder().vocab_and_merges(library_ids(&texts), merges);
    bpe = bpe.byte_fallback(true).fuse_unk(true);
    let unk = vocab.unk_token_id.or(special.unk);
    if let Some(unk) = unk.and_then(|id| texts.get(id as usize)) {
        bpe = bpe.unk_token(unk.clone());
    }
    let mut library = library_of(bpe)?;
    let add_space_prefix = vocab.add_space_prefix.unwrap_or(true);
    let spaces = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let normalizer = if add_space_prefix {
        let first = json!({"type": "Prepend", "prepend": "▁"});
        json!({"type": "Sequence", "normalizers": [first, spaces]})
    } else {
        spaces
    };
    let normalizer: NormalizerWrapper = part(normalizer)?;
    library.with_normalizer(Some(normalizer)).map_err(TextError::Vocab)?;
    library.with_decoder(Some(pieces_decoder(add_space_prefix)?));
    Ok(Built { library, texts, special, add_bos: true, add_eos: false, sep: None })
}

/// Merge rules that do what the scores say: every way to put a piece together from two others,
/// those of the best piece first.
///
/// Two pieces of equal score are merged in the order of the rules, where SentencePiece takes the
/// leftmost in the text; so does transformers' own conversion. Control tokens and bytes are no
/// pieces of text and take no part, so that no text can spell a control token.
///
/// # Errors
/// If pieces are so long that trying every cut would exceed [`MAX_MERGE_BYTES`].
pub(super) fn merges_by_score(vocab: &GgufVocab, texts: &[String]) -> Result<Merges, TextError> {
    let ids = ids_of(texts)?;
    let is_text = |id: usize| match vocab.type_of(id) {
        TokenType::Normal | TokenType::UserDefined | TokenType::Unused => true,
        TokenType::Unknown | TokenType::Control | TokenType::Byte => false,
    };
    let piece = |text: &str| ids.get(text).copied().filter(|&id| is_text(id as usize));
    let mut found = 0usize;
    let mut merges: Vec<(f32, u32, u32, u32)> = Vec::new();
    for (text, id) in texts.iter().zip(0u32..) {
        if !is_text(id as usize) {
            continue;
        }
        found = found.saturating_add(text.len().saturating_mul(text.chars().count() - 1));
        if found > MAX_MERGE_BYTES {
            return Err(TextError::PiecesTooLong { found, limit: MAX_MERGE_BYTES });
        }
        for (cut, _) in text.char_indices().skip(1) {
            let (left, right) = text.split_at(cut);
            if let (Some(left), Some(right)) = (piece(left), piece(right)) {
                merges.push((vocab.scores[id as usize], id, left, right));
            }
        }
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2, a.3).cmp(&(b.1, b.2, b.3))));
    let text = |id: u32| texts[id as usize].clone();
    Ok(merges.into_iter().map(|(_, _, left, right)| (text(left), text(right))).collect())
}
