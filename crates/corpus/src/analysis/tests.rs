//! Fast counts against slow ones.

use super::*;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

thread_local! {
    static ANALYSER: RefCell<Analyser> = RefCell::new(Analyser::new(Families::all()));
}

fn value(text: &str, name: &str) -> f64 {
    let profile = ANALYSER.with_borrow_mut(|analyser| analyser.analyse(text).unwrap());
    Measure::named(name).unwrap().value(&profile).unwrap()
}

fn check(text: &str, name: &str, expected: f64) {
    assert_eq!(value(text, name), expected, "{name} of {text:?}");
}

#[test]
fn lines_and_paragraphs_are_cut_as_python_cuts_them() {
    check("a\r\nb\u{2028}c\x1dd\n", "lines.count", 4.0);
    check("a\n\nb", "lines.count", 3.0);
    check("", "lines.count", 0.0);
    check("\n\na\n\n\nb\n \nc\n\n", "paragraphs.count", 2.0);
    check(" ", "paragraphs.count", 1.0);
    // A leading and a trailing run of line feeds leave one empty piece each.
    check("\n\na\nb\n", "lines.duplicate_fraction", 1.0 / 4.0);
    check("x\n\nx\n\nx", "paragraphs.duplicate_fraction", 2.0 / 3.0);
    check("  - a\n• b\nc", "lines.bullet_fraction", 2.0 / 3.0);
}

#[test]
fn c4_looks_at_lines_in_order() {
    check("One two three. Four five.", "c4.sentences", 2.0);
    check("One two three. [1]", "c4.sentences", 0.0);
    check("One two three. [1]", "c4.any_end.sentences", 1.0);
    check("One two three [1].", "c4.sentences", 1.0);
    check("Two words.\nA word more here...", "c4.kept_lines", 0.0);
    check("Please turn on JavaScript { now.", "c4.curly_bracket_lines", 0.0);
    check("The cookie policy { of us.", "c4.curly_bracket_lines", 1.0);
    check("The cookie policy of us.", "c4.kept_lines", 0.0);
}

#[test]
fn characters_are_counted_by_class() {
    check("中文 ab", "text.han_fraction", 0.5);
    check("ＡＢ，c", "text.full_width_fraction", 0.75);
    check("a1²٣ⅷ-", "text.alphanumeric_fraction", 5.0 / 6.0);
    check("🙂a", "text.special_fraction", 0.5);
    check("…....", "text.ellipses", 2.0);
}

#[test]
fn chinese_is_cut_by_dictionary() {
    let text = "我们今天在学校里学习中文。老师说这个问题很难！\n但是大家都很努力";
    check(text, "chinese.sentences", 3.0);
    check(text, "chinese.ended_line_fraction", 0.5);
    assert!(value(text, "chinese.words") > 12.0);
    assert!(value(text, "chinese.stop_words") >= 4.0);
    check("English only, without any of it.", "chinese.words", 0.0);
}

#[test]
fn a_text_can_be_too_long() {
    let text = " ".repeat(MAX_TEXT_BYTES + 1);
    let error = Analyser::new(Families::NONE).analyse(&text).unwrap_err();
    assert!(matches!(error, crate::CorpusError::TextTooLong { .. }));
}

/// Characters of duplicate n-grams as DataTrove finds them, word for word.
fn slow_duplicates(words: &[&str], n: usize) -> usize {
    let mut seen = HashSet::new();
    let (mut chars, mut at) = (0, 0);
    while at + n <= words.len() {
        let gram = words[at..at + n].concat();
        if seen.contains(&gram) {
            chars += gram.chars().count();
            at += n;
        } else {
            seen.insert(gram);
            at += 1;
        }
    }
    chars
}

/// Characters of the most frequent n-gram, the first of several, as often as it stands.
fn slow_top(words: &[&str], n: usize) -> usize {
    let mut counts: HashMap<&[&str], (usize, usize)> = HashMap::new();
    for (at, gram) in words.windows(n).enumerate() {
        counts.entry(gram).or_insert((0, at)).0 += 1;
    }
    let best = counts.iter().max_by_key(|(_, (count, at))| (*count, usize::MAX - at));
    best.map_or(0, |(gram, (count, _))| gram.join(" ").chars().count() * count)
}

proptest! {
    #[test]
    fn repetition_is_that_of_strings(
        words in prop::collection::vec("a|b|ab|ba|aba|some|so|me|longer|é|中文字", 0..90),
    ) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let text = words.join(" ");
        let chars = text.chars().count().max(1) as f64;
        let mut found = Vec::new();
        crate::EnglishTokenizer::new().tokenize(&text, &mut found);
        prop_assert_eq!(found.len(), words.len());
        for n in 2..=4 {
            let expected = slow_top(&words, n) as f64 / chars;
            prop_assert_eq!(value(&text, &format!("repetition.top_{n}_gram")), expected);
        }
        for n in 5..=10 {
            let expected = slow_duplicates(&words, n) as f64 / chars;
            prop_assert_eq!(value(&text, &format!("repetition.duplicate_{n}_gram")), expected);
        }
    }

    #[test]
    fn windows_are_counted_as_they_are(text in "[ab]{0,120}|[abé]{0,60}") {
        let chars: Vec<char> = text.chars().collect();
        let mut counts: HashMap<&[char], usize> = HashMap::new();
        for window in chars.windows(10) {
            *counts.entry(window).or_default() += 1;
        }
        let repeated = counts.values().copied().filter(|&count| count > 1);
        let mut greatest: Vec<usize> = repeated.collect();
        greatest.sort_unstable_by(|a, b| b.cmp(a));
        let most = counts.len().isqrt();
        let expected = greatest.iter().take(most).sum::<usize>() as f64;
        let windows = chars.len().saturating_sub(9).max(1) as f64;
        prop_assert_eq!(value(&text, "juicer.char_repetition"), expected / windows);
    }
}
