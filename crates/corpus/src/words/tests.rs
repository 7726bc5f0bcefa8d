//! Words and sentences against DataTrove's, and what must hold for any text.

use proptest::prelude::*;
use serde::Deserialize;

use super::characters::is_space;
use super::exceptions::Exceptions;
use super::split::{Ends, split_chunk};
use super::word::describe;
use super::{EnglishTokenizer, Sentences, Word, count_sentences, sentence_starts};
use crate::byte_map::ByteMap;

/// One line of the golden file.
#[derive(Deserialize)]
struct Golden {
    text: String,
    words: Vec<String>,
    sentences: Vec<String>,
    count: u32,
}

fn length(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap()
}

fn split(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    EnglishTokenizer::new().tokenize(text, &mut words);
    words
}

/// The words of a text, parted by `|`.
fn check(text: &str, expected: &str) {
    let words = split(text);
    let found: Vec<&str> = words.iter().map(|word| word.text(text)).collect();
    assert_eq!(found.join("|"), expected, "words of {text:?}");
}

#[test]
fn words_are_those_of_the_original() {
    let golden = include_str!("../../tests/golden/words/golden.jsonl");
    let mut tokenizer = EnglishTokenizer::new();
    let mut words = Vec::new();
    let mut lines = 0;
    for line in golden.lines() {
        let Golden { text, words: expected, sentences, count } =
            serde_json::from_str(line).unwrap();
        tokenizer.tokenize(&text, &mut words);
        let found: Vec<&str> = words.iter().map(|word| word.text(&text)).collect();
        assert_eq!(found, expected, "words of {text:?}");
        let found: Vec<&str> = Sentences::new(&text, &words).collect();
        assert_eq!(found, sentences, "sentences of {text:?}");
        assert_eq!(count_sentences(&text, 0..length(&text), &words), count, "count of {text:?}");
        lines += 1;
    }
    assert!(lines >= 280, "only {lines} texts in the golden file");
}

#[test]
fn chunks_are_peeled_and_cut() {
    check("", "");
    check(" \n\t ", "");
    check("(Hello), world!", "(|Hello|)|,|world|!");
    check("I can't, you'd've", "I|ca|n't|,|you|'d|'ve");
    check("well-known e.g. (e.g.)", "well|-|known|e.g.|(|e.g.|)");
    check("http://a.example.com/x-y, 5km.", "http://a.example.com/x-y|,|5|km|.");
}

#[test]
fn a_space_keeps_a_phrase_from_becoming_one_word_but_not_from_winning() {
    check("x:)", "x|:)");
    check("a: ) b", "a|:|)|b");
}

#[test]
fn words_know_their_characters() {
    let text = "Ünï 42 --- ... . ♥ a1";
    let words = split(text);
    let about: Vec<_> = words
        .iter()
        .map(|word| {
            let flags = [
                word.is_alphabetic(),
                word.is_symbol(),
                word.is_punctuation(),
                word.is_sentence_end(),
            ];
            (word.text(text), word.chars, flags.map(u8::from))
        })
        .collect();
    let expected = [
        ("Ünï", 3, [1, 0, 0, 0]),
        ("42", 2, [0, 0, 0, 0]),
        ("---", 3, [0, 1, 1, 0]),
        ("...", 3, [0, 1, 1, 0]),
        (".", 1, [0, 1, 1, 1]),
        ("♥", 1, [0, 0, 0, 0]),
        ("a1", 2, [1, 0, 0, 0]),
    ];
    assert_eq!(about, expected);
}

#[test]
fn labels_are_asked_of_each_word() {
    let mut tokenizer = EnglishTokenizer::with_label(|word| u8::from(word == "the") * 7);
    let mut words = Vec::new();
    for _ in 0..2 {
        tokenizer.tokenize("(the end of the-line", &mut words);
        let labels: Vec<u8> = words.iter().map(|word| word.label).collect();
        assert_eq!(labels, [0, 7, 0, 0, 7, 0, 0]);
    }
}

#[test]
fn whitespace_begins_a_sentence_of_its_own() {
    let text = "One.\n...";
    let words = split(text);
    let mut starts = vec![99];
    sentence_starts(text, 0..length(text), &words, &mut starts);
    assert_eq!(starts, [99, 0, 4]);
    assert_eq!(count_sentences("", 0..0, &[]), 1);
}

