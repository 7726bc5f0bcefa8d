//! From a page to its main content.

use super::choose::choose;
use super::metadata::metadata_of;
use super::options::{ExtractOptions, Extracted};
use super::reader::Reader;
use super::render::render;
use crate::CorpusError;

/// Extracts the main content of a page.
///
/// # Errors
/// `PageTooLong` above the limit of the options; `NoContent` if nothing remains.
pub fn extract_html(html: &str, options: &ExtractOptions) -> Result<Extracted, CorpusError> {
    if html.len() > options.max_bytes {
        return Err(CorpusError::PageTooLong { bytes: html.len(), limit: options.max_bytes });
    }
    let page = Reader::new(options).read(html);
    let blocks = choose(&page);
    let text = render(&blocks, options.format);
    if text.is_empty() {
        return Err(CorpusError::NoContent);
    }
    let mut extracted = metadata_of(html);
    extracted.text = text;
    extracted.url = extracted.url.or_else(|| options.url.clone());
    Ok(extracted)
}
