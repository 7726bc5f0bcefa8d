//! Every format, and which one a file is of.

use super::alpaca::Alpaca;
use super::classification::Classification;
use super::completion::Completion;
use super::embedding::Embedding;
use super::format::{Format, Goal};
use super::layout::{Layout, Peek};
use super::openai::OpenAi;
use super::preference::Preference;
use super::rerank::Rerank;
use super::sharegpt::ShareGpt;
use super::text::Text;
use super::token_labels::TokenLabels;
use super::unpaired::Unpaired;
use crate::error::DataError;
use camino::Utf8Path;
use catena_corpus::nearest;

/// One line for each format, in the order in which they are tried: a format that asks for more
/// columns stands before one that asks for some of them.
static FORMATS: [&dyn Format; 17] = [
    &ShareGpt(Goal::Rank),
    &OpenAi(Goal::Rank),
    &Alpaca(Goal::Rank),
    &Preference,
    &ShareGpt(Goal::Judge),
    &OpenAi(Goal::Judge),
    &Alpaca(Goal::Judge),
    &Unpaired,
    &ShareGpt(Goal::Learn),
    &OpenAi(Goal::Learn),
    &Alpaca(Goal::Learn),
    &TokenLabels,
    &Embedding,
    &Rerank,
    &Classification,
    &Completion,
    &Text,
];

/// The names of all formats.
pub fn sample_formats() -> Vec<&'static str> {
    FORMATS.iter().map(|format| format.name()).collect()
}

/// The format called `name`.
pub(crate) fn format_named(name: &str) -> Result<&'static dyn Format, DataError> {
    let found = FORMATS.iter().find(|format| format.name() == name);
    found.copied().ok_or_else(|| {
        let known = sample_formats();
        DataError::UnknownName {
            what: "format",
            name: name.to_owned(),
            place: String::new(),
            nearest: nearest(name, known.iter().copied()),
            known: known.join(", "),
        }
    })
}

/// The format of rows such as these, with its layout and why it was chosen.
pub(crate) fn detect(
    path: &Utf8Path,
    peek: &Peek<'_>,
) -> Result<(&'static dyn Format, Layout, String), DataError> {
    for format in FORMATS {
        if let Some((layout, reason)) = format.detect(peek) {
            return Ok((format, layout, reason));
        }
    }
    let columns = peek.columns().map(ToOwned::to_owned).collect();
    let (path, known) = (path.to_owned(), sample_formats());
    Err(DataError::UnknownShape { path, columns, known })
}
