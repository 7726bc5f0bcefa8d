//! Reading documents from files and folders.

mod file;
mod folder;

pub(crate) use file::read_text;
pub use file::{ReadLimits, read_documents};
pub(crate) use folder::list_files;

#[cfg(test)]
mod tests;
