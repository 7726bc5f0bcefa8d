//! What a stage is.

use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::{Cancel, Progress};
use std::collections::BTreeMap;
use std::error::Error;

/// Every value a stage's result depends on besides its input stages, by a name a user knows:
/// configuration keys (`train.learning_rate`) and digests of files (`file documents.json`).
pub type Settings = BTreeMap<String, String>;

/// Figures a stage reports about its result, under stable names.
pub type Summary = serde_json::Map<String, serde_json::Value>;

/// One step of a project's work.
///
/// The binary implements stages, so a failure is erased here: only the command line looks inside.
pub trait Stage {
    /// Name in `catena plan`, in reports and of the result's folder.
    fn name(&self) -> &'static str;

    /// Raised when the code's result changes for equal settings and inputs.
    fn version(&self) -> u32;

    /// Stages whose results are read, all earlier in the list.
    fn inputs(&self) -> &'static [&'static str];

    /// What else the result depends on.
    fn settings(&self) -> Settings;

    /// Makes the result in `context.dir()`, which may hold what an interrupted run left there.
    ///
    /// # Errors
    /// Anything; an error after [`Cancel`] was set counts as an interruption.
    fn run(&self, context: &StageContext<'_>) -> Result<Summary, Box<dyn Error + Send + Sync>>;
}

/// What a running stage is given.
pub struct StageContext<'a> {
    pub(crate) dir: Utf8PathBuf,
    pub(crate) inputs: BTreeMap<&'static str, Utf8PathBuf>,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) cancel: &'a Cancel,
}

impl StageContext<'_> {
    /// Where the result is written.
    pub fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// Folder of an input stage's result.
    ///
    /// # Panics
    /// If `stage` is not among the stage's inputs.
    pub fn input(&self, stage: &str) -> &Utf8Path {
        self.inputs.get(stage).unwrap_or_else(|| panic!("`{stage}` is not an input of this stage"))
    }

    /// Where progress is reported.
    pub fn progress(&self) -> &dyn Progress {
        self.progress
    }

    /// Whether the stage should stop.
    pub fn cancel(&self) -> &Cancel {
        self.cancel
    }
}
