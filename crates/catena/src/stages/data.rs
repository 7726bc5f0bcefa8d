//! Stage `data`: read, normalize, drop duplicates, mask personal data, profile.

use super::{Inputs, digest_setting, setting};
use crate::models::{BoxError, LanguageModel};
use catena_data::{
    CleanConfig, MinHashConfig, PiiRule, ReadLimits, clean, read_documents, write_clean,
};
use catena_pipeline::{Settings, Stage, StageContext, Summary};
use serde_json::json;
use std::sync::Arc;

/// The stage.
pub(crate) struct Data(pub(crate) Arc<Inputs>);

impl Stage for Data {
    fn name(&self) -> &'static str {
        "data"
    }

    fn version(&self) -> u32 {
        2
    }

    fn inputs(&self) -> &'static [&'static str] {
        &[]
    }

    fn settings(&self) -> Settings {
        let data = &self.0.config.data;
        Settings::from([
            digest_setting("documents", &self.0.documents.digest),
            digest_setting("tokenizer of the base model", &self.0.base.digest),
            setting("data.near_duplicate_jaccard", data.near_duplicate_jaccard),
            setting("data.mask_pii", data.mask_pii),
        ])
    }

    fn run(&self, context: &StageContext<'_>) -> Result<Summary, BoxError> {
        let data = &self.0.config.data;
        let config = CleanConfig {
            near_dedup: Some(MinHashConfig {
                threshold: data.near_duplicate_jaccard,
                keep_if_numbers_differ: true,
                ..MinHashConfig::default()
            }),
            mask: if data.mask_pii { PiiRule::usual() } else { Vec::new() },
            ..CleanConfig::default()
        };
        let documents = read_documents(&self.0.documents.path, &ReadLimits::default())?;
        let model = LanguageModel::open(&self.0.base.path)?;
        let count =
            |text: &str| model.tokenizer().encode(text, false, false).map_or(0, |ids| ids.len());
        let output = clean(documents, &config, &count, context.progress(), context.cancel())?;
        write_clean(context.dir(), &output)?;
        let profile = &output.profile;
        Ok(super::summary(json!({
            "documents_read": profile.num_input,
            "documents_kept": profile.num_kept,
            "normalized": profile.num_normalized,
            "dropped": profile.dropped,
            "masked": profile.masked,
            "tokens": profile.tokens.total,
        })))
    }
}
