//! Office Open XML (docx, xlsx, pptx) and EPUB: zip archives of XML, read part by part.

mod book;
mod document;
mod package;
mod read;
mod sheet;
mod slides;
pub(super) mod xml;

pub(super) use read::office;
