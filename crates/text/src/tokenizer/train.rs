//! A byte-level BPE vocabulary learned from texts.

use std::sync::atomic::{AtomicU64, Ordering};

use catena_protocol::{Cancel, Progress};
use serde_json::{Value, json};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::tokenizer::{OffsetReferential, OffsetType};
use tokenizers::{AddedToken, PreTokenizedString, PreTokenizer as _, Trainer as _};

use super::encode::{SpecialTokens, Tokenizer};
use super::gguf::{Frame, pre_tokenizer};
use crate::error::TextError;
use crate::limits::{MAX_TRAINING_BYTES, MAX_VOCAB_SIZE};

/// Tokens that every vocabulary begins with, after the special ones.
const NUM_BYTES: usize = 256;

/// What a vocabulary is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BpeOptions {
    /// Tokens in all, bytes and special tokens included; fewer if the texts have no more pairs.
    pub vocab_size: usize,
    /// How often a pair must stand in the texts to become a token.
    pub min_frequency: u64,
    /// How texts are cut into words, by llama.cpp's names: `gpt-2`, `llama-bpe`, `qwen2`, ….
    pub pre_tokenizer: String,
    /// The token that begins every text, if one does.
    pub bos_token: Option<String>,
    /// The token that ends a text.
    pub eos_token: String,
    /// The token of empty places in a batch.
    pub pad_token: Option<String>,
    /// More special tokens, such as those of a chat template.
    pub special_tokens: Vec<String>,
}

impl BpeOptions {
    /// `vocab_size` tokens, cut as Llama 3 cuts, with tokens around texts and for padding.
    pub fn new(vocab_size: usize) -> Self {
        Self {
            vocab_size,
            min_frequency: 2,
            pre_tokenizer: "llama-bpe".to_owned(),
            bos_token: Some("<|begin_of_text|>".to_owned()),
            eos_token: "<|end_of_text|>".to_owned(),
            pad_token: Some("<|pad|>".to_owned()),
            special_tokens: Vec::new(),
        }
    }

    /// All special tokens, each once, in the order of their ids.
    fn all_special(&self) -> Vec<&String> {
        let named = self.bos_token.iter().chain([&self.eos_token]).chain(&self.pad_token);
        let mut all: Vec<&String> = Vec::new();
        for token in named.chain(&self.special_tokens) {
            if !all.contains(&token) {
                all.push(token);
            }
        }
        all
    }
}

/// Learns a vocabulary: starting from the 256 bytes, the most frequent pair of neighbours within a
/// word becomes a token, again and again.
///
/// The result depends on the texts only, not on their order nor on `threads`. Texts are taken one
/// by one, counted as words and dropped. When `cancel` is set no further text is taken; merging
/// itself, seconds for tens of megabytes, runs to its end.
///
/// # Errors
/// Options that make no vocabulary; no text, or more than can be counted; cancellation.
///
/// # Source
/// Sennrich et al. 2016, arXiv:1508.07909, over bytes as GPT-2's; the `tokenizers` crate.
pub fn train_bpe(
    texts: impl Iterator<Item = String> + Send,
    options: &BpeOptions,
    threads: usize,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Tokenizer, TextError> {
    let words = pre_tokenizer::by_name(&options.pre_tokenizer)?;
    let special = check(options, &words.wrapper)?;
    let mut trainer = BpeTrainer::builder()
        .vocab_size(options.vocab_size)
        .min_frequency(options.min_frequency)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(special)
        .build();
    let bpe = BPE::builder().ignore_merges(words.ignore_merges).build();
    let mut bpe = bpe.map_err(TextError::Vocab)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| TextError::Vocab(error.into()))?;
    pool.install(|| {
        count_words(&mut trainer, &words.wrapper, texts, progress, cancel)?;
        progress.begin("merge pairs", None, "words");
        progress.update(trainer.get_word_count() as u64);
        let merged = trainer.train(&mut bpe).map_err(TextError::Vocab);
        progress.end();
        merged
    })?;
    assemble(bpe, words.wrapper, options)
}

