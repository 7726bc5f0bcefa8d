//! Pairs of characters that mojibake has and languages do not.

use regex::Regex;
use std::sync::LazyLock;

/// Classes of the characters that UTF-8 read as a single-byte encoding turns into, as the inside
/// of a bracket expression; `{NAME}` in a pattern stands for one.
#[rustfmt::skip]
const CLASSES: &[(&str, &str)] = &[
    ("common", r"\u{A0}\u{AD}\u{B4}\u{B7}\u{2013}-\u{2015}\u{2019}\u{2026}"),
    ("c1", r"\u{80}-\u{9F}"),
    (
        "bad",
        r"\u{A4}\u{A6}\u{A8}\u{AA}\u{AC}\u{AF}\u{B8}\u{BA}\u{192}\u{2C6}\u{2C7}\u{2D8}\u{2DB}
        \u{2DC}\u{2020}\u{2021}\u{2030}\u{2310}\u{25CA}\u{FFFD}",
    ),
    ("law", r"\u{A7}\u{B6}"),
    ("currency", r"\u{A2}\u{A3}\u{A5}\u{20A7}\u{20AC}"),
    (
        "start",
        r"\u{A1}\u{A9}\u{AB}\u{BF}\u{384}\u{385}\u{2018}\u{201A}\u{201C}\u{201E}\u{2022}
        \u{2039}\u{F8FF}",
    ),
    ("end", r"\u{AE}\u{BB}\u{2DD}\u{201D}\u{203A}\u{2122}"),
    (
        "numeric",
        r"\u{B1}-\u{B3}\u{B5}\u{B9}\u{BC}-\u{BE}\u{D7}\u{F7}\u{2044}\u{2116}\u{2202}\u{2206}
        \u{220F}\u{2211}\u{221A}\u{221E}\u{2229}\u{222B}\u{2248}\u{2260}\u{2261}\u{2264}
        \u{2265}",
    ),
    (
        "face",
        r"\u{B0}\u{D2}-\u{D6}\u{D9}-\u{DC}\u{F2}-\u{F6}\u{F8}-\u{FC}\u{14C}\u{150}\u{16A}
        \u{172}",
    ),
    (
        "upper",
        r"\u{C0}-\u{D1}\u{D8}\u{DC}\u{DD}\u{100}\u{102}\u{104}\u{106}\u{10C}\u{10E}\u{110}
        \u{112}\u{116}\u{118}\u{11A}\u{11E}\u{122}\u{12A}\u{130}\u{136}\u{139}\u{13B}\u{13D}
        \u{141}\u{143}\u{145}\u{147}\u{152}\u{158}\u{15A}\u{15E}\u{160}\u{162}\u{164}\u{16E}
        \u{170}\u{178}\u{179}\u{17B}\u{17D}\u{490}",
    ),
    (
        "lower",
        r"\u{DF}-\u{F1}\u{FC}\u{101}\u{103}\u{105}\u{107}\u{10D}\u{10F}\u{111}\u{113}\u{117}
        \u{119}\u{11B}\u{11F}\u{123}\u{12B}\u{12F}\u{137}\u{13A}\u{13C}\u{13E}\u{142}\u{153}
        \u{155}\u{15B}\u{15F}\u{161}\u{165}\u{17A}\u{17C}\u{17E}\u{491}\u{FB01}\u{FB02}",
    ),
    (
        "upper_common",
        r"\u{DE}\u{386}\u{388}-\u{38A}\u{38C}\u{38E}\u{38F}\u{391}-\u{3AB}\u{401}-\u{42F}",
    ),
    ("lower_common", r"\u{3AC}-\u{3C9}\u{430}-\u{45F}"),
    ("box", r"│┌┐┘├┤┬┼\u{2550}-\u{256C}▀▄█▌▐░▒▓"),
];

/// What no language writes.
#[rustfmt::skip]
const PATTERNS: &[&str] = &[
    "[{c1}]",
    "[{bad}{lower}{upper}{box}{start}{end}{currency}{numeric}{law}][{bad}]",
    "[a-zA-Z][{lower_common}{upper_common}][{bad}]",
    "[{bad}][{lower}{upper}{box}{start}{end}{currency}{numeric}{law}]",
    "[{lower}{lower_common}{box}{end}{currency}{numeric}][{upper}]",
    "[{box}{end}{currency}{numeric}][{lower}]",
    "[{lower}{box}{end}][{currency}]",
    r"\s[{upper}][{currency}]",
    "[{upper}{box}][{numeric}{law}]",
    "[{lower}{upper}{box}{currency}{end}][{start}][{numeric}]",
    "[{lower}{upper}{currency}{numeric}{box}{law}][{end}][{start}]",
    "[{currency}{numeric}{box}][{start}]",
    "[a-z][{upper}][{start}{currency}]",
    "[{box}][{face}]",
    "[{lower}{upper}{currency}{numeric}{start}{end}{law}][{box}]",
    "[{box}][{end}]",
    r"[{lower}{upper}][{start}{end}]\w",
    // The ligature is followed by an unaccented letter wherever it is spelled.
    "[Œœ][^A-Za-z]",
    // A degree sign after a capital.
    "[{upper}]°",
    // Two-character results of Windows-1252 beyond the above.
    "[ÂÃÎÐ][€œŠš¢£Ÿž\u{A0}\u{AD}®©°·»{start}{end}–—´]",
    "×[²³]",
    // Arabic by Windows-1252: single pairs may be innocent, two are not.
    "(?:[ØÙ][{common}{currency}{bad}{numeric}{start}ŸŠ®°µ»]){2}",
    // Scripts of South Asia by Windows-1252.
    "à[²µ¹¼½¾]",
    // MacRoman.
    "√[±∂†≠®™´≤≥¥µø]",
    "≈[°¢]",
    "‚Ä[ìîïòôúùû†°¢π]",
    "‚[âó][àä°ê]",
    // Windows-1251: punctuation from U+2000, then Latin-1 and Cyrillic letters.
    "вЂ",
    "[ВГРС][{c1}{bad}{start}{end}{currency}°µ][ВГРС]",
    // Windows-1251 upon Latin-1.
    "ГўВЂВ.[A-Za-z ]",
    // The letter a with an accent, or the no-break space itself.
    "Ã[\u{A0}¡]",
    r"[a-z]\s?[ÃÂ][ ]",
    "^[ÃÂ][ ]",
    // A stray letter before a character that encodes to itself.
    "[a-z.,?!{end}]Â[ {start}{end}]",
    // Windows-1253: punctuation from U+2000, then Latin-1 and Greek letters.
    "β€[™\u{A0}Ά\u{AD}®°]",
    "[ΒΓΞΟ][{c1}{bad}{start}{end}{currency}°][ΒΓΞΟ]",
    // Windows-1257.
    "ā€",
];

static BADNESS: LazyLock<Regex> = LazyLock::new(|| {
    let mut pattern = format!("(?m:{})", PATTERNS.join("|"));
    for (name, class) in CLASSES {
        let class: String = class.split_whitespace().collect();
        pattern = pattern.replace(&format!("{{{name}}}"), &class);
    }
    Regex::new(&pattern).expect("the patterns above are a regular expression")
});

/// Whether a text has a pair of characters that looks like mojibake.
pub(super) fn is_bad(text: &str) -> bool {
    BADNESS.is_match(text)
}
