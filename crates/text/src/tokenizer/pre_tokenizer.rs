//! The pre-tokenizers that GGUF files name in `tokenizer.ggml.pre`.

use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;

use crate::error::TextError;

/// One rule set: the names that mean it and how to build it.
struct Rule {
    names: &'static [&'static str],
    kind: Kind,
}

enum Kind {
    /// GPT-2's own regular expression.
    Gpt2,
    /// Each digit alone, then GPT-2's.
    DigitsThenGpt2,
    /// A regular expression of the model, then bytes without another one.
    Pattern { regex: &'static str, ignore_merges: bool },
}

/// Source of the patterns: the models' `tokenizer.json` files.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const RULES: &[Rule] = &[
    Rule { names: &["gpt-2", "default"], kind: Kind::Gpt2 },
    Rule { names: &["smollm", "starcoder", "refact", "command-r"], kind: Kind::DigitsThenGpt2 },
    Rule {
        names: &["llama-bpe", "llama3", "llama-v3"],
        kind: Kind::Pattern { regex: LLAMA3, ignore_merges: true },
    },
    Rule { names: &["qwen2"], kind: Kind::Pattern { regex: QWEN2, ignore_merges: false } },
];

/// A pre-tokenizer and whether a whole word in the vocabulary is taken without merging.
pub(super) struct PreTokenizer {
    pub(super) wrapper: PreTokenizerWrapper,
    pub(super) ignore_merges: bool,
}

/// The rules called `name`.
///
/// # Errors
/// If the name is unknown: guessing would give silently wrong tokens.
pub(super) fn by_name(name: &str) -> Result<PreTokenizer, TextError> {
    let Some(rule) = RULES.iter().find(|rule| rule.names.contains(&name)) else {
        let found = name.to_owned();
        return Err(TextError::UnsupportedPreTokenizer { found, known: names() });
    };
    build(&rule.kind)
}

/// All names we know.
pub(super) fn names() -> Vec<&'static str> {
    RULES.iter().flat_map(|rule| rule.names.iter().copied()).collect()
}

/// The GGUF name of the rules that a `tokenizer.json` holds, if they are among ours.
pub(super) fn name_of(wrapper: &PreTokenizerWrapper) -> Option<&'static str> {
    let same =
        |rule: &&Rule| build(&rule.kind).is_ok_and(|known| same_rules(&known.wrapper, wrapper));
    RULES.iter().find(same).map(|rule| rule.names[0])
}

fn build(kind: &Kind) -> Result<PreTokenizer, TextError> {
    let bytes = |use_regex| PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, use_regex));
    let (wrapper, ignore_merges) = match *kind {
        Kind::Gpt2 => (bytes(true), false),
        Kind::DigitsThenGpt2 => {
            let digits = PreTokenizerWrapper::Digits(Digits::new(true));
            (PreTokenizerWrapper::Sequence(Sequence::new(vec![digits, bytes(true)])), false)
        }
        Kind::Pattern { regex, ignore_merges } => {
            let pattern = SplitPattern::Regex(regex.to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
                .map_err(TextError::Vocab)?;
            let parts = vec![PreTokenizerWrapper::Split(split), bytes(false)];
            (PreTokenizerWrapper::Sequence(Sequence::new(parts)), ignore_merges)
        }
    };
    Ok(PreTokenizer { wrapper, ignore_merges })
}

/// Equal up to `trim_offsets`, which does not change the ids.
fn same_rules(a: &PreTokenizerWrapper, b: &PreTokenizerWrapper) -> bool {
    let plain = |wrapper: &PreTokenizerWrapper| {
        serde_json::to_string(wrapper)
            .map(|json| json.replace("\"trim_offsets\":true", "\"trim_offsets\":false"))
    };
    matches!((plain(a), plain(b)), (Ok(a), Ok(b)) if a == b)
}
