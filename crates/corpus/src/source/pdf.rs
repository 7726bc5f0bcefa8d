//! PDF files: the text layer of their pages.

use super::pdf_page::Reading;
use super::raw::{RawRow, RawRows, bad_file, only};
use super::reason::BadReason;
use lopdf::{Dictionary, Document, Error, LoadOptions, Object, decode_text_string};
use serde_json::{Map, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Most pages of one file.
const MAX_PAGES: usize = 100_000;

/// The text of a PDF file as one row, its pages separated by blank lines.
pub(super) fn pdf(bytes: &[u8], max_bytes: u64) -> RawRows {
    // The library is not written for hostile files; what panics in it is the file's fault.
    let read = catch_unwind(AssertUnwindSafe(|| read(bytes, max_bytes)));
    match read.unwrap_or_else(|_| Err(damaged("the reader stopped"))) {
        Ok((text, _)) if text.trim().is_empty() => bad_file(BadReason::Empty),
        Ok((text, about)) => only(Ok(RawRow::text(1, text, about))),
        Err(reason) => bad_file(reason),
    }
}

fn damaged(message: &str) -> BadReason {
    BadReason::Damaged { format: "PDF", message: message.to_owned() }
}

fn read(bytes: &[u8], max_bytes: u64) -> Result<(String, Map<String, Value>), BadReason> {
    let limit = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let options = LoadOptions::with_max_decompressed_size(limit);
    let document = Document::load_mem_with_options(bytes, options).map_err(|error| {
        let locked = matches!(error, Error::InvalidPassword | Error::Decryption(_));
        if locked { BadReason::Encrypted } else { damaged(&error.to_string()) }
    })?;
    if document.is_encrypted() {
        return Err(BadReason::Encrypted);
    }
    let mut reading = Reading::new(&document, limit);
    let mut pages = 0u64;
    for page in document.page_iter().take(MAX_PAGES) {
        reading.page(page)?;
        pages += 1;
    }
    let mut about = about(&document);
    about.insert("format".to_owned(), "pdf".into());
    about.insert("pages".to_owned(), pages.into());
    Ok((reading.text(), about))
}

/// Title and author, where the file states them.
fn about(document: &Document) -> Map<String, Value> {
    let info = document.trailer.get_deref(b"Info", document).and_then(Object::as_dict);
    let text = |info: &Dictionary, key: &[u8]| {
        let value = info.get_deref(key, document).ok()?;
        let text = decode_text_string(value).ok()?;
        (!text.trim().is_empty()).then(|| Value::String(text.trim().to_owned()))
    };
    let mut about = Map::new();
    if let Ok(info) = info {
        for (key, name) in [(b"Title".as_slice(), "title"), (b"Author", "author")] {
            about.extend(text(info, key).map(|value| (name.to_owned(), value)));
        }
    }
    about
}
