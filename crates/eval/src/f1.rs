//! Word overlap of two answers.

use std::collections::HashMap;

/// Bag-of-words F1 of `answer` against `reference`, from 0 to 1.
///
/// Both are lower-cased, punctuation and the articles `a`, `an`, `the` go, and white space parts
/// the words; a Chinese, Japanese or Korean character is a word of its own.
/// `F1 = 2 P R / (P + R)` with `P` and `R` the shares of shared words. Two texts without words
/// are equal (1); one without words scores 0.
///
/// # Source
/// The evaluation script of SQuAD 1.1 (Rajpurkar et al. 2016, arXiv:1606.05250). Ours also drops
/// punctuation beyond ASCII and splits CJK text.
pub fn token_f1(answer: &str, reference: &str) -> f64 {
    let (answer, reference) = (tokens(answer), tokens(reference));
    if answer.is_empty() || reference.is_empty() {
        return if answer.len() == reference.len() { 1.0 } else { 0.0 };
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for token in &reference {
        *left.entry(token).or_insert(0) += 1;
    }
    let mut shared = 0usize;
    for token in &answer {
        if let Some(count) = left.get_mut(token.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            shared += 1;
        }
    }
    2.0 * shared as f64 / (answer.len() + reference.len()) as f64
}

/// The normalized words of `text`.
fn tokens(text: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(text.len());
    for ch in text.to_lowercase().chars().filter(|&ch| !is_punctuation(ch)) {
        if is_cjk(ch) {
            spaced.extend([' ', ch, ' ']);
        } else {
            spaced.push(ch);
        }
    }
    let is_article = |word: &&str| matches!(*word, "a" | "an" | "the");
    spaced.split_whitespace().filter(|word| !is_article(word)).map(str::to_owned).collect()
}

/// ASCII punctuation and the punctuation blocks of typography and CJK.
fn is_punctuation(ch: char) -> bool {
    ch.is_ascii_punctuation()
        || matches!(ch, '\u{A1}' | '\u{A7}' | '\u{AB}' | '\u{B6}' | '\u{B7}' | '\u{BB}' | '\u{BF}')
        || matches!(ch, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205E}' | '\u{3001}'..='\u{3003}')
        || matches!(ch, '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301F}' | '\u{FF01}'..='\u{FF0F}')
        || matches!(ch, '\u{FF1A}'..='\u{FF20}' | '\u{FF3B}'..='\u{FF40}' | '\u{FF5B}'..='\u{FF65}')
}

fn is_cjk(ch: char) -> bool {
    matches!(ch, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, reference: &str, expected: f64) {
        let found = token_f1(answer, reference);
        assert!((found - expected).abs() < 1e-12, "{answer:?} / {reference:?}: {found}");
    }

    #[test]
    fn scores_agree_with_hand_computed_ones() {
        check("The annual fee is $95.", "annual fee is $95", 1.0);
        // Shared: fee, is; 3 and 4 words.
        check("fee is low", "Annual fee is high!", 2.0 * 2.0 / 7.0);
        // Repeats count once each: shared is one "fee".
        check("fee fee fee", "fee", 2.0 * 1.0 / 4.0);
        check("yes", "no", 0.0);
        check("", "", 1.0);
        check("the", "", 1.0);
        check("", "fee", 0.0);
        // As SQuAD does, punctuation joins what it parted: "don't" is "dont", "1,500" is "1500".
        check("don't pay $1,500", "dont pay 1500", 1.0);
    }

    #[test]
    fn chinese_characters_are_words() {
        check("年费是零。", "年费为零", 2.0 * 3.0 / 8.0);
        check("Gold卡", "gold 卡！", 1.0);
    }
}
