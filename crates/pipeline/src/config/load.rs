//! Reads `catena.toml` and explains what is wrong with it.

use crate::config::{FILE_NAME, ProjectConfig};
use crate::error::PipelineError;
use camino::Utf8Path;
use std::fs;
use std::io::ErrorKind;

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
    let config = parse(&path, &text)?;
    config.validate()?;
    Ok(config)
}

/// Parses `text`, which stands in `path`.
pub(crate) fn parse(path: &Utf8Path, text: &str) -> Result<ProjectConfig, PipelineError> {
    toml::from_str(text).map_err(|error| explain(path, text, &error))
}

fn explain(path: &Utf8Path, text: &str, error: &toml::de::Error) -> PipelineError {
    let start = error.span().map_or(0, |span| span.start).min(text.len());
    let line = text.get(..start).map_or(1, |before| before.split('\n').count());
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
