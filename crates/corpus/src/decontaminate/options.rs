//! How contamination is looked for.

use crate::error::CorpusError;
use crate::ngrams::Spelling;

/// What counts as contamination.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecontaminationOptions {
    /// Words of a run, from 1 to 100.
    pub ngram: usize,
    /// An item with fewer words than `ngram`, but at least this many, is one run as a whole; one
    /// with still fewer is not looked for. From 1 to `ngram`.
    pub shortest: usize,
    /// Different runs of one item that a text must hold.
    pub min_matches: usize,
    /// Share of the runs of an item that a text must hold, from 0 to 1.
    pub min_overlap: f64,
    /// Whether runs that lie in the question alone count. Questions often quote a public text
    /// that a model may well have read; the answer is what must not be known.
    pub index_queries: bool,
    /// How words are spelled.
    pub spelling: Spelling,
}

impl Default for DecontaminationOptions {
    fn default() -> Self {
        Self::gpt3()
    }
}

impl DecontaminationOptions {
    /// Any run of 13 words, shorter items whole from 8 words.
    ///
    /// # Source
    /// Brown et al. 2020, arXiv:2005.14165, appendix C: the length there is the fifth percentile
    /// of the item lengths of the set, at least 8 and at most 13; ours is chosen for each item.
    pub const fn gpt3() -> Self {
        Self {
            ngram: 13,
            shortest: 8,
            min_matches: 1,
            min_overlap: 0.0,
            index_queries: true,
            spelling: Spelling::Plain,
        }
    }

    /// Any run of 12 words that reaches into the answer.
    ///
    /// # Source
    /// DataTrove 0.10.1, `NGramsDecontConfig`.
    pub const fn datatrove() -> Self {
        Self {
            ngram: 12,
            shortest: 12,
            min_matches: 1,
            min_overlap: 0.0,
            index_queries: false,
            spelling: Spelling::DataTrove,
        }
    }

    /// Refuses values that make no sense.
    pub fn check(&self) -> Result<(), CorpusError> {
        let counts = [
            ("ngram", self.ngram, 1..=100, "from 1 to 100"),
            ("shortest", self.shortest, 1..=self.ngram, "from 1 to `ngram`"),
            ("min_matches", self.min_matches, 1..=usize::MAX, "at least 1"),
        ];
        for (key, value, range, expected) in counts {
            if !range.contains(&value) {
                return Err(CorpusError::Config { key, found: value as f64, expected });
            }
        }
        if (0.0..=1.0).contains(&self.min_overlap) {
            return Ok(());
        }
        let (key, found) = ("min_overlap", self.min_overlap);
        Err(CorpusError::Config { key, found, expected: "from 0 to 1" })
    }
}

/// One item of an evaluation set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BenchmarkItem<'a> {
    /// Name of the set.
    pub benchmark: &'a str,
    /// What is asked, if it stands apart from the answer.
    pub query: Option<&'a str>,
    /// The answer, or the whole item.
    pub text: &'a str,
}

impl<'a> From<(&'a str, &'a str)> for BenchmarkItem<'a> {
    fn from((benchmark, text): (&'a str, &'a str)) -> Self {
        Self { benchmark, query: None, text }
    }
}