/// Counts the words of all texts.
fn count_words(
    trainer: &mut BpeTrainer,
    words: &PreTokenizerWrapper,
    texts: impl Iterator<Item = String> + Send,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(), TextError> {
    progress.begin("count words", None, "bytes");
    let bytes = AtomicU64::new(0);
    let texts = texts.take_while(|text| {
        let before = bytes.fetch_add(text.len() as u64, Ordering::Relaxed);
        progress.update(before);
        before <= MAX_TRAINING_BYTES && !cancel.is_cancelled()
    });
    let counted = trainer.feed(texts, |text| {
        let mut pieces = PreTokenizedString::from(text);
        words.pre_tokenize(&mut pieces)?;
        let pieces = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        Ok(pieces.into_iter().map(|(piece, _, _)| piece.to_owned()).collect())
    });
    progress.end();
    counted.map_err(TextError::Vocab)?;
    let bytes = bytes.into_inner();
    if cancel.is_cancelled() {
        return Err(TextError::TrainingCancelled);
    }
    if bytes > MAX_TRAINING_BYTES {
        return Err(TextError::TrainingTextTooLong { limit: MAX_TRAINING_BYTES });
    }
    if trainer.get_word_count() == 0 {
        return Err(TextError::NoTrainingText);
    }
    Ok(())
}

/// Refuses options that make no vocabulary; returns its special tokens.
///
/// A special token must not be one word of a text, or a text that holds it could not be told from
/// the token.
fn check(options: &BpeOptions, words: &PreTokenizerWrapper) -> Result<Vec<AddedToken>, TextError> {
    let special = options.all_special();
    let (found, least) = (options.vocab_size, NUM_BYTES + special.len());
    if found < least {
        return Err(TextError::VocabTooSmall { found, least });
    }
    if found > MAX_VOCAB_SIZE {
        return Err(TextError::VocabTooLarge { found, limit: MAX_VOCAB_SIZE });
    }
    for &token in &special {
        let mut pieces = PreTokenizedString::from(token.as_str());
        words.pre_tokenize(&mut pieces).map_err(TextError::Vocab)?;
        if pieces.get_splits(OffsetReferential::Original, OffsetType::Byte).len() < 2 {
            return Err(TextError::SpecialTokenIsWord { token: token.clone() });
        }
    }
    Ok(special.into_iter().map(|token| AddedToken::from(token.clone(), true)).collect())
}

/// The tokenizer around a learned vocabulary.
fn assemble(
    bpe: BPE,
    words: PreTokenizerWrapper,
    options: &BpeOptions,
) -> Result<Tokenizer, TextError> {
    let mut library = tokenizers::Tokenizer::new(bpe);
    library.with_pre_tokenizer(Some(words));
    library.with_decoder(Some(ByteLevel::default()));
    let tokens = options.all_special().into_iter().cloned();
    let tokens = tokens.map(|token| AddedToken::from(token, true).normalized(false));
    library.add_special_tokens(tokens.collect::<Vec<_>>()).map_err(TextError::Vocab)?;
    let id = |token: Option<&String>| library.token_to_id(token?);
    let special = SpecialTokens {
        bos: id(options.bos_token.as_ref()),
        eos: id(Some(&options.eos_token)),
        unk: None,
        pad: id(options.pad_token.as_ref()),
    };
    let before = options.bos_token.clone().zip(special.bos);
    library.with_post_processor(Frame { before, ..Frame::default() }.post_processor()?);
    Tokenizer::new(library, special)
}

impl Tokenizer {
    /// A `tokenizer_config.json` for transformers; with [`Self::to_json`] all that it needs.
    pub fn config_json(&self) -> serde_json::Map<String, Value> {
        let mut config = self.special_tokens_map();
        config.insert("add_prefix_space".to_owned(), json!(false));
        config.insert("clean_up_tokenization_spaces".to_owned(), json!(false));
        config.insert("tokenizer_class".to_owned(), json!("PreTrainedTokenizerFast"));
        config
    }

    /// The special tokens by their names in transformers.
    pub fn special_tokens_map(&self) -> serde_json::Map<String, Value> {
        let ids = [
            ("bos_token", self.special.bos),
            ("eos_token", self.special.eos),
            ("unk_token", self.special.unk),
            ("pad_token", self.special.pad),
        ];
        let texts = ids.into_iter().filter_map(|(key, id)| Some((key, self.token_text(id?)?)));
        texts.map(|(key, text)| (key.to_owned(), json!(text))).collect()
    }
}

#[cfg(test)]
mod tests;
