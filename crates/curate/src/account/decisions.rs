//! What commands that choose documents, such as `select`, say of each of them.

use super::command::CommandCard;
use super::explain::{Explanation, Step};
use crate::error::CurateError;
use camino::Utf8Path;
use serde_json::{Map, Value};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};

/// The file of decisions, one JSON object for each document.
const FILE: &str = "decisions.jsonl";
/// Fields that are told in words of their own, or are known.
const TOLD: [&str; 4] = ["id", "place", "dropped_by", "duplicate_of"];

/// What was decided of one document.
#[derive(Debug)]
pub(super) struct Decision {
    /// Whether it was chosen.
    pub(super) chosen: bool,
    /// That, and why.
    pub(super) step: Step,
}

/// The decisions in `folder` over documents with this id or place; none if the folder has no file
/// of them.
pub(super) fn decisions(folder: &Utf8Path, id: &str) -> Result<Option<Vec<Decision>>, CurateError> {
    let path = folder.join(FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CurateError::io("read", &path)(error)),
    };
    let mut found = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(CurateError::io("read", &path))?;
        let row: Map<String, Value> = serde_json::from_str(&line).unwrap_or_default();
        let is = |name: &str| row.get(name).is_some_and(|own| plain(own) == id);
        if is("id") || is("place") {
            found.push(decision(&row));
        }
    }
    Ok(Some(found))
}

/// The story of the document `id` by the decisions in `folder` alone; none if there are none.
///
/// # Errors
/// [`CurateError::UnknownId`], and errors of the disk.
pub(super) fn story(folder: &Utf8Path, id: &str) -> Result<Option<Explanation>, CurateError> {
    let Some(decisions) = decisions(folder, id)? else { return Ok(None) };
    if decisions.is_empty() {
        return Err(CurateError::UnknownId { folder: folder.to_owned(), id: id.to_owned() });
    }
    let kept = decisions.iter().any(|one| one.chosen);
    let mut steps: Vec<Step> = decisions.into_iter().map(|one| one.step).collect();
    let card = folder.join("card.json");
    let made_by = fs::read(&card).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(CommandCard { command, version, .. }) = made_by {
        steps.push(("card".to_owned(), format!("{card} (catena data {command}, {version})")));
    }
    Ok(Some(Explanation { id: id.to_owned(), kept, steps, profile: Vec::new() }))
}

fn decision(row: &Map<String, Value>) -> Decision {
    let field = |name: &str| row.get(name).filter(|value| !value.is_null()).map(plain);
    let mut said = Vec::new();
    said.extend(field("dropped_by").map(|rule| format!("by {rule}")));
    said.extend(field("duplicate_of").map(|of| format!("repeats `{of}`")));
    let chosen = said.is_empty();
    let others =
        row.iter().filter(|(name, value)| !TOLD.contains(&name.as_str()) && !value.is_null());
    said.extend(others.map(|(name, value)| format!("{name} {}", plain(value))));
    said.extend(field("place"));
    let name = if chosen { "chosen" } else { "dropped" };
    Decision { chosen, step: (name.to_owned(), said.join(", ")) }
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::explain;
    use camino::Utf8PathBuf;

    #[test]
    fn decisions_explain_the_documents_of_commands_that_choose() {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let missing = explain(&folder, "a").unwrap_err();
        assert!(matches!(missing, CurateError::NotCurated { .. }), "{missing}");
        let rows = [
            r#"{"id":"a","place":"in.jsonl:1","score":0.5,"dropped_by":null}"#,
            r#"{"id":"b","place":"in.jsonl:2","score":0.25,"dropped_by":"budget"}"#,
            r#"{"id":"c","place":"in.jsonl:3","duplicate_of":"a","similarity":0.9}"#,
        ];
        fs::write(folder.join(FILE), rows.join("\n")).unwrap();
        let card = serde_json::to_vec(&CommandCard::new("select")).unwrap();
        fs::write(folder.join("card.json"), card).unwrap();
        let told = |id: &str| {
            let story = explain(&folder, id).unwrap();
            let (step, text) = &story.steps[0];
            assert!(story.steps[1].1.contains("catena data select"), "{story:?}");
            (story.kept, format!("{step}: {text}"))
        };
        assert_eq!(told("a"), (true, "chosen: score 0.5, in.jsonl:1".to_owned()));
        assert_eq!(told("b"), (false, "dropped: by budget, score 0.25, in.jsonl:2".to_owned()));
        let repeats = "dropped: repeats `a`, similarity 0.9, in.jsonl:3";
        assert_eq!(told("c"), (false, repeats.to_owned()));
        let unknown = explain(&folder, "d").unwrap_err();
        assert!(matches!(unknown, CurateError::UnknownId { .. }), "{unknown}");
    }
}
