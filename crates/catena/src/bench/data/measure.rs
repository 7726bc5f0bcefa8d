//! What is measured, one function each. Seconds of one thread, but where the cell says otherwise.

use super::corpus::Corpus;
use crate::failure::{Exit, Failure};
use camino::Utf8PathBuf;
use catena_corpus::{
    Analyser, CorpusError, ExactDedup, Families, KeyOptions, Keys, LanguageDetector, MinHashConfig,
    NearDedup, PiiRule, RuleSet, Scratch, find_pii, rule_set, rule_set_names,
};
use catena_protocol::{Cancel, NoProgress};
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

/// A folder that goes away with the value.
struct Folder(Utf8PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let fail = |error: std::io::Error| {
            Failure::new(Exit::Environment, "cannot make a folder to work in", error)
        };
        let path = std::env::temp_dir().join(format!("catena-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(fail)?;
        let path = Utf8PathBuf::from_path_buf(path);
        path.map(Self).map_err(|path| {
            let cause = format!("`{}` is not UTF-8", path.display());
            Failure::new(Exit::Environment, "cannot make a folder to work in", cause)
        })
    }

    fn scratch(&self, threads: usize) -> Scratch {
        Scratch { folder: self.0.clone(), memory_bytes: 256 << 20, threads }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn failed(error: CorpusError) -> Failure {
    let exit = if matches!(error, CorpusError::Interrupted) {
        Exit::Interrupted
    } else {
        Exit::Environment
    };
    Failure::new(exit, "cannot measure", error)
}

/// Seconds to find the near duplicates, with `threads`.
pub(super) fn minhash(corpus: &Corpus, threads: usize, cancel: &Cancel) -> Result<f64, Failure> {
    let folder = Folder::new()?;
    let start = Instant::now();
    let mut dedup =
        NearDedup::new(&MinHashConfig::default(), &folder.scratch(threads)).map_err(failed)?;
    for texts in corpus.texts.chunks(4096) {
        dedup.add(texts, cancel).map_err(failed)?;
    }
    black_box(dedup.finish(&NoProgress, cancel).map_err(failed)?);
    Ok(start.elapsed().as_secs_f64())
}

/// Megabytes a second of documents whose first copy is found.
pub(super) fn exact(corpus: &Corpus, cancel: &Cancel) -> Result<f64, Failure> {
    let folder = Folder::new()?;
    let start = Instant::now();
    let mut keys = Keys::new(KeyOptions::LOOSE);
    let mut dedup = ExactDedup::new(&folder.scratch(1)).map_err(failed)?;
    for text in &corpus.texts {
        dedup.push(keys.key(text)).map_err(failed)?;
    }
    for first in dedup.finish(cancel).map_err(failed)? {
        black_box(first.map_err(failed)?);
    }
    Ok(corpus.megabytes() / start.elapsed().as_secs_f64())
}
