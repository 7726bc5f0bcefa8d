//! What a model on disk does.

use super::facts::Facts;
use super::files::{EncoderFiles, LanguageFiles, Running, classifier, embedder};
use crate::failure::{Exit, Failure};
use crate::models::BoxError;
use camino::{Utf8Path, Utf8PathBuf};
use catena_model::ModelError;
use catena_model::encoder::{EncoderConfig, EncoderTask};
use catena_serve::ModelSource;
use std::sync::Arc;

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It writes.
    Language,
    /// It turns texts into vectors.
    Embedder,
    /// It scores texts, or a query and a passage.
    Classifier,
}

/// A model that no route of the server takes.
#[derive(Debug, thiserror::Error)]
#[error("it is a `{architecture}`, which labels tokens; nothing that is served here asks for that")]
struct TokenLabels {
    architecture: String,
}

impl Kind {
    /// What the files at `path` say. What is no encoder is taken for a language model, whose loader
    /// says what is wrong with it.
    pub(super) fn of(path: &Utf8Path) -> Result<Self, Failure> {
        match EncoderConfig::open(path) {
            Ok(config) => match config.head.task {
                EncoderTask::Hidden => Ok(Self::Embedder),
                EncoderTask::SequenceClassification => Ok(Self::Classifier),
                EncoderTask::TokenClassification => {
                    let architecture = config.head.architecture;
                    let failure = cannot_load(path, Box::new(TokenLabels { architecture }));
                    Err(failure.hint("`--embedder` serves its trunk as one that gives vectors"))
                }
            },
            Err(ModelError::UnsupportedArchitecture { .. } | ModelError::Io { .. }) => {
                Ok(Self::Language)
            }
            Err(error) => Err(cannot_load(path, error.into())),
        }
    }

    /// The model at `path`, to be loaded; `draft` writes ahead for it.
    pub(super) fn source(
        self,
        path: Utf8PathBuf,
        draft: Option<Utf8PathBuf>,
        running: &Running,
    ) -> Arc<dyn ModelSource> {
        let (pool, facts) = (running.pool.clone(), Facts::default());
        let open = match self {
            Self::Language => {
                return Arc::new(LanguageFiles { path, draft, running: running.clone(), facts });
            }
            Self::Embedder => embedder,
            Self::Classifier => classifier,
        };
        Arc::new(EncoderFiles { path, pool, facts, open })
    }
}

/// The failure of a model that cannot be served.
pub(super) fn cannot_load(path: &Utf8Path, error: BoxError) -> Failure {
    Failure::new(Exit::Environment, format!("cannot load the model `{path}`"), error)
}
