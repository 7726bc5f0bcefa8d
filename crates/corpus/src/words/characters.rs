//! Classes of characters.

use crate::classes::{
    ClassTable, DECIMAL, ENDS_SENTENCE, ICONIC, LETTER, PUNCTUATED, SPACE, SPACY_LETTER,
    TERMINATES, WORD,
};

#[inline]
fn has(character: char, class: u16) -> bool {
    ClassTable::new().has(character, class)
}

/// Whether Python's `str.isspace` holds: what separates chunks.
pub fn is_space(character: char) -> bool {
    has(character, SPACE)
}

/// Whether the character's Unicode category is one of letters (Python's `str.isalpha`).
pub fn is_letter(character: char) -> bool {
    has(character, LETTER)
}

/// Whether the character is a decimal digit of any script.
pub(super) fn is_digit(character: char) -> bool {
    has(character, DECIMAL)
}

/// Whether the character is a letter, a number or `_` (Python's `\w`).
pub(super) fn is_word_character(character: char) -> bool {
    has(character, WORD)
}

/// Whether DataTrove counts the character as punctuation: Gopher's rules leave out words made of
/// such characters only. Control characters are among them.
pub fn is_symbol(character: char) -> bool {
    has(character, PUNCTUATED)
}

/// Whether DataTrove takes the character for the end of a line (FineWeb's rules).
pub fn is_terminal_punctuation(character: char) -> bool {
    has(character, TERMINATES)
}

/// Whether the character, as a word of its own, ends a sentence.
pub(super) fn is_sentence_end(character: char) -> bool {
    has(character, ENDS_SENTENCE)
}

/// Whether spaCy's rules take the character for a letter.
pub(super) fn is_alpha(character: char) -> bool {
    has(character, SPACY_LETTER)
}

/// Whether spaCy's rules take the character for a lower-case letter; caseless letters are both.
pub(super) fn is_lower(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_lowercase();
    }
    // Two letters of spaCy's list of lower-case phonetic letters are caseless in Unicode.
    let phonetic = matches!(character, '\u{294}' | '\u{295}');
    (character.is_lowercase() || phonetic || !is_cased_block(character)) && is_alpha(character)
}

/// Whether spaCy's rules take the character for an upper-case letter; caseless letters are both.
pub(super) fn is_upper(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_uppercase();
    }
    (character.is_uppercase() || !is_cased_block(character)) && is_alpha(character)
}

/// Whether the character stands among the letters that have cases: Latin, Greek, Cyrillic.
fn is_cased_block(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{58f}'
            | '\u{1d00}'..='\u{1eff}'
            | '\u{2c60}'..='\u{2c7f}'
            | '\u{a722}'..='\u{a7fa}'
            | '\u{ab30}'..='\u{ab64}'
            | '\u{ff21}'..='\u{ff5a}'
    )
}

/// Whether the character is a quotation mark or one of the brackets listed with them.
pub(super) fn is_quote(character: char) -> bool {
    matches!(
        character,
        '"' | '\'' | ',' | '`' | '«' | '´' | '»' | '‘'..='‚' | '“'..='„' | '\u{2329}'
            | '\u{232a}' | '⟦' | '⟧' | '\u{3008}'..='】' | '〔' | '〕' | '（' | '）'
    )
}

/// Whether the character is cut off at both ends of a chunk, icons apart.
pub(super) fn is_edge(character: char) -> bool {
    if character.is_ascii() {
        return matches!(
            character,
            '!' | '"'
                | '#'
                | '&'
                | '\''
                | '('
                | ')'
                | '*'
                | ','
                | ':'
                | ';'
                | '<'
                | '>'
                | '?'
                | '['
                | ']'
                | '_'
                | '`'
                | '{'
                | '}'
        );
    }
    is_quote(character)
        || matches!(
            character,
            '¡' | '·'
                | '¿'
                | '،'
                | '؛'
                | '؟'
                | '٪'
                | '۔'
                | '।'
                | '–'
                | '—'
                | '…'
                | '、'
                | '。'
                | '！'
                | '，'
                | '：'
                | '；'
                | '？'
                | '～'
        )
}

/// Whether the character is a sign of a currency.
pub(super) fn is_currency(character: char) -> bool {
    matches!(character, '$' | '£' | '¥' | '฿' | '\u{20a0}'..='\u{20bf}' | '﷼')
}

/// Whether a full stop after the character is cut off.
pub(super) fn precedes_stop(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_digit()
            || character.is_ascii_lowercase()
            || is_edge(character)
            || matches!(character, '%' | '+' | '-' | '|');
    }
    is_lower(character)
        || matches!(
            character,
            '¡' | '«' | '²' | '´' | '·' | '»' | '¿' | '،' | '؛' | '؟' | '٪' | '‘'..='‚'
                | '“'..='„' | '…' | '\u{2329}' | '\u{232a}' | '⟦' | '⟧' | '！' | '（' | '）'
                | '，' | '：' | '；' | '？' | '～'
        )
}

/// Whether the character is an icon.
pub(super) fn is_icon(character: char) -> bool {
    has(character, ICONIC)
}
