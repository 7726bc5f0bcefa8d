//! What the studio shows, handed over by the binary.

use catena_protocol::{Document, RunReport};
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

/// Everything [`crate::router`] serves besides the app's files. Clones share it.
#[derive(Clone)]
pub struct StudioState {
    pub(crate) info: Arc<StudioInfo>,
    pub(crate) report: Option<Arc<RunReport>>,
    pub(crate) documents: Arc<dyn DocumentSource>,
}

impl StudioState {
    /// The studio of one project: `report` of its last run, if one ended, and its `documents`.
    pub fn new(
        info: StudioInfo,
        report: Option<RunReport>,
        documents: impl DocumentSource,
    ) -> Self {
        Self { info: Arc::new(info), report: report.map(Arc::new), documents: Arc::new(documents) }
    }
}
