//! Which split a document belongs to.

use super::settings::SplitSettings;
use crate::error::CurateError;
use catena_corpus::{CorpusError, SplitOptions, stable_split};

/// Shares such as 0.9 and 0.1 add up to 1 but for this.
const ROUNDING: f64 = 1e-9;

/// Divides documents by the hash of their id or group, so that a document stays where it is when
/// others are added.
#[derive(Clone, Debug)]
pub(crate) struct Splitter {
    options: Option<SplitOptions>,
    /// The split that all documents are in where there is one alone.
    only: &'static str,
}

impl Splitter {
    /// The division that the plan asks for.
    ///
    /// # Errors
    /// Shares that are no shares.
    pub(crate) fn new(settings: &SplitSettings) -> Result<Self, CurateError> {
        let (validation, test) = (settings.validation, settings.test);
        for (key, found) in [
            ("split.validation", validation),
            ("split.test", test),
            ("split.validation + split.test", validation + test),
        ] {
            if !(0.0..=1.0 + ROUNDING).contains(&found) {
                return Err(CorpusError::Config { key, found, expected: "from 0 to 1" }.into());
            }
        }
        let train = (1.0 - validation - test).max(0.0);
        let train = if train > ROUNDING { train } else { 0.0 };
        let parts = [("train", train), ("validation", validation), ("test", test)];
        let parts: Vec<_> = parts.into_iter().filter(|(_, share)| *share != 0.0).collect();
        let only = parts.first().map_or("train", |(name, _)| *name);
        let options = SplitOptions::new(&parts, settings.seed);
        options.check()?;
        let options = (parts.len() > 1).then_some(options);
        Ok(Self { options, only })
    }

    /// The parts; none if all is in one.
    pub(crate) fn options(&self) -> Option<&SplitOptions> {
        self.options.as_ref()
    }

    /// The name of the split of a document, which its group decides if it has one.
    pub(crate) fn split(&self, id: &str, group: Option<&str>) -> &str {
        let Some(options) = &self.options else { return self.only };
        let part = stable_split([group.unwrap_or(id)], options);
        &options.parts[part.expect("checked when it was made")[0]].name
    }
}
