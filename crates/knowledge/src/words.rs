//! One notion of a word for the keyword index, grounding and citing.
//!
//! Chinese text is cut into dictionary words by jieba; everything else by the Unicode word rules,
//! lower-cased and reduced to its English stem. Numbers stay whole: `1,500` is one word.

use tantivy::tokenizer::{
    Language, LowerCaser, RemoveLongFilter, Stemmer, TextAnalyzer, Token, TokenStream, Tokenizer,
};
use tantivy_jieba::JiebaTokenizer;
use unicode_segmentation::UnicodeSegmentation;

/// Longest word that is indexed, in bytes; longer runs are encoded data, not language.
const MAX_WORD_BYTES: usize = 64;

/// The analyzer of the keyword index, the same for documents and queries.
pub(crate) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(MixedTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(Stemmer::new(Language::English))
        .build()
}

/// The words of `text` as the keyword index sees them.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut analyzer = analyzer();
    let mut stream = analyzer.token_stream(text);
    let mut words = Vec::new();
    while stream.advance() {
        words.push(stream.token().text.clone());
    }
    words
}

/// The words of `text` that carry meaning: [`words`] without function words.
pub(crate) fn content_words(text: &str) -> Vec<String> {
    let mut words = words(text);
    words.retain(|word| !FUNCTION_WORDS.contains(&word.as_str()));
    words
}

/// The words to search for when `text` is the query: [`content_words`], or all if it has no other.
pub(crate) fn query_words(text: &str) -> Vec<String> {
    let content = content_words(text);
    if content.is_empty() { words(text) } else { content }
}

/// Words so common that sharing them says nothing, stemmed.
const FUNCTION_WORDS: &[&str] = &[
    "a", "an", "the", "and", "or", "but", "if", "of", "to", "in", "on", "at", "by", "for", "from",
    "with", "as", "into", "about", "is", "are", "was", "were", "be", "been", "am", "do", "doe",
    "did", "doe", "have", "has", "had", "can", "could", "will", "would", "may", "might", "must",
    "shall", "should", "i", "you", "he", "she", "it", "we", "they", "me", "my", "your", "our",
    "their", "this", "that", "these", "those", "there", "here", "what", "which", "who", "when",
    "where", "how", "whi", "ani", "some", "so", "than", "then", "的", "了", "是", "在", "我", "你",
    "您", "吗", "呢", "和", "与", "有", "什么", "怎么", "如何", "请问", "可以",
];

/// Cuts text into Unicode words, and runs of Han characters into jieba's words.
#[derive(Clone, Default)]
struct MixedTokenizer {
    jieba: JiebaTokenizer,
}

/// The tokens of one text, already cut.
struct MixedStream {
    tokens: std::vec::IntoIter<Token>,
    current: Token,
}

impl Tokenizer for MixedTokenizer {
    type TokenStream<'a> = MixedStream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> MixedStream {
        let mut tokens = Vec::new();
        let mut han: Option<(usize, usize)> = None;
        for (start, word) in text.unicode_word_indices() {
            let end = start + word.len();
            if word.chars().all(is_han) {
                han = match han {
                    Some((run_start, run_end)) if run_end == start => Some((run_start, end)),
                    pending => {
                        self.flush(text, pending, &mut tokens);
                        Some((start, end))
                    }
                };
            } else {
                self.flush(text, han.take(), &mut tokens);
                push(&mut tokens, word, start);
            }
        }
        self.flush(text, han, &mut tokens);
        MixedStream { tokens: tokens.into_iter(), current: Token::default() }
    }
}

impl MixedTokenizer {
    /// Adds jieba's words of a run of Han characters.
    fn flush(&mut self, text: &str, run: Option<(usize, usize)>, tokens: &mut Vec<Token>) {
        let Some((start, end)) = run else { return };
        let mut stream = self.jieba.token_stream(&text[start..end]);
        while stream.advance() {
            let token = stream.token();
            push(tokens, &token.text, start + token.offset_from);
        }
    }
}

fn push(tokens: &mut Vec<Token>, word: &str, start: usize) {
    tokens.push(Token {
        offset_from: start,
        offset_to: start + word.len(),
        position: tokens.len(),
        text: word.to_owned(),
        position_length: 1,
    });
}

fn is_han(ch: char) -> bool {
    matches!(ch, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}' | '々' | '〇')
}

impl TokenStream for MixedStream {
    fn advance(&mut self) -> bool {
        match self.tokens.next() {
            Some(token) => {
                self.current = token;
                true
            }
            None => false,
        }
    }

    fn token(&self) -> &Token {
        &self.current
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(words(text), expected, "words of {text:?}");
    }

    #[test]
    fn english_is_stemmed_and_numbers_stay_whole() {
        check("Depositing checks: $1,500.00!", &["deposit", "check", "1,500.00"]);
        check("The card's fees", &["the", "card", "fee"]);
    }

    #[test]
    fn chinese_is_cut_into_words() {
        check("信用卡年费 Gold卡", &["信用", "信用卡", "年费", "gold", "卡"]);
    }

    #[test]
    fn function_words_carry_no_meaning() {
        assert_eq!(content_words("What is the fee?"), ["fee"]);
        assert_eq!(content_words("年费是什么"), ["年费"]);
        assert_eq!(query_words("Who are you?"), ["who", "are", "you"]);
    }
}
