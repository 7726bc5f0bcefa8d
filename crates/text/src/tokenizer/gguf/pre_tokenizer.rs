//! The pre-tokenizers that GGUF files name in `tokenizer.ggml.pre`.

use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;

use super::pre_tokenizer_table::{Kind, RULES, Rule};
use crate::error::TextError;

/// A pre-tokenizer and what else its name says.
pub(in crate::tokenizer) struct PreTokenizer {
    pub(in crate::tokenizer) wrapper: PreTokenizerWrapper,
    /// Whether a whole word in the vocabulary is taken without merging.
    pub(in crate::tokenizer) ignore_merges: bool,
    /// Whether a text begins with begin of text where the file does not say.
    pub(super) add_bos: bool,
}

/// The rules called `name`.
///
/// # Errors
/// If the name is unknown: guessing would give silently wrong tokens.
pub(in crate::tokenizer) fn by_name(name: &str) -> Result<PreTokenizer, TextError> {
    let Some(rule) = RULES.iter().find(|rule| rule.names.contains(&name)) else {
        let found = name.to_owned();
        return Err(TextError::UnsupportedPreTokenizer { found, known: names() });
    };
    let wrapper = build(&rule.kind)?;
    Ok(PreTokenizer { wrapper, ignore_merges: rule.ignore_merges, add_bos: rule.add_bos })
}

/// All names we know.
pub(super) fn names() -> Vec<&'static str> {
    RULES.iter().flat_map(|rule| rule.names.iter().copied()).collect()
}

/// The GGUF name of the rules that a `tokenizer.json` holds, if they are among ours.
pub(super) fn name_of(wrapper: &PreTokenizerWrapper) -> Option<&'static str> {
    let same = |rule: &&Rule| build(&rule.kind).is_ok_and(|known| same_rules(&known, wrapper));
    RULES.iter().find(same).map(|rule| rule.names[0])
}

/// Each line, and each run of line ends, alone.
pub(super) fn lines() -> Result<PreTokenizerWrapper, TextError> {
    split(r"[^\n]+|[\n]+")
}

fn build(kind: &Kind) -> Result<PreTokenizerWrapper, TextError> {
    let bytes = |use_regex| PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, use_regex));
    let mut parts = match *kind {
        Kind::Gpt2 => return Ok(bytes(true)),
        Kind::DigitsThenGpt2 => {
            let digits = PreTokenizerWrapper::Digits(Digits::new(true));
            return Ok(PreTokenizerWrapper::Sequence(Sequence::new(vec![digits, bytes(true)])));
        }
        Kind::Patterns(patterns) => {
            patterns.iter().map(|pattern| split(pattern)).collect::<Result<Vec<_>, _>>()?
        }
    };
    parts.push(bytes(false));
    Ok(PreTokenizerWrapper::Sequence(Sequence::new(parts)))
}

fn split(regex: &str) -> Result<PreTokenizerWrapper, TextError> {
    let pattern = SplitPattern::Regex(regex.to_owned());
    let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false);
    split.map(PreTokenizerWrapper::Split).map_err(TextError::Vocab)
}

/// Equal up to `trim_offsets`, which does not change the ids.
fn same_rules(a: &PreTokenizerWrapper, b: &PreTokenizerWrapper) -> bool {
    let plain = |wrapper: &PreTokenizerWrapper| {
        serde_json::to_string(wrapper)
            .map(|json| json.replace("\"trim_offsets\":true", "\"trim_offsets\":false"))
    };
    matches!((plain(a), plain(b)), (Ok(a), Ok(b)) if a == b)
}
