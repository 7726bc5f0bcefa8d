//! Which scripts a text is written in, and how much of it in each.

/// A writing system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
#[repr(u8)]
pub enum Script {
    Latin,
    Cyrillic,
    Greek,
    Arabic,
    Hebrew,
    Han,
    Kana,
    Hangul,
    Devanagari,
    Bengali,
    Gurmukhi,
    Gujarati,
    Oriya,
    Tamil,
    Telugu,
    Kannada,
    Malayalam,
    Sinhala,
    Thai,
    Lao,
    Myanmar,
    Khmer,
    Tibetan,
    Georgian,
    Armenian,
    Ethiopic,
    Mongolian,
}

/// Number of scripts.
const NUM_SCRIPTS: usize = 27;

/// All scripts by their number.
const ALL: [Script; NUM_SCRIPTS] = [
    Script::Latin,
    Script::Cyrillic,
    Script::Greek,
    Script::Arabic,
    Script::Hebrew,
    Script::Han,
    Script::Kana,
    Script::Hangul,
    Script::Devanagari,
    Script::Bengali,
    Script::Gurmukhi,
    Script::Gujarati,
    Script::Oriya,
    Script::Tamil,
    Script::Telugu,
    Script::Kannada,
    Script::Malayalam,
    Script::Sinhala,
    Script::Thai,
    Script::Lao,
    Script::Myanmar,
    Script::Khmer,
    Script::Tibetan,
    Script::Georgian,
    Script::Armenian,
    Script::Ethiopic,
    Script::Mongolian,
];

/// How much a word counts, in tenths of a Han character.
const WORD: u64 = 20;

impl Script {
    /// The script of a letter; `None` for what belongs to none or to many.
    #[inline]
    pub fn of(ch: char) -> Option<Self> {
        if ch.is_ascii() {
            return ch.is_ascii_alphabetic().then_some(Self::Latin);
        }
        Some(match ch {
            'ª' | 'º' | 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}' => {
                Self::Latin
            }
            '\u{370}'..='\u{3FF}' | '\u{1F00}'..='\u{1FFF}' => Self::Greek,
            '\u{400}'..='\u{52F}' | '\u{1C80}'..='\u{1C8F}' => Self::Cyrillic,
            '\u{531}'..='\u{587}' => Self::Armenian,
            '\u{591}'..='\u{5F4}' => Self::Hebrew,
            '\u{620}'..='\u{65F}'
            | '\u{66E}'..='\u{6D3}'
            | '\u{6D5}'..='\u{6EF}'
            | '\u{6FA}'..='\u{6FF}'
            | '\u{750}'..='\u{77F}'
            | '\u{FB50}'..='\u{FDFF}'
            | '\u{FE70}'..='\u{FEFC}' => Self::Arabic,
            '\u{900}'..='\u{963}' | '\u{970}'..='\u{97F}' => Self::Devanagari,
            '\u{980}'..='\u{9E3}' | '\u{9F0}'..='\u{9F1}' => Self::Bengali,
            '\u{A00}'..='\u{A65}' | '\u{A70}'..='\u{A76}' => Self::Gurmukhi,
            '\u{A80}'..='\u{AE3}' => Self::Gujarati,
            '\u{B00}'..='\u{B63}' | '\u{B71}' => Self::Oriya,
            '\u{B80}'..='\u{BE5}' => Self::Tamil,
            '\u{C00}'..='\u{C63}' => Self::Telugu,
            '\u{C80}'..='\u{CE3}' => Self::Kannada,
            '\u{D00}'..='\u{D63}' | '\u{D7A}'..='\u{D7F}' => Self::Malayalam,
            '\u{D80}'..='\u{DF3}' => Self::Sinhala,
            '\u{E01}'..='\u{E4E}' => Self::Thai,
            '\u{E80}'..='\u{ECE}' | '\u{EDC}'..='\u{EDF}' => Self::Lao,
            '\u{F00}'..='\u{FBC}' => Self::Tibetan,
            '\u{1000}'..='\u{103F}' | '\u{1050}'..='\u{108F}' => Self::Myanmar,
            '\u{10A0}'..='\u{10FF}' | '\u{1C90}'..='\u{1CBF}' => Self::Georgian,
            '\u{1200}'..='\u{135F}' | '\u{1380}'..='\u{138F}' => Self::Ethiopic,
            '\u{1780}'..='\u{17DD}' => Self::Khmer,
            '\u{1820}'..='\u{18AA}' => Self::Mongolian,
            '\u{3041}'..='\u{3096}'
            | '\u{309D}'..='\u{309F}'
            | '\u{30A1}'..='\u{30FA}'
            | '\u{30FD}'..='\u{30FF}'
            | '\u{FF66}'..='\u{FF9F}' => Self::Kana,
            '\u{1100}'..='\u{11FF}' | '\u{3131}'..='\u{318E}' | '\u{AC00}'..='\u{D7A3}' => {
                Self::Hangul
            }
            '\u{3005}'..='\u{3007}'
            | '\u{3400}'..='\u{4DBF}'
            | '\u{4E00}'..='\u{9FFF}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{20000}'..='\u{3134F}' => Self::Han,
            'Ａ'..='Ｚ' | 'ａ'..='ｚ' => Self::Latin,
            _ => return None,
        })
    }

    /// What one more letter of this script counts, in tenths of a Han character. Scripts that
    /// write words apart count by words, as a name of ten letters says no more than two Han
    /// characters.
    #[inline]
    fn weight(self, starts_word: bool) -> u64 {
        match self {
            Self::Han | Self::Hangul => 10,
            Self::Kana => 7,
            Self::Thai | Self::Lao | Self::Myanmar | Self::Khmer | Self::Tibetan => 4,
            Self::Latin
            | Self::Cyrillic
            | Self::Greek
            | Self::Arabic
            | Self::Hebrew
            | Self::Devanagari
            | Self::Bengali
            | Self::Gurmukhi
            | Self::Gujarati
            | Self::Oriya
            | Self::Tamil
            | Self::Telugu
            | Self::Kannada
            | Self::Malayalam
            | Self::Sinhala
            | Self::Georgian
            | Self::Armenian
            | Self::Ethiopic
            | Self::Mongolian => {
                if starts_word {
                    WORD
                } else {
                    0
                }
            }
        }
    }
}

