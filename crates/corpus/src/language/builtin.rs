//! The tier without a file: scripts first, then two small classifiers.

use super::chinese::ChineseScript;
use super::codes::two_letter;
use super::common::Votes;
use super::detector::Language;
use super::sample::sample;
use super::script::{Script, ScriptShares};
use whatlang::{Detector, Lang};

/// Bytes of a text that are looked at: more changes no answer.
const SAMPLE_BYTES: usize = 2048;

/// Bytes of one script that the classifiers see.
const CLASSIFIED_BYTES: usize = 512;

/// Han characters for each kana from which on a text is no longer Japanese: its particles and
/// endings alone make up more.
const HAN_PER_KANA: f32 = 6.0;

/// How sure the classifiers are when they do not agree.
const DISAGREE: f32 = 0.6;

/// One language for each of the scripts with the largest shares.
pub(super) fn detect(text: &str, sample_bytes: Option<usize>, k: usize) -> Vec<Language> {
    let parts = sample(text, sample_bytes.unwrap_or(SAMPLE_BYTES));
    let joined;
    let text = if let [only] = parts[..] {
        only
    } else {
        joined = parts.concat();
        &joined
    };
    let mut ranked = ScriptShares::of(text).ranked();
    merge_han_and_kana(&mut ranked);
    ranked
        .into_iter()
        .map(|(script, share)| {
            let (code, sure) = language_of(script, text);
            let chinese = if code == "zh" { ChineseScript::of(text) } else { None };
            Language { code, score: (share * sure).min(1.0), chinese }
        })
        .take(k)
        .collect()
}

/// Japanese is written in two scripts; they count as one, and kana decide.
fn merge_han_and_kana(ranked: &mut Vec<(Script, f32)>) {
    let share = |ranked: &[(Script, f32)], wanted| {
        ranked.iter().find(|(script, _)| *script == wanted).map_or(0.0, |(_, share)| *share)
    };
    let (han, kana) = (share(ranked, Script::Han), share(ranked, Script::Kana));
    if han > 0.0 && kana > 0.0 {
        ranked.retain(|(script, _)| !matches!(script, Script::Han | Script::Kana));
        let script = if kana * HAN_PER_KANA >= han { Script::Kana } else { Script::Han };
        ranked.push((script, han + kana));
        ranked.sort_by(|left, right| right.1.total_cmp(&left.1));
    }
}

/// The language of the words of one script, and how sure that is.
fn language_of(script: Script, text: &str) -> (&'static str, f32) {
    if script == Script::Latin {
        return latin(&words_of(script, text));
    }
    let has_several = [Script::Cyrillic, Script::Arabic, Script::Hebrew, Script::Devanagari];
    if has_several.contains(&script) {
        return by_trigrams(&words_of(script, text), &[]).unwrap_or((usual(script), DISAGREE));
    }
    (usual(script), 1.0)
}

/// The language that most texts of a script are in.
fn usual(script: Script) -> &'static str {
    match script {
        Script::Latin => "en",
        Script::Cyrillic => "ru",
        Script::Greek => "el",
        Script::Arabic => "ar",
        Script::Hebrew => "he",
        Script::Han => "zh",
        Script::Kana => "ja",
        Script::Hangul => "ko",
        Script::Devanagari => "hi",
        Script::Bengali => "bn",
        Script::Gurmukhi => "pa",
        Script::Gujarati => "gu",
        Script::Oriya => "or",
        Script::Tamil => "ta",
        Script::Telugu => "te",
        Script::Kannada => "kn",
        Script::Malayalam => "ml",
        Script::Sinhala => "si",
        Script::Thai => "th",
        Script::Lao => "lo",
        Script::Myanmar => "my",
        Script::Khmer => "km",
        Script::Tibetan => "bo",
        Script::Georgian => "ka",
        Script::Armenian => "hy",
        Script::Ethiopic => "am",
        Script::Mongolian => "mn",
    }
}

/// The words of one script, with single spaces between.
fn words_of(script: Script, text: &str) -> String {
    let mut words = String::with_capacity(CLASSIFIED_BYTES + 8);
    let mut in_word = false;
    let (bytes, mut at) = (text.as_bytes(), 0);
    while at < bytes.len() && words.len() < CLASSIFIED_BYTES {
        if script == Script::Latin {
            let rest = &bytes[at..bytes.len().min(at + CLASSIFIED_BYTES - words.len())];
            let end = rest.iter().position(|byte| !byte.is_ascii_alphabetic());
            let letters = end.unwrap_or(rest.len());
            if letters > 0 {
                words.push_str(&text[at..at + letters]);
                in_word = true;
                at += letters;
                continue;
            }
        }
        let Some(ch) = text[at..].chars().next() else { break };
        at += ch.len_utf8();
        let is_inside = matches!(ch, '\'' | '’' | '\u{300}'..='\u{36F}' | '\u{200C}' | '\u{200D}');
        if Script::of(ch) == Some(script) || (is_inside && in_word) {
            words.push(ch);
            in_word = true;
        } else if in_word {
            words.push(' ');
            in_word = false;
        }
    }
    words
}

/// What trigrams say, without languages that can't be meant.
fn by_trigrams(words: &str, others: &[Lang]) -> Option<(&'static str, f32)> {
    let info = Detector::with_denylist(others.to_vec()).detect(words)?;
    #[expect(clippy::cast_possible_truncation, reason = "a share from 0 to 1")]
    let sure = info.confidence() as f32;
    Some((two_letter(info.lang().code()), DISAGREE + (1.0 - DISAGREE) * sure))
}

/// Latin words: common words decide where they can; else the linear classifier, which is right far
/// more often about its languages, and the trigrams, which know the others.
fn latin(words: &str) -> (&'static str, f32) {
    let votes = Votes::of(words);
    if votes.are_clear() {
        return (votes.code, 1.0);
    }
    let linear = two_letter(whichlang::detect_language(words).three_letter_code());
    if votes.support(linear) {
        return (linear, 1.0);
    }
    let is_bare = words.len() >= BARE_BYTES && words.is_ascii();
    match by_trigrams(words, if is_bare { &MARKED } else { &[] }) {
        Some((code, _)) if code == linear => (code, 1.0),
        Some((code, sure)) if sure > 0.9 && !LINEAR.contains(&code) => (code, sure),
        _ => (linear, DISAGREE),
    }
}

/// From so many bytes of ASCII on, a text is in no language that is written with marks on letters.
const BARE_BYTES: usize = 256;
/// Languages of which so much text always holds a letter beyond ASCII.
const MARKED: [Lang; 17] = [
    Lang::Aze,
    Lang::Cat,
    Lang::Ces,
    Lang::Dan,
    Lang::Est,
    Lang::Fin,
    Lang::Hrv,
    Lang::Hun,
    Lang::Lav,
    Lang::Lit,
    Lang::Nob,
    Lang::Pol,
    Lang::Ron,
    Lang::Slk,
    Lang::Slv,
    Lang::Tuk,
    Lang::Vie,
];

/// The Latin languages of the linear classifier.
const LINEAR: [&str; 10] = ["de", "en", "es", "fr", "it", "nl", "pt", "sv", "tr", "vi"];
