//! A cleaning plan: its keys, the functions it needs, and the plan of DataFusion that it is.

mod benchmarks;
mod check;
mod form;
mod functions;
mod masking;
mod near;
mod operators;
mod parse;
mod read;
mod settings;
mod split;
mod titles;
mod tokens;
mod urls;

pub(crate) use form::WriteForm;
pub use form::{document_pattern, document_writer};
pub(crate) use functions::{
    PlanFunctions, drop_boilerplate, extract_page, normalize_text, repair_text, rule_sets,
};
pub(crate) use masking::{mask_sample, mask_with_placeholders};
pub(crate) use near::near_config;
pub(crate) use operators::build;
pub use settings::{
    CleaningPlan, DecontaminateSettings, DedupSettings, LanguageSettings, NearLinking, PiiSettings,
    PiiStyle, ReadSettings, RepairSettings, RuleSettings, SplitSettings, TextUnit, TokenSettings,
    UrlSettings, WriteSettings,
};
pub(crate) use split::Splitter;
