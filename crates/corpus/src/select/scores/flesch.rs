//! How easy an English text is to read.

/// Flesch reading ease: about 100 is very easy, 0 very hard; 0 for a text without words.
///
/// `206.835 - 1.015 * words / sentences - 84.6 * syllables / words`
///
/// Sentences end with `.`, `!` or `?`. Syllables are groups of vowels, less a silent `e` at the
/// end; a word has at least one. A dictionary would count some words better, at a hundred times
/// the cost.
///
/// # Source
/// Flesch 1948, A new readability yardstick.
pub(super) fn reading_ease(text: &str) -> f64 {
    let (mut words, mut sentences, mut syllables) = (0u64, 0u64, 0u64);
    let mut words_in_sentence = 0;
    for piece in text.split_ascii_whitespace() {
        let word = piece.trim_matches(|ch: char| !ch.is_alphanumeric());
        if !word.is_empty() {
            words += 1;
            words_in_sentence += 1;
            syllables += word_syllables(word.as_bytes());
        }
        let is_end = piece.trim_end_matches(['"', '\'', ')', ']']).ends_with(['.', '!', '?']);
        if is_end && words_in_sentence > 0 {
            sentences += 1;
            words_in_sentence = 0;
        }
    }
    if words == 0 {
        return 0.0;
    }
    sentences += u64::from(words_in_sentence > 0);
    let words = words as f64;
    206.835 - 1.015 * words / sentences as f64 - 84.6 * syllables as f64 / words
}

fn word_syllables(word: &[u8]) -> u64 {
    let is_vowel = |byte: &u8| b"aeiouyAEIOUY".contains(byte);
    let (mut groups, mut in_group) = (0, false);
    for byte in word {
        let vowel = is_vowel(byte);
        groups += u64::from(vowel && !in_group);
        in_group = vowel;
    }
    // `make` ends silently, `table`, `free` and `the` do not.
    let is_silent = matches!(word, [.., before, last]
        if last.eq_ignore_ascii_case(&b'e') && !is_vowel(before) && !before.eq_ignore_ascii_case(&b'l'));
    (groups - u64::from(is_silent && groups > 1)).max(1)
}
