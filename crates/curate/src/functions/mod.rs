//! The operators of `corpus` as functions of DataFusion.

mod analyse;
mod audit;
mod change;
mod change_row;
mod extract;
mod function;
mod judge;
mod judge_text;
mod keep;
mod keep_languages;
mod key;
mod language;
mod list;
mod mask_metadata;
mod metadata_field;
mod note;
mod pool;
mod tokens;
mod verdict;

pub(crate) use analyse::analyse;
pub(crate) use audit::{audit_pii, empty_audit};
pub(crate) use change::{Changed, Operator, change};
pub(crate) use change_row::change_row;
pub(crate) use extract::{EXTRACTED, extract_row};
pub(crate) use judge::{first_broken, judge};
pub(crate) use keep::keep;
pub(crate) use keep_languages::keep_languages;
pub(crate) use key::{key, read_key};
pub(crate) use language::{language, language_type};
pub(crate) use list::all;
pub(crate) use mask_metadata::mask_metadata;
pub(crate) use metadata_field::metadata_field;
pub(crate) use note::Note;
pub(crate) use pool::Pool;
pub(crate) use tokens::{count_tokens, keep_tokens};
pub(crate) use verdict::{VERDICT, VERDICT_COLUMNS, Verdict};
