//! English words and sentences, as DataTrove counts them.
//!
//! DataTrove's quality filters for English split a text with spaCy's blank English pipeline, so
//! the ratios their thresholds bound depend on its rules: chunks of text between whitespace are
//! peeled of prefixes and suffixes, looked up in a list of exceptions, tested for being an
//! address, and cut at infixes; then sequences of tokens that spell an exception are put
//! together again; then sentences begin after runs of terminal punctuation. The rules are
//! written here as tables and functions over characters, and the splits of short chunks are kept
//! in a bounded cache, so that the common chunk costs one look-up.
//!
//! **Invariant:** the words of a text are a function of the text alone; what the cache holds
//! decides only how long it takes.
//!
//! # Source
//! spaCy 3.8.18 (`lang/en`, `lang/char_classes`, `lang/tokenizer_exceptions`, `tokenizer`,
//! `pipeline/sentencizer`) as DataTrove 0.10.1 calls it (`utils/word_tokenizers`). One departure:
//! DataTrove deletes every `IS_ALPHA` from a text in which it stands as a word, because spaCy
//! fails on that word; here it is a word like another.

mod affixes;
mod cache;
mod characters;
mod exceptions;
mod phrases;
mod sentences;
mod split;
mod tokenizer;
mod unicode;
mod url;
mod word;

pub use characters::{is_letter, is_space, is_symbol, is_terminal_punctuation};
pub use sentences::{Sentences, count_sentences, sentence_starts};
pub use tokenizer::EnglishTokenizer;
pub(crate) use unicode::{for_each_unicode_word, unicode_words};
pub use word::Word;

#[cfg(test)]
mod tests;
