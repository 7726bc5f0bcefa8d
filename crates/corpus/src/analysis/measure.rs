//! Every number of a profile by its name.

use super::profile::TextProfile;
use serde::{Deserialize, Serialize};

/// Measures that are taken together, because one look at the text gives them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// `text.*`: sizes and classes of characters.
    Characters,
    /// `lines.*` and `paragraphs.*`.
    Lines,
    /// `words.*`: words as spaCy's English rules cut them.
    Words,
    /// `repetition.*`: n-grams over those words, as DataTrove counts them.
    Repetition,
    /// `c4.*`: what C4's line filter would leave.
    C4,
    /// `plain.*`: words between white space and the lines around them.
    PlainWords,
    /// `plain_repetition.*`: n-grams over words between white space, as Dolma and NeMo count them.
    PlainRepetition,
    /// `juicer.*`: what Data-Juicer measures.
    Juicer,
    /// `refined.*`: what RefinedWeb measures and what its line edits would leave.
    Refined,
    /// `chinese.*`: words by dictionary, for texts with enough Han characters.
    Chinese,
}

impl Family {
    /// Every family, in the order in which measures are listed.
    pub const ALL: [Self; 10] = [
        Self::Characters,
        Self::Lines,
        Self::Words,
        Self::Repetition,
        Self::C4,
        Self::PlainWords,
        Self::PlainRepetition,
        Self::Juicer,
        Self::Refined,
        Self::Chinese,
    ];

    /// The measures of this family.
    pub fn measures(self) -> &'static [Measure] {
        match self {
            Self::Characters => super::characters::MEASURES,
            Self::Lines => super::lines::MEASURES,
            Self::Words => super::words::MEASURES,
            Self::Repetition => super::repetition::MEASURES,
            Self::C4 => super::c4::MEASURES,
            Self::PlainWords => super::plain_words::MEASURES,
            Self::PlainRepetition => super::plain_repetition::MEASURES,
            Self::Juicer => super::juicer::MEASURES,
            Self::Refined => super::refined::MEASURES,
            Self::Chinese => super::chinese::MEASURES,
        }
    }
}

/// A set of families.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Families(u16);

impl Families {
    /// No family.
    pub const NONE: Self = Self(0);

    /// Every family.
    pub fn all() -> Self {
        Family::ALL.into_iter().collect()
    }

    /// This set with `family`.
    #[must_use]
    pub fn with(self, family: Family) -> Self {
        Self(self.0 | 1 << family as u16)
    }

    /// The families of either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `family` is in the set.
    pub fn contains(self, family: Family) -> bool {
        self.0 & 1 << family as u16 != 0
    }
}

impl FromIterator<Family> for Families {
    fn from_iter<I: IntoIterator<Item = Family>>(families: I) -> Self {
        families.into_iter().fold(Self::NONE, Self::with)
    }
}

/// One number of a [`TextProfile`]: its name, what it says, and how it is read.
///
/// Names are stable: sidecar files use them as columns and rules refer to them.
pub struct Measure {
    /// Its dotted name, such as `words.count`.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub doc: &'static str,
    /// The family that it is taken with.
    pub family: Family,
    pub(super) read: fn(&TextProfile) -> Option<f64>,
}

impl Measure {
    /// Its value; `None` if the text was profiled without its family.
    pub fn value(&self, profile: &TextProfile) -> Option<f64> {
        (self.read)(profile)
    }

    /// The measure of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        measures().find(|measure| measure.name == name)
    }
}

impl std::fmt::Debug for Measure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

/// Every measure, family by family.
pub fn measures() -> impl Iterator<Item = &'static Measure> {
    Family::ALL.into_iter().flat_map(|family| family.measures().iter())
}

/// `part / whole`, and 0 of nothing.
#[inline]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The table of a family's measures; `it` is the family's part of the profile.
macro_rules! measure_table {
    ($family:ident, $field:ident, |$it:ident, $profile:ident|
        $($name:literal, $doc:literal => $value:expr;)+) => {
        /// The measures of this family.
        pub(super) static MEASURES: &[$crate::analysis::measure::Measure] = &[
            $($crate::analysis::measure::Measure {
                name: $name,
                doc: $doc,
                family: $crate::analysis::measure::Family::$family,
                read: |$profile| {
                    let _ = $profile;
                    $profile.$field.as_ref().map(|$it| $value)
                },
            },)+
        ];
    };
}
pub(super) use measure_table;
