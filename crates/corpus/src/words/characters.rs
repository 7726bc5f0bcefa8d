//! Classes of characters.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

use super::ranges::{ALPHA, ICON, SENTENCE_END, SYMBOL, TERMINAL, contains};

/// Whether Python's `str.isspace` holds: what separates chunks.
pub fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// Whether the character's Unicode category is one of letters (Python's `str.isalpha`).
pub fn is_letter(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphabetic();
    }
    // The blocks of ideographs and Hangul in use, which are long runs and common.
    matches!(character, '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
        || CATEGORIES.letter.contains(character)
}

/// Whether the character's Unicode category is one of punctuation.
pub(super) fn is_punctuation(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_punctuation()
            && !matches!(character, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~');
    }
    CATEGORIES.punctuation.contains(character)
}

/// Whether the character is a decimal digit of any script.
pub(super) fn is_digit(character: char) -> bool {
    character.is_ascii_digit() || (!character.is_ascii() && CATEGORIES.digit.contains(character))
}

/// Whether the character is a letter, a number or `_` (Python's `\w`).
pub(super) fn is_word_character(character: char) -> bool {
    character == '_'
        || character.is_ascii_alphanumeric()
        || (!character.is_ascii() && (is_letter(character) || character.is_numeric()))
}

/// Whether DataTrove counts the character as punctuation: Gopher's rules leave out words made of
/// such characters only. Control characters are among them.
pub fn is_symbol(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_alphanumeric() && !matches!(character, '\t' | '\n' | ' ');
    }
    [SYMBOL, SENTENCE_END, TERMINAL].iter().any(|set| contains(set, character))
}

/// Whether DataTrove takes the character for the end of a line (FineWeb's rules).
pub fn is_terminal_punctuation(character: char) -> bool {
    is_sentence_end(character) || (!character.is_ascii() && contains(TERMINAL, character))
}

/// Whether the character, as a word of its own, ends a sentence.
pub(super) fn is_sentence_end(character: char) -> bool {
    matches!(character, '!' | '.' | '?')
        || (!character.is_ascii() && contains(SENTENCE_END, character))
}

/// Whether spaCy's rules take the character for a letter.
pub(super) fn is_alpha(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphabetic();
    }
    contains(ALPHA, character)
}

/// Whether spaCy's rules take the character for a lower-case letter; caseless letters are both.
pub(super) fn is_lower(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_lowercase();
    }
    // Two letters of spaCy's list of lower-case phonetic letters are caseless in Unicode.
    let phonetic = matches!(character, '\u{294}' | '\u{295}');
    (character.is_lowercase() || phonetic || !is_cased_block(character))
        && contains(ALPHA, character)
}

/// Whether spaCy's rules take the character for an upper-case letter; caseless letters are both.
pub(super) fn is_upper(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_uppercase();
    }
    (character.is_uppercase() || !is_cased_block(character)) && contains(ALPHA, character)
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
    character >= '\u{a6}' && contains(ICON, character)
}

/// A Unicode category as sorted ranges.
struct Category(Vec<(char, char)>);

impl Category {
    /// Reads the category from the tables that the regular expressions use.
    fn new(pattern: &str) -> Self {
        let hir = regex_syntax::parse(pattern).expect("the pattern names a category");
        let HirKind::Class(Class::Unicode(class)) = hir.kind() else {
            unreachable!("a category is a class of characters")
        };
        Self(class.iter().map(|range| (range.start(), range.end())).collect())
    }

    fn contains(&self, character: char) -> bool {
        let idx = self.0.partition_point(|range| range.1 < character);
        self.0.get(idx).is_some_and(|range| range.0 <= character)
    }
}

struct Categories {
    letter: Category,
    punctuation: Category,
    digit: Category,
}

static CATEGORIES: LazyLock<Categories> = LazyLock::new(|| Categories {
    letter: Category::new(r"\p{L}"),
    punctuation: Category::new(r"\p{P}"),
    digit: Category::new(r"\p{Nd}"),
});
