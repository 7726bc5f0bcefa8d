//! Single-byte encodings that UTF-8 is mistaken for.

use super::options::RepairFix;
use ahash::AHashMap;
use std::sync::LazyLock;

/// A single-byte encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
#[repr(u8)]
pub enum Charset {
    Latin1,
    Windows1252,
    Windows1251,
    Windows1250,
    Windows1253,
    Windows1254,
    Windows1257,
    Iso8859Part2,
    MacRoman,
    Cp437,
}

/// Number of encodings.
const NUM_CHARSETS: usize = 10;

/// All, in the order in which they are tried: common ones first, and subsets before others.
pub(super) const ALL: [Charset; NUM_CHARSETS] = [
    Charset::Latin1,
    Charset::Windows1252,
    Charset::Windows1251,
    Charset::Windows1250,
    Charset::Windows1253,
    Charset::Windows1254,
    Charset::Windows1257,
    Charset::Iso8859Part2,
    Charset::MacRoman,
    Charset::Cp437,
];

impl Charset {
    /// The usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latin1 => "latin-1",
            Self::Windows1252 => "windows-1252",
            Self::Windows1251 => "windows-1251",
            Self::Windows1250 => "windows-1250",
            Self::Windows1253 => "windows-1253",
            Self::Windows1254 => "windows-1254",
            Self::Windows1257 => "windows-1257",
            Self::Iso8859Part2 => "iso-8859-2",
            Self::MacRoman => "macroman",
            Self::Cp437 => "cp437",
        }
    }

    /// Whether unassigned bytes stand for themselves, and the replacement character for byte
    /// 0x1A, as in text that a lossy reader made.
    pub(super) fn is_sloppy(self) -> bool {
        matches!(
            self,
            Self::Windows1252
                | Self::Windows1251
                | Self::Windows1250
                | Self::Windows1253
                | Self::Windows1254
                | Self::Windows1257
        )
    }

    pub(super) fn fix(self) -> RepairFix {
        RepairFix::Encoding(self)
    }
}

/// The byte a character has in each encoding, and a bit for each that has it.
#[derive(Clone, Copy, Default)]
struct Places {
    charsets: u16,
    bytes: [u8; NUM_CHARSETS],
}

static PLACES: LazyLock<AHashMap<char, Places>> = LazyLock::new(|| {
    let mut places: AHashMap<char, Places> = AHashMap::new();
    let mut add = |charset: usize, ch: char, byte: u8| {
        let place = places.entry(ch).or_default();
        place.charsets |= 1 << charset;
        place.bytes[charset] = byte;
    };
    for (charset, upper) in UPPER_HALVES.iter().enumerate() {
        for (ch, byte) in upper.chars().zip(0x80..=0xFF) {
            add(charset, ch, byte);
        }
        if ALL[charset].is_sloppy() {
            add(charset, char::REPLACEMENT_CHARACTER, 0x1A);
        } else {
            add(charset, '\u{1A}', 0x1A);
        }
    }
    places
});

/// Bits of the encodings that could have given `text`; none if it is ASCII.
pub(super) fn candidates(text: &str) -> u16 {
    let mut charsets = (1 << NUM_CHARSETS) - 1;
    for ch in text.chars() {
        if !ch.is_ascii() || ch == '\u{1A}' {
            charsets &= PLACES.get(&ch).map_or(0, |places| places.charsets);
            if charsets == 0 {
                break;
            }
        }
    }
    charsets
}

/// The bytes of a text that is known to fit an encoding.
pub(super) fn encode(text: &str, charset: Charset) -> Vec<u8> {
    let byte_of = |ch: char| {
        if ch.is_ascii() {
            return ch as u8;
        }
        PLACES.get(&ch).map_or(b'?', |places| places.bytes[charset as usize])
    };
    text.chars().map(byte_of).collect()
}

/// The character of Windows-1252 for a Latin-1 control character; itself where there is none.
pub(super) fn windows_1252(control: char) -> char {
    let place = (control as usize).wrapping_sub(0x80);
    UPPER_HALVES[Charset::Windows1252 as usize].chars().nth(place).unwrap_or(control)
}

/// What the bytes from 0x80 mean in each encoding.
static UPPER_HALVES: [&str; NUM_CHARSETS] = [
    "\
     \u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8A}\u{8B}\
     \u{8C}\u{8D}\u{8E}\u{8F}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\
     \u{98}\u{99}\u{9A}\u{9B}\u{9C}\u{9D}\u{9E}\u{9F}\
     \u{A0}¡¢£¤¥¦§¨©ª«¬\u{AD}®¯°±²³´µ¶·¸¹º»¼½¾¿\
     ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß\
     àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ",
    "\
     €\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8D}Ž\u{8F}\u{90}‘’“”•–—˜™š›œ\u{9D}žŸ\
     \u{A0}¡¢£¤¥¦§¨©ª«¬\u{AD}®¯°±²³´µ¶·¸¹º»¼½¾¿\
     ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß\
     àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ",
    "\
     ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u{98}™љ›њќћџ\
     \u{A0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{AD}®Ї°±Ііґµ¶·ё№є»јЅѕї\
     АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ\
     абвгдежзийклмнопрстуфхцчшщъыьэюя",
    "\
     €\u{81}‚\u{83}„…†‡\u{88}‰Š‹ŚŤŽŹ\u{90}‘’“”•–—\u{98}™š›śťžź\
     \u{A0}ˇ˘Ł¤Ą¦§¨©Ş«¬\u{AD}®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż\
     ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß\
     ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙",
    "\
     €\u{81}‚ƒ„…†‡\u{88}‰\u{8A}‹\
     \u{8C}\u{8D}\u{8E}\u{8F}\u{90}‘’“”•–—\
     \u{98}™\u{9A}›\u{9C}\u{9D}\u{9E}\u{9F}\
     \u{A0}΅Ά£¤¥¦§¨©ª«¬\u{AD}®―°±²³΄µ¶·ΈΉΊ»Ό½ΎΏ\
     ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡÒΣΤΥΦΧΨΩΪΫάέήί\
     ΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώÿ",
    "\
     €\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8D}\u{8E}\u{8F}\u{90}‘’“”•–—˜™š›œ\u{9D}\u{9E}Ÿ\
     \u{A0}¡¢£¤¥¦§¨©ª«¬\u{AD}®¯°±²³´µ¶·¸¹º»¼½¾¿\
     ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞß\
     àáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ",
    "\
     €\u{81}‚\u{83}„…†‡\u{88}‰\u{8A}‹\u{8C}¨ˇ¸\u{90}‘’“”•–—\u{98}™\u{9A}›\u{9C}¯˛\u{9F}\
     \u{A0}¡¢£¤¥¦§Ø©Ŗ«¬\u{AD}®Æ°±²³´µ¶·ø¹ŗ»¼½¾æ\
     ĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽß\
     ąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙",
    "\
     \u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8A}\u{8B}\
     \u{8C}\u{8D}\u{8E}\u{8F}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\
     \u{98}\u{99}\u{9A}\u{9B}\u{9C}\u{9D}\u{9E}\u{9F}\
     \u{A0}Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u{AD}ŽŻ°ą˛ł´ľśˇ¸šşťź˝žż\
     ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß\
     ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙",
    "\
     ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü\
     †°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø\
     ¿¡¬√ƒ≈∆«»…\u{A0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ\
     ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{F8FF}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ",
    "\
     ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
     áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
     └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
     αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{A0}",
];
