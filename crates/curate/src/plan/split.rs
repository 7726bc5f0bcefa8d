//! Which split a document belongs to.

use super::settings::SplitSettings;
use crate::error::CurateError;
use catena_corpus::{SplitOptions, stable_split};
use serde_json::{Map, Value};

/// Divides documents by the hash of their id or group, so that a document stays where it is when
/// others are added.
#[derive(Clone, Debug)]
pub(crate) struct Splitter {
    options: Option<SplitOptions>,
    group: Option<String>,
}

impl Splitter {
    /// The division that the plan asks for.
    ///
    /// # Errors
    /// Shares that are no shares.
    pub(crate) fn new(settings: &SplitSettings) -> Result<Self, CurateError> {
        let train = 1.0 - settings.validation - settings.test;
        let parts =
            [("train", train), ("validation", settings.validation), ("test", settings.test)];
        let parts: Vec<_> = parts.into_iter().filter(|(_, share)| *share != 0.0).collect();
        let options = SplitOptions::new(&parts, settings.seed);
        options.check()?;
        let options = (parts.len() > 1).then_some(options);
        Ok(Self { options, group: settings.group.clone() })
    }

    /// The parts; none if all is for training.
    pub(crate) fn options(&self) -> Option<&SplitOptions> {
        self.options.as_ref()
    }

    /// The name of the split of a document.
    pub(crate) fn split(&self, id: &str, metadata: &Map<String, Value>) -> &str {
        let Some(options) = &self.options else { return "train" };
        let group = self.group.as_ref().and_then(|group| metadata.get(group));
        let key =
            group.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let key = key.as_deref().unwrap_or(id);
        let part = stable_split([key], options).expect("checked when it was made");
        &options.parts[part[0]].name
    }
}
