//! What the studio shows, handed over by the binary.

use catena_protocol::{CuratedSet, Document, RunReport, TrainingRun};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::io;
use std::sync::Arc;

/// A language of the studio's own texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

/// What the app asks for first. `GET /api/studio/info` answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudioInfo {
    /// The project's name, which is also the assistant's model id.
    pub project: String,
    /// Ids of the models served under `/v1/models`.
    pub models: Vec<String>,
    /// Language of a first visit; `None` follows the browser.
    pub language: Option<Language>,
    /// Version of Catena.
    pub version: String,
    /// Questions offered on the empty chat page, in the documents' language. The app shows at most
    /// six.
    pub example_questions: Vec<String>,
}

/// Gives the documents that citations point into.
pub trait DocumentSource: Send + Sync + 'static {
    /// The document called `id`, or `None`. May block; the studio calls it off the async threads.
    ///
    /// # Errors
    /// If the documents cannot be read.
    fn document(&self, id: &str) -> io::Result<Option<Document>>;
}

impl<S: BuildHasher + Send + Sync + 'static> DocumentSource for HashMap<String, Document, S> {
    fn document(&self, id: &str) -> io::Result<Option<Document>> {
        Ok(self.get(id).cloned())
    }
}

/// Gives the training runs of the project, whoever makes them.
pub trait RunSource: Send + Sync + 'static {
    /// The runs, the last written first. May block; the studio calls it off the async threads.
    ///
    /// # Errors
    /// If the project's folder cannot be read.
    fn runs(&self) -> io::Result<Vec<TrainingRun>>;
}

impl RunSource for Vec<TrainingRun> {
    fn runs(&self) -> io::Result<Vec<TrainingRun>> {
        Ok(self.clone())
    }
}

/// Gives the cleaned data sets of the project, whoever makes them.
pub trait CuratedSource: Send + Sync + 'static {
    /// The sets, the last written first. May block; the studio calls it off the async threads.
    ///
    /// # Errors
    /// If the project's folder cannot be read.
    fn sets(&self) -> io::Result<Vec<CuratedSet>>;
}

impl CuratedSource for Vec<CuratedSet> {
    fn sets(&self) -> io::Result<Vec<CuratedSet>> {
        Ok(self.clone())
    }
}

/// Everything [`crate::router`] serves besides the app's files. Clones share it.
#[derive(Clone)]
pub struct StudioState {
    pub(crate) info: Arc<StudioInfo>,
    pub(crate) report: Option<Arc<RunReport>>,
    pub(crate) documents: Arc<dyn DocumentSource>,
    pub(crate) runs: Arc<dyn RunSource>,
    pub(crate) sets: Arc<dyn CuratedSource>,
}

impl StudioState {
    /// The studio of one project: `report` of its last run, if one ended, and its `documents`.
    pub fn new(
        info: StudioInfo,
        report: Option<RunReport>,
        documents: impl DocumentSource,
    ) -> Self {
        let (info, report) = (Arc::new(info), report.map(Arc::new));
        let runs = Arc::new(Vec::<TrainingRun>::new());
        let sets = Arc::new(Vec::<CuratedSet>::new());
        Self { info, report, documents: Arc::new(documents), runs, sets }
    }

    /// With the project's training runs, which are looked up whenever the page asks.
    #[must_use]
    pub fn with_runs(self, runs: impl RunSource) -> Self {
        Self { runs: Arc::new(runs), ..self }
    }

    /// With the project's cleaned data sets, which are looked up whenever the page asks.
    #[must_use]
    pub fn with_sets(self, sets: impl CuratedSource) -> Self {
        Self { sets: Arc::new(sets), ..self }
    }
}
