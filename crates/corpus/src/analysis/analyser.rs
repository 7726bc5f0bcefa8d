//! One reading of a text.

use super::c4::C4Scratch;
use super::characters::CharacterCounts;
use super::chinese::ChineseScratch;
use super::juicer::JuicerScratch;
use super::layout::Layout;
use super::lines::LineCounts;
use super::measure::{Families, Family};
use super::plain_repetition::PlainRepetitionScratch;
use super::plain_words::PlainWordCounts;
use super::profile::TextProfile;
use super::refined::RefinedScratch;
use super::repetition::RepetitionScratch;
use super::table::CountTable;
use super::words::{WordCounts, label};
use crate::classes::ClassTable;
use crate::error::CorpusError;
use crate::words::{EnglishTokenizer, Word};

/// Bytes of the longest text that is profiled. Places in a text are held as 32-bit numbers, and
/// the working memory for one text grows to about 20 times its bytes.
pub const MAX_TEXT_BYTES: usize = 256 << 20;
/// Entries that a buffer keeps from one text to the next.
const KEPT_ENTRIES: usize = 1 << 20;

/// Takes the measures of one text after another.
///
/// It owns the working memory and uses it again, so one is kept per thread. The result depends on
/// the text and the families alone.
pub struct Analyser {
    families: Families,
    classes: ClassTable,
    layout: Layout,
    words: Vec<Word>,
    tokenizer: EnglishTokenizer,
    table: CountTable,
    repetition: RepetitionScratch,
    c4: C4Scratch,
    plain_repetition: PlainRepetitionScratch,
    juicer: JuicerScratch,
    refined: RefinedScratch,
    chinese: ChineseScratch,
}

impl Analyser {
    /// An analyser that takes the measures of `families` and leaves the others out.
    pub fn new(families: Families) -> Self {
        Self {
            families,
            classes: ClassTable::new(),
            layout: Layout::default(),
            words: Vec::new(),
            tokenizer: EnglishTokenizer::with_label(label),
            table: CountTable::default(),
            repetition: RepetitionScratch::default(),
            c4: C4Scratch::default(),
            plain_repetition: PlainRepetitionScratch::default(),
            juicer: JuicerScratch::default(),
            refined: RefinedScratch::default(),
            chinese: ChineseScratch::default(),
        }
    }

    /// The profile of `text`.
    ///
    /// # Errors
    /// [`CorpusError::TextTooLong`] above [`MAX_TEXT_BYTES`].
    pub fn analyse(&mut self, text: &str) -> Result<TextProfile, CorpusError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(CorpusError::TextTooLong { bytes: text.len(), limit: MAX_TEXT_BYTES });
        }
        let profile = self.profile(text);
        if text.len() > KEPT_ENTRIES {
            self.shrink();
        }
        Ok(profile)
    }

    fn profile(&mut self, text: &str) -> TextProfile {
        let takes = |family| self.families.contains(family);
        let plain = [Family::C4, Family::PlainWords, Family::PlainRepetition, Family::Juicer];
        let with_plain_words = plain.into_iter().any(takes) || takes(Family::Refined);
        let english = [Family::Words, Family::Repetition, Family::C4];
        let with_words = english.into_iter().any(takes);
        self.layout.read(text, self.classes, with_plain_words);
        if with_words {
            self.tokenizer.tokenize_mapped(text, &self.layout.bytes, &mut self.words);
        }
        let (layout, classes) = (&self.layout, self.classes);
        TextProfile {
            characters: Some(CharacterCounts::count(text, layout)),
            lines: takes(Family::Lines)
                .then(|| LineCounts::count(text, layout, classes, &mut self.table)),
            words: takes(Family::Words).then(|| WordCounts::count(&self.words)),
            repetition: takes(Family::Repetition)
                .then(|| self.repetition.count(text, layout, &self.words)),
            c4: takes(Family::C4)
                .then(|| self.c4.count(text, layout, &self.words, &mut self.tokenizer)),
            plain_words: takes(Family::PlainWords)
                .then(|| PlainWordCounts::count(text, layout, classes, &mut self.table)),
            plain_repetition: takes(Family::PlainRepetition)
                .then(|| self.plain_repetition.count(text, layout)),
            juicer: takes(Family::Juicer).then(|| self.juicer.count(text, layout, classes)),
            refined: takes(Family::Refined).then(|| self.refined.count(text, layout, classes)),
            chinese: takes(Family::Chinese).then(|| self.chinese.count(text, layout, classes)),
        }
    }

    fn shrink(&mut self) {
        self.layout.shrink(KEPT_ENTRIES);
        self.words.clear();
        self.words.shrink_to(KEPT_ENTRIES);
        self.table.shrink(KEPT_ENTRIES);
        self.repetition.shrink(KEPT_ENTRIES);
        self.plain_repetition.shrink(KEPT_ENTRIES);
        self.juicer.shrink(KEPT_ENTRIES);
        self.refined.shrink(KEPT_ENTRIES);
        self.chinese.shrink(KEPT_ENTRIES);
    }
}
