//! The lines of a batch.

use crate::error::ApiError;
use crate::files::storage;
use camino::Utf8Path;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

/// Most lines of a batch, as OpenAI has it.
const MAX_LINES: usize = 50_000;
/// Longest line.
const MAX_LINE_BYTES: u64 = 4 << 20;
/// Most errors that are told of a file that is refused.
const MAX_ERRORS: usize = 20;

/// One request.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Line {
    pub(super) custom_id: String,
    method: String,
    url: String,
    pub(super) body: Map<String, Value>,
}

/// Reads every line of a batch for `endpoint`. The inner error lists what is wrong with them.
///
/// # Errors
/// [`ApiError::Storage`].
pub(super) fn read(file: File, endpoint: &str) -> Result<Result<Vec<Line>, Vec<Value>>, ApiError> {
    let mut reader = BufReader::new(file);
    let (mut lines, mut errors) = (Vec::new(), Vec::new());
    let mut known = HashSet::new();
    let mut text = String::new();
    for number in 1.. {
        text.clear();
        let read = (&mut reader).take(MAX_LINE_BYTES + 1).read_line(&mut text);
        let count = match read {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                errors.push(wrong("invalid_json_line", "it is not UTF-8", number));
                break;
            }
            Err(error) => return Err(storage("read", Utf8Path::new("batch"), error)),
        };
        if count == 0 || errors.len() == MAX_ERRORS {
            break;
        }
        if count as u64 > MAX_LINE_BYTES {
            let reason = format!("it is longer than {MAX_LINE_BYTES} bytes");
            errors.push(wrong("invalid_json_line", &reason, number));
            break;
        }
        if text.trim().is_empty() {
            continue;
        }
        match check(&text, endpoint, &mut known) {
            Ok(line) => lines.push(line),
            Err((code, reason)) => errors.push(wrong(code, &reason, number)),
        }
        if lines.len() > MAX_LINES {
            let reason = format!("more than {MAX_LINES} lines");
            errors.push(wrong("too_many_tasks", &reason, number));
            break;
        }
    }
    if lines.is_empty() && errors.is_empty() {
        errors.push(wrong("empty_file", "the file has no lines", 1));
    }
    Ok(if errors.is_empty() { Ok(lines) } else { Err(errors) })
}

fn check(
    text: &str,
    endpoint: &str,
    known: &mut HashSet<String>,
) -> Result<Line, (&'static str, String)> {
    let line: Line =
        serde_json::from_str(text).map_err(|error| ("invalid_json_line", error.to_string()))?;
    if line.method != "POST" {
        return Err(("invalid_method", "`method` must be POST".to_owned()));
    }
    if line.url != endpoint {
        return Err((
            "mismatched_url",
            format!("`url` must be the batch's `endpoint`, {endpoint}"),
        ));
    }
    if line.body.get("stream").is_some_and(|stream| stream == true) {
        return Err(("invalid_request", "`stream` cannot be used in a batch".to_owned()));
    }
    if !known.insert(line.custom_id.clone()) {
        return Err(("duplicate_custom_id", "another line has this `custom_id`".to_owned()));
    }
    Ok(line)
}

fn wrong(code: &str, message: &str, line: usize) -> Value {
    json!({"code": code, "message": message, "param": null, "line": line})
}
