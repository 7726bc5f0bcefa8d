//! The table of classes.

use super::ranges::{ALPHA, DIGIT, ICON, PUNCTUATION, SENTENCE_END, SPECIAL, TERMINAL};
use regex_syntax::hir::{Class, HirKind};
use std::collections::HashMap;
use std::sync::LazyLock;

/// General category L: Python's `str.isalpha`.
pub(crate) const LETTER: u16 = 1;
/// General category N: with [`LETTER`], Python's `str.isalnum`.
pub(crate) const NUMBER: u16 = 1 << 1;
/// General category Nd.
pub(crate) const DECIMAL: u16 = 1 << 2;
/// Python's `str.isspace`: Unicode white space and the four ASCII separators.
pub(crate) const SPACE: u16 = 1 << 3;
/// DataTrove's punctuation, terminal or not, control characters included.
pub(crate) const PUNCTUATED: u16 = 1 << 4;
/// DataTrove's terminal punctuation.
pub(crate) const TERMINATES: u16 = 1 << 5;
/// The property Uppercase: Python's `str.isupper` of one character.
pub(crate) const UPPER: u16 = 1 << 6;
/// The property Alphabetic, which also holds vowel signs and Roman numerals.
pub(crate) const ALPHABETIC: u16 = 1 << 7;
/// Data-Juicer's special characters.
pub(crate) const SPECIALLY: u16 = 1 << 8;
/// The script Han.
pub(crate) const HAN: u16 = 1 << 9;
/// Python's `str.isdigit`.
pub(crate) const DIGITS: u16 = 1 << 10;
/// What `\w` matches in Python: letters, numbers and the underscore.
pub(crate) const WORD: u16 = 1 << 11;
/// What spaCy's rules take for a letter.
pub(crate) const SPACY_LETTER: u16 = 1 << 12;
/// What spaCy's rules take for an icon.
pub(crate) const ICONIC: u16 = 1 << 13;
/// What ends a sentence for spaCy, as a word of its own.
pub(crate) const ENDS_SENTENCE: u16 = 1 << 14;
/// General category P.
pub(crate) const CATEGORY_P: u16 = 1 << 15;

/// Code points of a block; blocks that are alike are kept once.
const BLOCK: usize = 256;
const CODE_POINTS: usize = 0x11_0000;

struct Classes {
    ascii: [u16; 128],
    block_of: Vec<u16>,
    blocks: Vec<[u16; BLOCK]>,
}

static CLASSES: LazyLock<Classes> = LazyLock::new(build);

/// The table in hand, so that a loop does not ask for it at every character.
#[derive(Clone, Copy)]
pub(crate) struct ClassTable(&'static Classes);

impl ClassTable {
    pub(crate) fn new() -> Self {
        Self(&CLASSES)
    }

    /// The classes of `ch` as a set of bits.
    #[inline]
    pub(crate) fn of(self, ch: char) -> u16 {
        let code = ch as usize;
        if code < 128 {
            return self.0.ascii[code];
        }
        let block = usize::from(self.0.block_of[code / BLOCK]);
        self.0.blocks[block][code % BLOCK]
    }

    /// Whether `ch` has any bit of `class`.
    #[inline]
    pub(crate) fn has(self, ch: char, class: u16) -> bool {
        self.of(ch) & class != 0
    }

    /// The classes of an ASCII byte.
    #[inline]
    pub(crate) fn of_ascii(self, byte: u8) -> u16 {
        self.0.ascii[usize::from(byte & 127)]
    }
}

fn build() -> Classes {
    let mut flat = vec![0u16; CODE_POINTS];
    let properties = [
        (r"\p{L}", LETTER | WORD),
        (r"\p{N}", NUMBER | WORD),
        (r"\p{Nd}", DECIMAL | DIGITS),
        (r"\p{White_Space}", SPACE),
        (r"[\x1c-\x1f]", SPACE),
        (r"\p{Uppercase}", UPPER),
        (r"\p{Alphabetic}", ALPHABETIC),
        (r"\p{Han}", HAN),
        (r"\p{P}", CATEGORY_P),
        ("_", WORD),
        ("[A-Za-z]", SPACY_LETTER),
        ("[!.?]", ENDS_SENTENCE),
    ];
    for (pattern, bits) in properties {
        mark(&mut flat, &unicode_ranges(pattern), bits);
    }
    mark(&mut flat, TERMINAL, TERMINATES | PUNCTUATED);
    mark(&mut flat, PUNCTUATION, PUNCTUATED);
    mark(&mut flat, ALPHA, SPACY_LETTER);
    mark(&mut flat, ICON, ICONIC);
    mark(&mut flat, SENTENCE_END, ENDS_SENTENCE);
    mark(&mut flat, DIGIT, DIGITS);
    mark(&mut flat, SPECIAL, SPECIALLY);
    fold(&flat)
}

fn mark(flat: &mut [u16], ranges: &[(u32, u32)], bits: u16) {
    for &(first, last) in ranges {
        for class in &mut flat[first as usize..=last as usize] {
            *class |= bits;
        }
    }
}

/// The code points that a pattern of one character matches.
fn unicode_ranges(pattern: &str) -> Vec<(u32, u32)> {
    let hir = regex_syntax::parse(pattern).expect("the patterns above are valid");
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            class.iter().map(|range| (range.start() as u32, range.end() as u32)).collect()
        }
        HirKind::Class(Class::Bytes(class)) => {
            class.iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
        HirKind::Literal(literal) => {
            literal.0.iter().map(|&byte| (byte.into(), byte.into())).collect()
        }
        HirKind::Empty
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Capture(_)
        | HirKind::Concat(_)
        | HirKind::Alternation(_) => Vec::new(),
    }
}

fn fold(flat: &[u16]) -> Classes {
    let mut known: HashMap<[u16; BLOCK], u16> = HashMap::new();
    let mut blocks = Vec::new();
    let mut block_of = Vec::with_capacity(CODE_POINTS / BLOCK);
    for chunk in flat.chunks_exact(BLOCK) {
        let block: [u16; BLOCK] = chunk.try_into().expect("chunks are as long as blocks");
        let next = u16::try_from(blocks.len()).expect("there are 4352 blocks in all");
        let id = *known.entry(block).or_insert_with(|| {
            blocks.push(block);
            next
        });
        block_of.push(id);
    }
    let ascii = flat[..128].try_into().expect("ASCII has 128 characters");
    Classes { ascii, block_of, blocks }
}
