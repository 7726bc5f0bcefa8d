//! The scores known, by name.

use super::rarity::UnigramCounts;
use super::text_score::TextScore;
use super::{compression, flesch, length, rarity, type_token};
use crate::error::CorpusError;
use crate::quality::DocumentScorer;

/// A score that needs nothing but the texts.
#[derive(Clone, Copy, Debug)]
pub struct ScoreKind {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub meaning: &'static str,
    /// Whether the words of the whole corpus must be counted first.
    pub needs_counts: bool,
    make: fn(UnigramCounts) -> Box<dyn DocumentScorer>,
}

/// Makes a scorer of a function that looks at one text alone.
macro_rules! of_text {
    ($name:literal, $meaning:literal, $score:path) => {
        ScoreKind {
            name: $name,
            meaning: $meaning,
            needs_counts: false,
            make: |_| Box::new(TextScore { name: $name, score: $score }),
        }
    };
}

/// All scores that need nothing but the texts.
pub const TEXT_SCORES: &[ScoreKind] = &[
    of_text!("length", "Words; in scripts without spaces, characters.", length::words),
    ScoreKind {
        name: "rarity",
        meaning: "Mean negative natural logarithm of the frequency of each word in the corpus.",
        needs_counts: true,
        make: |counts| {
            let score = move |text: &str| rarity::rarity(&counts, text);
            Box::new(TextScore { name: "rarity", score })
        },
    },
    of_text!(
        "compression",
        "Bytes by bytes after DEFLATE; high is repetitive.",
        compression::ratio
    ),
    of_text!("type-token", "Different words by words.", type_token::ratio),
    of_text!("flesch", "Flesch reading ease; high is easy. English only.", flesch::reading_ease),
];

/// The scorer called `name`. `counts` is what scores that need it know of the corpus.
///
/// # Errors
/// [`CorpusError::UnknownName`].
pub fn text_scorer(
    name: &str,
    counts: UnigramCounts,
) -> Result<Box<dyn DocumentScorer>, CorpusError> {
    if let Some(kind) = TEXT_SCORES.iter().find(|kind| kind.name == name) {
        return Ok((kind.make)(counts));
    }
    Err(CorpusError::unknown("score", name, TEXT_SCORES.iter().map(|kind| kind.name)))
}
