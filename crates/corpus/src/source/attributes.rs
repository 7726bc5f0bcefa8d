//! Attribute sidecars of Dolma: one line of attributes for each line of documents.

use super::decompress;
use super::document::SourceDocument;
use super::encoding::open_text;
use super::format::Format;
use super::json::{JsonLines, json_lines};
use super::lines::Lines;
use super::options::ReadOptions;
use super::raw::RawRow;
use super::reason::BadReason;
use crate::error::CorpusError;
use serde_json::{Map, Value};

/// The folder of documents, below which sidecars have the same names.
const DOCUMENTS: &str = "documents/";

/// The sidecars of one file, read beside it.
pub(super) struct Sidecars {
    readers: Vec<(String, String, JsonLines)>,
}

impl Sidecars {
    /// Opens the sidecars `options.attributes` of the documents in `path`.
    pub(super) fn open(path: &str, options: &ReadOptions) -> Result<Self, CorpusError> {
        let mut readers = Vec::new();
        for name in &options.attributes {
            let beside = beside(path, name);
            let io = || CorpusError::io("read", &beside);
            let compression = Format::of_name(&beside).1;
            let raw = options.opener.open(&beside, 0).map_err(io())?;
            let limits = &options.limits;
            let plain = decompress::open(raw, compression, limits.max_ratio).map_err(io())?;
            let (stream, codec) = open_text(plain, None, false);
            let lines = Lines::new(stream, limits.max_row_bytes);
            readers.push((name.clone(), beside, json_lines(lines, codec)));
        }
        Ok(Self { readers })
    }

    /// Takes the next line of every sidecar. Called for bad rows too, so that lines stay aligned.
    pub(super) fn next_row(&mut self) -> Result<Attributes, CorpusError> {
        let mut attributes = Attributes { of: Vec::new() };
        for (name, path, reader) in &mut self.readers {
            let row = reader.next().transpose().map_err(CorpusError::io("read", path))?;
            let found = match row {
                Some(RawRow::Fields { fields, .. }) => Ok(fields),
                Some(RawRow::Bad { reason, .. }) => Err(reason.to_string()),
                None => Err("nothing: the sidecar has fewer lines".to_owned()),
            };
            attributes.of.push((name.clone(), found));
        }
        Ok(attributes)
    }
}

/// The line of a sidecar, or why there is none.
type Line = Result<Map<String, Value>, String>;

/// The attributes of one row, by their names.
pub(super) struct Attributes {
    of: Vec<(String, Line)>,
}

impl Attributes {
    /// Adds them to the document's metadata, under `attributes`.
    pub(super) fn join(self, mut document: SourceDocument) -> Result<SourceDocument, BadReason> {
        let mut all = Map::new();
        for (attributes, found) in self.of {
            let mut fields = found
                .map_err(|found| BadReason::Attributes { attributes: attributes.clone(), found })?;
            let id = match fields.get("id") {
                Some(Value::String(id)) => id.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            if id != document.id {
                return Err(BadReason::Attributes { attributes, found: id });
            }
            if let Some(Value::Object(spans)) = fields.shift_remove("attributes") {
                all.extend(spans);
            }
        }
        if !all.is_empty() {
            document.metadata.insert("attributes".to_owned(), Value::Object(all));
        }
        Ok(document)
    }
}

/// The sidecar `name` of the documents in `path`.
pub(super) fn beside(path: &str, name: &str) -> String {
    let at = path.rfind(&format!("/{DOCUMENTS}")).map(|at| at + 1);
    let at = at.or_else(|| path.starts_with(DOCUMENTS).then_some(0));
    let Some(at) = at else { return format!("attributes/{name}/{path}") };
    format!("{}attributes/{name}/{}", &path[..at], &path[at + DOCUMENTS.len()..])
}
