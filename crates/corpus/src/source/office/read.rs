//! One entry for the four formats.

use super::package::Package;
use super::{book, document, sheet, slides};
use crate::source::format::Format;
use crate::source::raw::{RawRow, RawRows, bad_file};
use crate::source::reason::BadReason;
use serde_json::{Map, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A text and what is known about it.
pub(super) type Part = (String, Map<String, Value>);

/// The texts of an Office file or a book: one, or one for each sheet of a workbook.
pub(in crate::source) fn office(format: Format, bytes: Vec<u8>, max_bytes: u64) -> RawRows {
    // The libraries below are not written for hostile files; what panics in them is the file's
    // fault.
    let read = catch_unwind(AssertUnwindSafe(|| read(format, bytes, max_bytes)));
    let stopped =
        || BadReason::Damaged { format: format.name(), message: "the reader stopped".to_owned() };
    let parts = match read.unwrap_or_else(|_| Err(stopped())) {
        Ok(parts) => parts,
        Err(reason) => return bad_file(reason),
    };
    if parts.iter().all(|(text, _)| text.trim().is_empty()) {
        return bad_file(BadReason::Empty);
    }
    let rows = parts.into_iter().enumerate().filter(|(_, part)| !part.0.trim().is_empty());
    Box::new(rows.map(|(at, (text, about))| Ok(RawRow::text(at as u64 + 1, text, about))))
}

fn read(format: Format, bytes: Vec<u8>, max_bytes: u64) -> Result<Vec<Part>, BadReason> {
    let mut package = Package::open(bytes, format.name(), max_bytes)?;
    let mut parts = if format == Format::Docx {
        vec![(document::text_of(&mut package)?, Map::new())]
    } else if format == Format::Pptx {
        vec![(slides::text_of(&mut package)?, Map::new())]
    } else if format == Format::Xlsx {
        sheet::texts_of(&mut package)?
    } else {
        vec![book::text_of(&mut package)?]
    };
    let name = format.name().to_ascii_lowercase();
    for (_, about) in &mut parts {
        about.insert("format".to_owned(), name.clone().into());
    }
    Ok(parts)
}
