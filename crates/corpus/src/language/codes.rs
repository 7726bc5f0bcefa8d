//! Codes of languages, and the labels that models give them.

use super::chinese::ChineseScript;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// What a label is that no code could be made of.
const UNDETERMINED: &str = "und";

/// Labels beyond the table that are kept for the life of the process, and their longest length.
const MAX_KEPT: usize = 1 << 14;
const MAX_LABEL_BYTES: usize = 32;

/// ISO 639-3 codes (and 639-2 ones that differ) with their two-letter codes.
#[rustfmt::skip]
const CODES: &[(&str, &str)] = &[
    ("afr", "af"), ("amh", "am"), ("ara", "ar"), ("arb", "ar"), ("asm", "as"), ("aze", "az"),
    ("azj", "az"), ("bak", "ba"), ("bel", "be"), ("ben", "bn"), ("bod", "bo"), ("bos", "bs"),
    ("bre", "br"), ("bul", "bg"), ("cat", "ca"), ("ces", "cs"), ("chv", "cv"), ("cmn", "zh"),
    ("cos", "co"), ("cym", "cy"), ("dan", "da"), ("deu", "de"), ("div", "dv"), ("ekk", "et"),
    ("ell", "el"), ("eng", "en"), ("epo", "eo"), ("est", "et"), ("eus", "eu"), ("fao", "fo"),
    ("fas", "fa"), ("fin", "fi"), ("fra", "fr"), ("fry", "fy"), ("gla", "gd"), ("gle", "ga"),
    ("glg", "gl"), ("guj", "gu"), ("hat", "ht"), ("hau", "ha"), ("heb", "he"), ("hin", "hi"),
    ("hrv", "hr"), ("hun", "hu"), ("hye", "hy"), ("ibo", "ig"), ("ind", "id"), ("isl", "is"),
    ("ita", "it"), ("jav", "jv"), ("jpn", "ja"), ("kan", "kn"), ("kat", "ka"), ("kaz", "kk"),
    ("khk", "mn"), ("khm", "km"), ("kin", "rw"), ("kir", "ky"), ("kor", "ko"), ("kur", "ku"),
    ("lao", "lo"), ("lat", "la"), ("lav", "lv"), ("lit", "lt"), ("ltz", "lb"), ("lvs", "lv"),
    ("mal", "ml"), ("mar", "mr"), ("mkd", "mk"), ("mlg", "mg"), ("mlt", "mt"), ("mon", "mn"),
    ("mri", "mi"), ("msa", "ms"), ("mya", "my"), ("nep", "ne"), ("nld", "nl"), ("nno", "nn"),
    ("nob", "no"), ("nor", "no"), ("npi", "ne"), ("nya", "ny"), ("oci", "oc"), ("ori", "or"),
    ("ory", "or"), ("pan", "pa"), ("pes", "fa"), ("plt", "mg"), ("pol", "pl"), ("por", "pt"),
    ("pus", "ps"), ("roh", "rm"), ("ron", "ro"), ("run", "rn"), ("rus", "ru"), ("san", "sa"),
    ("sin", "si"), ("slk", "sk"), ("slv", "sl"), ("sna", "sn"), ("snd", "sd"), ("som", "so"),
    ("spa", "es"), ("sqi", "sq"), ("srd", "sc"), ("srp", "sr"), ("sun", "su"), ("swa", "sw"),
    ("swe", "sv"), ("swh", "sw"), ("tam", "ta"), ("tat", "tt"), ("tel", "te"), ("tgk", "tg"),
    ("tgl", "tl"), ("tha", "th"), ("tuk", "tk"), ("tur", "tr"), ("uig", "ug"), ("ukr", "uk"),
    ("urd", "ur"), ("uzb", "uz"), ("uzn", "uz"), ("vie", "vi"), ("xho", "xh"), ("ydd", "yi"),
    ("yid", "yi"), ("yor", "yo"), ("zho", "zh"), ("zsm", "ms"), ("zul", "zu"),
];

/// The two-letter code for a three-letter one, if it has one.
pub(super) fn two_letter(three: &'static str) -> &'static str {
    find(three).unwrap_or(three)
}

fn find(three: &str) -> Option<&'static str> {
    CODES.binary_search_by_key(&three, |&(three, _)| three).ok().map(|at| CODES[at].1)
}

/// The code of a model's label (`en`, `eng`, `eng_Latn`, `zho_Hans`), and what it says of the
/// characters of Chinese.
pub(super) fn code_of_label(label: &str) -> (&'static str, Option<ChineseScript>) {
    let (code, script) = label.split_once(['_', '-']).unwrap_or((label, ""));
    let script = match script {
        "Hans" => Some(ChineseScript::Simplified),
        "Hant" => Some(ChineseScript::Traditional),
        _ => None,
    };
    let known = find(code).or_else(|| CODES.iter().map(|&(_, two)| two).find(|&two| two == code));
    (known.unwrap_or_else(|| keep(code)), script)
}

/// A code that lives as long as the process. Models have few of them; past the limits the answer
/// is `und`.
fn keep(code: &str) -> &'static str {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    if code.len() > MAX_LABEL_BYTES {
        return UNDETERMINED;
    }
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(code) = kept.get(code) {
        return code;
    }
    if kept.len() >= MAX_KEPT {
        return UNDETERMINED;
    }
    let code: &'static str = Box::leak(code.into());
    kept.insert(code);
    code
}
