//! What requests have in common.

use crate::app::App;
use crate::body::{Refused, is_empty};
use crate::error::ApiError;
use crate::models::ServedModel;
use crate::texts::Texts;
use catena_knowledge::Embedder;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// Refused by all that embeds.
pub(super) const PROMPT_NAME: Refused = Refused {
    field: "prompt_name",
    is_neutral: is_empty,
    hint: "; put the prompt before the text",
};

/// Texts to embed.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ToEmbed {
    model: Option<String>,
    inputs: Texts,
    #[serde(default)]
    pub(super) truncate: bool,
    #[serde(default)]
    truncation_direction: Direction,
}

impl ToEmbed {
    /// Its fields, for the tables of what routes know.
    pub(super) const NAMES: &'static [&'static str] =
        &["model", "inputs", "truncate", "truncation_direction"];

    /// The model, with its name, and the texts.
    ///
    /// # Errors
    /// As [`App::model_for`]; [`ApiError::InvalidField`], [`ApiError::Unsupported`].
    pub(super) async fn read(
        self,
        app: &App,
    ) -> Result<((String, Arc<dyn Embedder>), Vec<String>), ApiError> {
        let needs = "an embedding model";
        let embedder = app.model_for(self.model.as_deref(), needs, ServedModel::embedder).await?;
        let texts = self.inputs.read("inputs", app.limits().max_inputs)?;
        self.truncation_direction.check(self.truncate)?;
        Ok((embedder, texts))
    }
}

/// How texts are to be scored, and by which model.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ToScore {
    model: Option<String>,
    #[serde(default)]
    pub(super) truncate: bool,
    #[serde(default)]
    truncation_direction: Direction,
    #[serde(default)]
    pub(super) raw_scores: bool,
}

impl ToScore {
    /// Its fields, for the tables of what routes know.
    pub(super) const NAMES: &'static [&'static str] =
        &["model", "truncate", "truncation_direction", "raw_scores"];

    /// The model as `role` takes it, with its name; `needs` says what it has to be.
    ///
    /// # Errors
    /// As [`App::model_for`]; [`ApiError::Unsupported`].
    pub(super) async fn model<T>(
        &self,
        app: &App,
        needs: &'static str,
        role: impl Fn(&ServedModel) -> Option<T>,
    ) -> Result<(String, T), ApiError> {
        let found = app.model_for(self.model.as_deref(), needs, role).await?;
        self.truncation_direction.check(self.truncate)?;
        Ok(found)
    }
}

/// Which end of a long text is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "TruncationDirection")]
pub(super) enum Direction {
    #[serde(alias = "left")]
    Left,
    #[default]
    #[serde(alias = "right")]
    Right,
}

impl Direction {
    /// Checks that it can be honoured.
    ///
    /// # Errors
    /// [`ApiError::Unsupported`] if texts would be cut at their beginning.
    pub(super) fn check(self, truncate: bool) -> Result<(), ApiError> {
        if truncate && self == Self::Left {
            let hint = " with the value `Left`; texts are cut at their end";
            return Err(ApiError::Unsupported { field: "truncation_direction", hint });
        }
        Ok(())
    }
}
