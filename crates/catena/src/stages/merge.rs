//! Stage `merge`: the adapter added to the base weights, as a Hugging Face folder.

use super::{Inputs, digest_setting};
use crate::merged::{ADAPTER_DIR, save_merged};
use crate::models::BoxError;
use catena_pipeline::{Settings, Stage, StageContext, Summary};
use serde_json::json;
use std::sync::Arc;

/// Folder of the merged model in the stage's result.
pub(crate) const MODEL_DIR: &str = "model";

/// The stage.
pub(crate) struct Merge(pub(crate) Arc<Inputs>);

impl Stage for Merge {
    fn name(&self) -> &'static str {
        "merge"
    }

    fn version(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [&'static str] {
        &["train"]
    }

    fn settings(&self) -> Settings {
        Settings::from([digest_setting("base model", &self.0.base.digest)])
    }

    fn run(&self, context: &StageContext<'_>) -> Result<Summary, BoxError> {
        let adapter = context.input("train").join(ADAPTER_DIR);
        let folder = context.dir().join(MODEL_DIR);
        let merged_tensors = save_merged(&self.0.base.path, &adapter, &folder)?;
        let bytes = std::fs::metadata(folder.join("model.safetensors"))?.len();
        Ok(super::summary(json!({"bytes": bytes, "merged_tensors": merged_tensors})))
    }
}
