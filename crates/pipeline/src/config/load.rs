//! Reads `catena.toml` and explains what is wrong with it.

use crate::config::ProjectConfig;
use crate::error::PipelineError;
use camino::Utf8Path;
use std::fs;
use std::io::ErrorKind;

/// Name of the file in a project's folder.
pub const FILE_NAME: &str = "catena.toml";

/// Largest file that is read.
const MAX_BYTES: u64 = 1 << 20;
/// Similarity from which another key is suggested.
const NEAR: f64 = 0.7;

/// Reads and checks the configuration in `folder`.
///
/// # Errors
/// [`PipelineError::NoProject`], [`PipelineError::UnknownKey`] with the nearest known key,
/// [`PipelineError::InvalidToml`] with the line, [`PipelineError::InvalidValue`].
pub fn load(folder: &Utf8Path) -> Result<ProjectConfig, PipelineError> {
    let path = folder.join(FILE_NAME);
    let io = |source: std::io::Error| {
        if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&source.kind()) {
            PipelineError::NoProject { path: path.clone() }
        } else {
            PipelineError::Io { path: path.clone(), source }
        }
    };
    let size = fs::metadata(&path).map_err(io)?.len();
    if size > MAX_BYTES {
        let reason = format!("the file has {size} bytes, at most {MAX_BYTES} are read");
        return Err(PipelineError::InvalidToml { path, line: 1, reason });
    }
    let text = fs::read_to_string(&path).map_err(io)?;
    parse(&path, &text)
}

/// Parses and checks `text`, which stands in `path`.
pub(crate) fn parse(path: &Utf8Path, text: &str) -> Result<ProjectConfig, PipelineError> {
    let config: ProjectConfig =
        toml::from_str(text).map_err(|error| explain(path, text, &error))?;
    config.validate().map_err(|error| with_line(error, text))?;
    Ok(config)
}

/// Adds the line of the key to an error about its value. A default has no line.
fn with_line(error: PipelineError, text: &str) -> PipelineError {
    let PipelineError::InvalidValue { key, value, range, .. } = error else { return error };
    PipelineError::InvalidValue { key, line: line_of_key(key, text), value, range }
}

/// Line on which the value of a dotted key stands, from 1.
fn line_of_key(key: &str, text: &str) -> Option<usize> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        let value = table.iter().find(|(name, _)| name.get_ref() == part)?.1;
        if parts.peek().is_none() {
            return Some(line_of(text, value.span().start));
        }
        table = value.get_ref().as_table()?;
    }
    None
}

/// Line of a byte position, from 1.
fn line_of(text: &str, position: usize) -> usize {
    text.get(..position).map_or(1, |before| before.split('\n').count())
}

fn explain(path: &Utf8Path, text: &str, error: &toml::de::Error) -> PipelineError {
    let line = line_of(text, error.span().map_or(0, |span| span.start));
    let message = error.message();
    // serde words it "unknown field `x`, expected one of `a`, `b`" or "expected `a`".
    let Some(rest) = message.strip_prefix("unknown field `") else {
        let reason = message.replace('\n', " ");
        return PipelineError::InvalidToml { path: path.to_owned(), line, reason };
    };
    let mut quoted = rest.split('`');
    let key = quoted.next().unwrap_or_default().to_owned();
    // Every second piece after the key lies between back-quotes.
    let known: Vec<String> = quoted.skip(1).step_by(2).map(str::to_owned).collect();
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&key, name), name))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.clone());
    PipelineError::UnknownKey { path: path.to_owned(), line, key, nearest, known }
}
