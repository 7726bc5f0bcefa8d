//! One detector for both tiers.

use super::builtin;
use super::chinese::ChineseScript;
use super::codes::code_of_label;
use super::fasttext::FastText;
use super::sample::sample;
use crate::CorpusError;

/// A language a text may be in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Language {
    /// ISO 639-1 code, or 639-3 where there is none (`en`, `zh`, `ceb`).
    pub code: &'static str,
    /// How sure the detector is, from 0 to 1.
    pub score: f32,
    /// For Chinese, the characters it is written in, if the text shows them.
    pub chinese: Option<ChineseScript>,
}

/// Tells the languages of texts.
#[derive(Debug, Default)]
pub struct LanguageDetector {
    model: Option<FastText>,
    sample_bytes: Option<usize>,
}

impl LanguageDetector {
    /// The tier that needs no file. It knows some 80 languages; its scores are shares of the text
    /// and of agreement, not probabilities.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// The fastText tier, from the bytes of a model file such as `lid.176.ftz`.
    ///
    /// # Errors
    /// Those of [`FastText::load`].
    pub fn from_fasttext(bytes: &[u8]) -> Result<Self, CorpusError> {
        Ok(Self { model: Some(FastText::load(bytes)?), sample_bytes: None })
    }

    /// Looks at about this many bytes of a longer text, in whole lines from evenly spaced places.
    /// By default the fastText tier reads everything.
    #[must_use]
    pub fn with_sample(mut self, max_bytes: usize) -> Self {
        self.sample_bytes = Some(max_bytes);
        self
    }

    /// The language of a text; `None` if it has no letters, or none of a known script.
    pub fn detect(&self, text: &str) -> Option<Language> {
        self.detect_top(text, 1).into_iter().next()
    }

    /// Up to `k` languages a text may be in, best first. The built-in tier knows one for each
    /// script of the text.
    pub fn detect_top(&self, text: &str, k: usize) -> Vec<Language> {
        let Some(model) = &self.model else {
            return builtin::detect(text, self.sample_bytes, k);
        };
        if !text.chars().any(char::is_alphabetic) {
            return Vec::new();
        }
        let parts = self.sample_bytes.map_or_else(|| vec![text], |max| sample(text, max));
        let chinese = || parts.iter().copied().find_map(ChineseScript::of);
        model
            .predict_parts(parts.iter().copied(), k)
            .into_iter()
            .map(|prediction| {
                let (code, script) = code_of_label(prediction.label);
                Language {
                    code,
                    score: prediction.probability.min(1.0),
                    chinese: if code == "zh" { script.or_else(chinese) } else { None },
                }
            })
            .collect()
    }
}
