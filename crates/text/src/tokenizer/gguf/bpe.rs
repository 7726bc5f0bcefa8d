//! BPE with the file's own merge rules: over bytes (`gpt2`) or over characters (`gemma4`).

use std::collections::{HashMap, HashSet};

use serde_json::json;
use tokenizers::Tokenizer as Library;
use tokenizers::models::ModelWrapper;
use tokenizers::models::bpe::{BPE, BpeBuilder, Merges, Vocab};

use super::build::Built;
use super::parts::{part, pieces_decoder};
use super::pre_tokenizer;
use super::vocab::{GgufVocab, ids_of};
use crate::error::TextError;
use crate::tokenizer::encode::SpecialTokens;

/// The pre-tokenizer that llama.cpp takes for a file without one.
const UNNAMED: &str = "default";

/// Byte-level BPE: each byte of the text is a character of the vocabulary.
pub(super) fn byte_level(vocab: &GgufVocab) -> Result<Built, TextError> {
    let pre = pre_tokenizer::by_name(vocab.pre.as_deref().unwrap_or(UNNAMED))?;
    let texts = vocab.texts();
    let bpe = builder(vocab, &texts)?.ignore_merges(pre.ignore_merges);
    let mut library = library_of(bpe)?;
    library.with_pre_tokenizer(Some(pre.wrapper));
    let decoder = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
        "use_regex": true});
    library.with_decoder(Some(part::<tokenizers::DecoderWrapper>(decoder)?));
    let special = SpecialTokens::default();
    Ok(Built { library, texts, special, add_bos: pre.add_bos, add_eos: false, sep: None })
}

/// BPE over the characters of a text whose spaces are written `▁`; what has no piece is written
/// in bytes. Lines are cut apart since no rule crosses their ends.
pub(super) fn characters(vocab: &GgufVocab) -> Result<Built, TextError> {
    let texts = vocab.texts();
    let mut bpe = builder(vocab, &texts)?.byte_fallback(true).fuse_unk(true);
    if let Some(unk) = vocab.unk_token_id.and_then(|id| texts.get(id as usize)) {
        bpe = bpe.unk_token(unk.clone());
    }
    let mut library = library_of(bpe)?;
    let spaces = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let normalizer: tokenizers::NormalizerWrapper = part(spaces)?;
    library.with_normalizer(Some(normalizer)).map_err(TextError::Vocab)?;
    library.with_pre_tokenizer(Some(pre_tokenizer::lines()?));
    library.with_decoder(Some(pieces_decoder(false)?));
    let special = SpecialTokens::default();
    Ok(Built { library, texts, special, add_bos: true, add_eos: false, sep: None })
}

/// A tokenizer of only a model.
pub(super) fn library_of(bpe: BpeBuilder) -> Result<Library, TextError> {
    Ok(Library::new(ModelWrapper::BPE(bpe.build().map_err(TextError::Vocab)?)))
}

/// The library's form of texts by id.
pub(super) fn library_ids(texts: &[String]) -> Vocab {
    texts.iter().cloned().zip(0..).collect()
}

fn builder(vocab: &GgufVocab, texts: &[String]) -> Result<BpeBuilder, TextError> {
    let merges = split_merges(&vocab.merges, &ids_of(texts)?)?;
    Ok(BPE::builder().vocab_and_merges(library_ids(texts), merges))
}

/// The merge rules as pairs. The library takes the last of two equal rules, llama.cpp and
/// transformers the first; so the later ones are dropped.
fn split_merges(rules: &[String], ids: &HashMap<&str, u32>) -> Result<Merges, TextError> {
    let mut seen = HashSet::with_capacity(rules.len());
    let mut merges = Vec::with_capacity(rules.len());
    for (merge_idx, rule) in rules.iter().enumerate() {
        // A piece may begin with a space, so the first character never parts the two.
        let first = rule.chars().next().map_or(0, char::len_utf8);
        let cut = rule[first..].find(' ').map(|at| (&rule[..first + at], &rule[first + at + 1..]));
        let Some((left, right)) = cut.filter(|(_, right)| !right.is_empty()) else {
            return Err(TextError::BadMerge { merge_idx, rule: rule.clone() });
        };
        let whole = [left, right].concat();
        if let Some(missing) = [left, right, &whole].into_iter().find(|&t| !ids.contains_key(t)) {
            let (rule, missing) = (rule.clone(), missing.to_owned());
            return Err(TextError::UnknownMerge { merge_idx, rule, missing });
        }
        if seen.insert((left, right)) {
            merges.push((left.to_owned(), right.to_owned()));
        }
    }
    Ok(merges)
}
