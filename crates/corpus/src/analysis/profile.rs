//! What is known of one text.

use super::c4::C4Counts;
use super::characters::CharacterCounts;
use super::chinese::ChineseCounts;
use super::juicer::JuicerCounts;
use super::lines::LineCounts;
use super::plain_repetition::PlainRepetitionCounts;
use super::plain_words::PlainWordCounts;
use super::refined::RefinedCounts;
use super::repetition::RepetitionCounts;
use super::words::WordCounts;
use serde::{Deserialize, Serialize};

/// Counts over one text, from which every [`super::Measure`] is read.
///
/// It holds whole numbers wherever the text gives whole numbers, so that a ratio read from it is
/// the one that the tool we agree with computes, to the last bit. A family that was not asked for
/// is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextProfile {
    pub(super) characters: Option<CharacterCounts>,
    pub(super) lines: Option<LineCounts>,
    pub(super) words: Option<WordCounts>,
    pub(super) repetition: Option<RepetitionCounts>,
    pub(super) c4: Option<C4Counts>,
    pub(super) plain_words: Option<PlainWordCounts>,
    pub(super) plain_repetition: Option<PlainRepetitionCounts>,
    pub(super) juicer: Option<JuicerCounts>,
    pub(super) refined: Option<RefinedCounts>,
    pub(super) chinese: Option<ChineseCounts>,
}
