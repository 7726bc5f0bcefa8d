//! The spellings known.

use super::sink::Sink;
use super::{datatrove, plain};

/// How words are spelled for comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// Runs of letters, marks and digits in lower case; full-width letters and digits become
    /// plain ones; everything else parts words. Each Chinese, Japanese or Korean character is a
    /// word. Texts should be in Unicode NFC, as [`crate::normalize`] leaves them.
    #[default]
    Plain,
    /// What DataTrove's `simplify_text` leaves, parted at white space: lower case, each number
    /// `0`, punctuation a space, no diacritics.
    ///
    /// # Source
    /// DataTrove 0.10.1, `utils/text.py` with its default `TextNormConfig`. DataTrove then parts
    /// words with spaCy, which cuts a few contractions (`dont`) and units (`0km`) in two more;
    /// who needs those exact words gives them as words.
    DataTrove,
}

impl Spelling {
    /// Sends every word of `text` to `sink` until it wants no more.
    #[inline]
    pub(crate) fn scan(self, text: &str, sink: &mut impl Sink) {
        match self {
            Self::Plain => plain::scan(text, sink),
            Self::DataTrove => datatrove::scan(text, sink),
        }
    }
}
