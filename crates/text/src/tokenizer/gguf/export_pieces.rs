//! SentencePiece's BPE as GGUF files have it: pieces with scores in the place of merge rules.

use std::collections::{HashMap, HashSet};

use tokenizers::Tokenizer as Library;

use super::export::{BpeParts, not_written};
use super::sentencepiece::merges_by_score;
use super::vocab::{GgufVocab, TokenType};
use crate::error::TextError;
use crate::tokenizer::encode::Tokenizer;
use crate::tokenizer::token_table::byte_fallback;

/// How llama.cpp's converter calls the pre-tokenizer of such vocabularies, which have none.
const PRE: &str = "default";
/// Score of a token that is always whole, as the converter writes it; nothing reads it.
const WHOLE: f32 = -1000.0;
/// Texts that must be written piece by piece as they are, but for a space that may stand before.
const PROBES: [&str; 4] = ["a b", "two  spaces ", "Ａﬁ e\u{301}é", "x\n\t1,000"];

/// The vocabulary, but for its special tokens.
///
/// A piece that rules make gets the rank of its first rule as its score, so that the best pair by
/// score is the best by rule. Pieces that no rule makes score below all others.
///
/// # Errors
/// If the rules are not those that scores give (all ways to make a piece, one piece after the other),
/// or a text is changed before it is cut.
pub(super) fn vocab(tokenizer: &Tokenizer, parts: BpeParts) -> Result<GgufVocab, TextError> {
    let Some(add_space_prefix) = space_prefix(tokenizer)? else {
        return Err(not_written("BPE over characters of a text that is changed first"));
    };
    let token_types = types(&tokenizer.inner, &parts);
    let ranks = ranks(&parts.merges);
    let unk_token_id = (0..).zip(&token_types).find(|(_, kind)| **kind == TokenType::Unknown);
    let vocab = GgufVocab {
        model: "llama".to_owned(),
        pre: Some(PRE.to_owned()),
        scores: scores(&parts.tokens, &token_types, &ranks),
        unk_token_id: unk_token_id.map(|(id, _)| id),
        add_space_prefix: Some(add_space_prefix),
        tokens: parts.tokens,
        token_types,
        ..GgufVocab::default()
    };
    if !gives_rules(&vocab, &parts.merges, &ranks)? {
        return Err(not_written("BPE over characters with rules that no scores give"));
    }
    Ok(GgufVocab { tokens: with_plain_spaces(&vocab), ..vocab })
}

/// Whether a space is put before a text; `None` if something else is changed in it.
fn space_prefix(tokenizer: &Tokenizer) -> Result<Option<bool>, TextError> {
    let mut prefixes = Vec::new();
    for text in PROBES {
        let ids = tokenizer.encode(text, false, false)?;
        let bytes: Vec<u8> = ids.into_iter().flat_map(|id| tokenizer.token_bytes(id)).collect();
        prefixes.push(match bytes.strip_suffix(text.as_bytes()) {
            Some([]) => false,
            Some([b' ']) => true,
            Some(_) | None => return Ok(None),
        });
    }
    Ok(prefixes.iter().all(|prefix| *prefix == prefixes[0]).then(|| prefixes[0]))
}

fn types(library: &Library, parts: &BpeParts) -> Vec<TokenType> {
    let added = library.get_added_tokens_decoder();
    let kind = |(id, text): (u32, &String)| {
        if parts.unk_token.as_ref() == Some(text) {
            TokenType::Unknown
        } else if let Some(token) = added.get(&id) {
            if token.special { TokenType::Control } else { TokenType::UserDefined }
        } else if byte_fallback(text).is_some() {
            TokenType::Byte
        } else if library.id_to_token(id).is_none() {
            TokenType::Unused
        } else {
            TokenType::Normal
        }
    };
    (0..).zip(&parts.tokens).map(kind).collect()
}

/// The pieces that rules make, numbered in order of their first rules.
fn ranks(merges: &[(String, String)]) -> HashMap<String, usize> {
    let mut ranks = HashMap::new();
    for (left, right) in merges {
        let next = ranks.len();
        ranks.entry(format!("{left}{right}")).or_insert(next);
    }
    ranks
}

fn scores(tokens: &[String], types: &[TokenType], ranks: &HashMap<String, usize>) -> Vec<f32> {
    let score = |(id, (text, kind)): (usize, (&String, &TokenType))| match kind {
        TokenType::Unknown | TokenType::Control | TokenType::Byte => 0.0,
        TokenType::UserDefined | TokenType::Unused => WHOLE,
        TokenType::Normal => {
            let rank = ranks.get(text).copied().unwrap_or(ranks.len() + id);
            0.0 - rank as f32
        }
    };
    tokens.iter().zip(types).enumerate().map(score).collect()
}

/// Whether the scores give the same rules in the same order, those with tokens left out that are cut
/// out of a text before.
fn gives_rules(
    vocab: &GgufVocab,
    merges: &[(String, String)],
    ranks: &HashMap<String, usize>,
) -> Result<bool, TextError> {
    let normal = vocab.tokens.iter().zip(&vocab.token_types);
    let normal = normal.filter(|(_, kind)| **kind == TokenType::Normal).map(|(text, _)| text);
    let normal: HashSet<&str> = normal.map(String::as_str).collect();
    let ranked = |(left, right): &(String, String)| {
        let whole = format!("{left}{right}");
        let is_text = [left, right, &whole].iter().all(|text| normal.contains(text.as_str()));
        is_text.then(|| (ranks.get(&whole).copied(), left.clone(), right.clone()))
    };
    let mut given: Vec<_> = merges.iter().filter_map(ranked).collect();
    if !given.is_sorted_by_key(|(rank, _, _)| *rank) {
        return Ok(false);
    }
    let by_score = merges_by_score(vocab, &vocab.tokens)?;
    let mut made: Vec<_> = by_score.iter().filter_map(ranked).collect();
    given.sort();
    given.dedup();
    made.sort();
    Ok(given == made)
}

/// The tokens with spaces as they are in those that are always whole, which are looked for in a text
/// before its spaces are rewritten.
fn with_plain_spaces(vocab: &GgufVocab) -> Vec<String> {
    let taken: HashSet<&str> = vocab.tokens.iter().map(String::as_str).collect();
    let plain = |(text, kind): (&String, &TokenType)| {
        let plain = text.replace('\u{2581}', " ");
        let is_new = *kind == TokenType::UserDefined && !taken.contains(plain.as_str());
        if is_new { plain } else { text.clone() }
    };
    vocab.tokens.iter().zip(&vocab.token_types).map(plain).collect()
}
