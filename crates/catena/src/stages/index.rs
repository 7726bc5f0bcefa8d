//! Stage `index`: split, embed, and build the hybrid index.

use super::{Inputs, digest_setting, setting};
use crate::documents::read_clean_documents;
use crate::models::BoxError;
use catena_knowledge::{Index, SplitConfig, split};
use catena_pipeline::{Settings, Stage, StageContext, Summary};
use serde_json::json;
use std::sync::Arc;

/// The stage.
pub(crate) struct BuildIndex(pub(crate) Arc<Inputs>);

impl Stage for BuildIndex {
    fn name(&self) -> &'static str {
        "index"
    }

    fn version(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [&'static str] {
        &["data"]
    }

    fn settings(&self) -> Settings {
        Settings::from([
            digest_setting("embedder", &self.0.embedder.digest),
            setting("index.chunk_tokens", self.0.config.index.chunk_tokens),
        ])
    }

    fn run(&self, context: &StageContext<'_>) -> Result<Summary, BoxError> {
        let documents = read_clean_documents(context.input("data"))?;
        let embedder = self.0.embedder()?;
        let config = SplitConfig { chunk_tokens: self.0.config.index.chunk_tokens };
        let mut chunks = Vec::new();
        for document in &documents {
            chunks.extend(split(document, &config, embedder.as_ref())?);
        }
        let report = Index::build(
            context.dir(),
            &chunks,
            embedder.as_ref(),
            context.progress(),
            context.cancel(),
        )?;
        Ok(super::summary(json!({
            "documents": documents.len(),
            "chunks": report.num_chunks,
            "tokens": report.num_tokens,
        })))
    }
}