/// How much of a text is in which script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptShares {
    weights: [u64; NUM_SCRIPTS],
}

impl ScriptShares {
    /// Weighs the letters of a text: an alphabetic word is worth two Han characters.
    pub fn of(text: &str) -> Self {
        let mut shares = Self::default();
        if text.is_ascii() {
            // One script has all of it, whatever it weighs.
            let has_letter = text.bytes().any(|byte| byte.is_ascii_alphabetic());
            shares.weights[Script::Latin as usize] = if has_letter { WORD } else { 0 };
            return shares;
        }
        let (bytes, mut at) = (text.as_bytes(), 0);
        let (mut last, mut latin_words) = (None, 0);
        while at < bytes.len() {
            let run = &bytes[at..at + ascii_prefix(&bytes[at..])];
            if !run.is_empty() {
                let (begun, in_word) = words_begun(run, last == Some(Script::Latin));
                latin_words += begun;
                // Apostrophes alone leave what was before them.
                if run.iter().any(|&byte| byte != b'\'') {
                    last = in_word.then_some(Script::Latin);
                }
                at += run.len();
                continue;
            }
            let Some(ch) = text[at..].chars().next() else { break };
            at += ch.len_utf8();
            let script = Script::of(ch);
            if let Some(script) = script {
                shares.weights[script as usize] += script.weight(last != Some(script));
            }
            // An apostrophe or a combining mark does not end a word.
            if !matches!(ch, '’' | '\u{300}'..='\u{36F}') {
                last = script;
            }
        }
        shares.weights[Script::Latin as usize] += latin_words * WORD;
        shares
    }

    /// The share of one script, from 0 to 1.
    pub fn share(&self, script: Script) -> f32 {
        match self.total() {
            0 => 0.0,
            total => self.weights[script as usize] as f32 / total as f32,
        }
    }

    /// The scripts that occur with their shares, largest first.
    pub fn ranked(&self) -> Vec<(Script, f32)> {
        let mut ranked: Vec<_> = ALL
            .into_iter()
            .filter(|&script| self.weights[script as usize] > 0)
            .map(|script| (script, self.share(script)))
            .collect();
        ranked.sort_by(|left, right| right.1.total_cmp(&left.1));
        ranked
    }

    /// Whether there are no letters.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    fn total(&self) -> u64 {
        self.weights.iter().sum()
    }
}

/// How many bytes at the start of `bytes` are ASCII.
fn ascii_prefix(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    let tops = |word: &[u8; 8]| u64::from_le_bytes(*word) & 0x8080_8080_8080_8080;
    match words.iter().position(|word| tops(word) != 0) {
        Some(at) => 8 * at + tops(&words[at]).trailing_zeros() as usize / 8,
        None => bytes.len() - rest.len() + rest.iter().take_while(|byte| byte.is_ascii()).count(),
    }
}

/// How many words of Latin script begin in a run of ASCII, and whether its end is in one, when what
/// stands before it is `in_word` or not. Apostrophes are in a word if what is before them is.
fn words_begun(run: &[u8], mut in_word: bool) -> (u64, bool) {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic();
    let mut begun = 0;
    let mut step = |byte: u8| {
        begun += u64::from(is_letter(byte) && !in_word);
        in_word = is_letter(byte) || byte == b'\'' && in_word;
    };
    if run.len() < SHORT_RUN || memchr::memmem::find(run, b"''").is_some() {
        for &byte in run {
            step(byte);
        }
        return (begun, in_word);
    }
    // Without two apostrophes side by side, the two bytes before each say all.
    let letter = |byte: u8| u8::from(is_letter(byte));
    let goes_on = |two: u8, one: u8| letter(one) | u8::from(one == b'\'') & letter(two);
    for &byte in &run[..2] {
        step(byte);
    }
    let mut at = 0;
    for heres in run[2..].chunks(COUNTED) {
        let (twos, ones) = (&run[at..], &run[at + 1..]);
        let before = twos.iter().zip(ones).map(|(&two, &one)| goes_on(two, one));
        let begins = heres.iter().zip(before).map(|(&here, before)| letter(here) & (1 - before));
        begun += u64::from(begins.sum::<u8>());
        at += heres.len();
    }
    (begun, goes_on(run[run.len() - 2], run[run.len() - 1]) == 1)
}

/// Bytes below which a run is looked at byte by byte.
const SHORT_RUN: usize = 16;
/// Bytes whose words are counted in one byte.
const COUNTED: usize = 128;
