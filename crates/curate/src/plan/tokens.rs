//! The tokenizer that a plan names.

use super::settings::TokenSettings;
use crate::error::CurateError;
use crate::functions::count_tokens;
use catena_text::Tokenizer;
use datafusion::logical_expr::ScalarUDF;
use std::fs;
use std::sync::Arc;

/// `count_tokens(text)`; none if the plan names no tokenizer.
///
/// # Errors
/// A file that is no tokenizer; bounds without one.
pub(super) fn counting(settings: &TokenSettings) -> Result<Option<Arc<ScalarUDF>>, CurateError> {
    let Some(path) = settings.file() else {
        return settings.bound().map_or(Ok(None), |key| Err(CurateError::NoTokenizer { key }));
    };
    let bytes = fs::read(&path).map_err(CurateError::io("read", &path))?;
    match Tokenizer::from_json_bytes(&bytes) {
        Ok(tokenizer) => Ok(Some(count_tokens(tokenizer, path.into_string()))),
        Err(source) => Err(CurateError::Tokenizer { path, source: Box::new(source) }),
    }
}
