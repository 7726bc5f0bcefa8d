//! What is measured, one function each. Seconds of one thread, but where the cell says otherwise.

use super::corpus::Corpus;
use super::run::{Figures, failed};
use crate::failure::Failure;
use camino::Utf8Path;
use catena_corpus::{
    Analyser, Families, LabelledText, LanguageDetector, PiiRule, PiiTally, RuleSet, find_pii,
    rule_set, rule_set_names, tally_pii,
};
use std::hint::black_box;
use std::time::Instant;

/// The rule sets that DataTrove has.
pub(super) const DATATROVE: [&str; 3] = ["gopher@datatrove", "c4@datatrove", "fineweb@datatrove"];

/// Sentences whose personal data people have labelled, in a checkout of Catena.
const SENTENCES: &str = "crates/corpus/tests/golden/pii/sentences.jsonl";

pub(super) fn sets<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<RuleSet> {
    names.into_iter().map(|name| rule_set(name).expect("a name of the registry")).collect()
}

pub(super) fn families(sets: &[RuleSet]) -> Families {
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

/// Personal data in every text, and precision and recall on the labelled sentences.
pub(super) fn pii(corpus: &Corpus) -> Result<Figures, Failure> {
    let kinds = PiiRule::usual();
    let speed = speed(corpus, || {
        for text in &corpus.texts {
            black_box(find_pii(text, &kinds));
        }
    });
    let mut figures = Figures::from([("data/pii".to_owned(), speed)]);
    if Utf8Path::new(SENTENCES).exists() {
        let lines = std::fs::read_to_string(SENTENCES).map_err(failed)?;
        let sentences: Vec<LabelledText> =
            lines.lines().map(serde_json::from_str).collect::<Result<_, _>>().map_err(failed)?;
        let tallies = tally_pii(&sentences, &kinds);
        let all = tallies.into_values().fold(PiiTally::default(), PiiTally::plus);
        figures.insert("data/pii/precision".to_owned(), all.precision());
        figures.insert("data/pii/recall".to_owned(), all.recall());
    }
    Ok(figures)
}