#[test]
fn a_full_cache_changes_no_word() {
    let mut tokenizer = EnglishTokenizer::new();
    let mut words = Vec::new();
    // More chunks of several words, and more long ones, than the cache keeps.
    for round in 0..40 {
        let text: String = (0..5000)
            .map(|idx| format!("({round}-word-{idx},a-rather-long-chunk-of-text) x{idx}."))
            .collect::<Vec<_>>()
            .join(" ");
        tokenizer.tokenize(&text, &mut words);
        assert!(words == split(&text), "round {round}");
    }
}

#[test]
fn long_chunks_take_time_in_proportion() {
    // Quadratic work on any of these would take minutes.
    let parts = [
        "(", ")", "a@", "a.", "a-", ".", "x:)", ":)", "1,", "'s", "a.b@", "://a.b", "—", "1.2.@",
        "＠",
    ];
    for part in parts {
        let text = part.repeat((1 << 20) / part.len());
        let words = split(&text);
        assert_eq!(words.first().map(|word| word.start), Some(0));
        assert_eq!(words.last().map(|word| word.end), Some(length(&text)));
    }
}

/// Texts of affixes, exceptions, digits and letters, where the rules meet.
fn tangled() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        " ", " ", "\n", "  ", ".", "..", ",", "-", "--", "'", "’", "'s", "(", ")", ":", ":)", "a",
        "A", "e.g", "don't", "it's", "5", "km", "$", "US$", "°", "C", "www.", ".com", "http://",
        "@", "…", "中", "。", "😀", "é", "\u{a0}", "\u{3000}", "\0",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

fn check_invariants(text: &str) {
    let mut tokenizer = EnglishTokenizer::new();
    let (mut words, mut again) = (Vec::new(), Vec::new());
    tokenizer.tokenize(text, &mut words);
    tokenizer.tokenize(text, &mut again);
    assert_eq!(words, again, "the cache changed the words of {text:?}");
    let mut at = 0;
    for word in &words {
        assert!(word.start < word.end && !word.text(text).contains(is_space));
        assert!(text[at..word.start as usize].chars().all(is_space), "a gap in {text:?}");
        assert_eq!(word.chars as usize, word.text(text).chars().count());
        at = word.end as usize;
    }
    assert!(text[at..].chars().all(is_space));
    let mut starts = Vec::new();
    sentence_starts(text, 0..length(text), &words, &mut starts);
    assert!(starts.is_sorted_by(|left, right| left < right));
    let counted = count_sentences(text, 0..length(text), &words);
    assert_eq!(counted as usize, starts.len().max(1));
}

/// The words of a whole text serve for each of its lines.
fn check_lines(text: &str) {
    let words = split(text);
    let mut at = 0;
    for line in text.split('\n') {
        let (start, end) = (at, at + length(line));
        at = end + 1;
        let own = split(line);
        let within: Vec<Word> = words
            .iter()
            .filter(|word| word.start >= start && word.end <= end)
            .map(|word| Word { start: word.start - start, end: word.end - start, ..*word })
            .collect();
        assert_eq!(own, within, "words of {line:?} in {text:?}");
        assert_eq!(
            count_sentences(line, 0..length(line), &own),
            count_sentences(line, 0..length(line), &within),
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_split_in_order(text in any::<String>()) {
        check_invariants(&text);
    }

    #[test]
    fn tangled_text_is_split_in_order(text in tangled()) {
        check_invariants(&text);
        check_lines(&text);
    }

    #[test]
    fn bits_of_a_chunk_only_spare_looks(
        chunk in r#"[!-~]{1,64}|[a-zA-Z0-9.,'/:@+$()-]{1,64}|(US\$)?[0-9]{0,3}(km|MB|'s|%|g)?[.,)"]{0,3}"#,
        use_exceptions: bool,
    ) {
        let exceptions = use_exceptions.then(Exceptions::new);
        let mut map = ByteMap::default();
        map.read(&chunk);
        let (mut with, mut without) = (Ends::default(), Ends::default());
        let bits = map.ascii_bits(0, chunk.len());
        split_chunk(&chunk, bits, exceptions.as_ref(), &mut with);
        split_chunk(&chunk, None, exceptions.as_ref(), &mut without);
        prop_assert_eq!(with.offsets(), without.offsets());
        for pair in [&[0][..], with.offsets()].concat().windows(2) {
            let (start, end) = (pair[0] as usize, pair[1] as usize);
            let bits = bits.map(|bits| bits.part(start, end));
            let described = describe(&chunk, start, end, bits, 0, 0);
            prop_assert_eq!(described, describe(&chunk, start, end, None, 0, 0));
        }
    }
}
