//! The functions of queries, with their usual settings.

use super::judge_text::judge_text;
use super::{analyse, change, key, language, mask_metadata};
use crate::plan::{
    drop_boilerplate, extract_page, mask_with_placeholders, normalize_text, repair_text,
};
use catena_corpus::{Families, LanguageDetector, PiiRule};
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

/// Every function of a query.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    let masking = mask_with_placeholders(String::new(), PiiRule::usual());
    vec![
        change(repair_text()),
        change(normalize_text()),
        change(extract_page()),
        change(drop_boilerplate()),
        change(masking.clone()),
        mask_metadata(masking),
        language(LanguageDetector::builtin(), String::new()),
        analyse(Families::all()),
        judge_text(),
        key(),
    ]
}
