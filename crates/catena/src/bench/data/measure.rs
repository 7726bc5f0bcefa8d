//! What is measured, one function each. Seconds of one thread, but where the cell says otherwise.

use super::corpus::Corpus;
use catena_corpus::{
    Analyser, Families, LanguageDetector, PiiRule, RuleSet, find_pii, rule_set, rule_set_names,
};
use std::hint::black_box;
use std::time::Instant;

/// The rule sets that DataTrove has.
const DATATROVE: [&str; 3] = ["gopher@datatrove", "c4@datatrove", "fineweb@datatrove"];

fn sets<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<RuleSet> {
    names.into_iter().map(|name| rule_set(name).expect("a name of the registry")).collect()
}

fn families(sets: &[RuleSet]) -> Families {
    sets.iter().fold(Families::NONE, |all, set| all.union(set.families()))
}

/// Judges every text by `sets`; texts that pass all.
fn judge(corpus: &Corpus, sets: &[RuleSet]) -> usize {
    let mut analyser = Analyser::new(families(sets));
    let passes = |text: &&String| {
        let Ok(profile) = analyser.analyse(text) else { return false };
        sets.iter().all(|set| matches!(set.judge(&profile), Ok(None)))
    };
    corpus.texts.iter().filter(passes).count()
}

/// Megabytes a second of `work` over the corpus.
fn speed(corpus: &Corpus, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    corpus.megabytes() / start.elapsed().as_secs_f64()
}

/// Gopher's quality and repetition filters, C4's and FineWeb's.
pub(super) fn four_sets(corpus: &Corpus) -> f64 {
    let sets = sets(DATATROVE);
    speed(corpus, || {
        black_box(judge(corpus, &sets));
    })
}

/// Every rule set, the language and personal data.
pub(super) fn everything(corpus: &Corpus) -> f64 {
    let sets = sets(rule_set_names());
    let detector = LanguageDetector::builtin();
    let kinds = PiiRule::usual();
    speed(corpus, || {
        black_box(judge(corpus, &sets));
        for text in &corpus.texts {
            black_box(detector.detect(text));
            black_box(find_pii(text, &kinds));
        }
    })
}

/// The language of every text.
pub(super) fn language(corpus: &Corpus) -> f64 {
    let detector = LanguageDetector::builtin();
    speed(corpus, || {
        for text in &corpus.texts {
            black_box(detector.detect(text));
        }
    })
}

/// Personal data in every text.
pub(super) fn pii(corpus: &Corpus) -> f64 {
    let kinds = PiiRule::usual();
    speed(corpus, || {
        for text in &corpus.texts {
            black_box(find_pii(text, &kinds));
        }
    })
}
