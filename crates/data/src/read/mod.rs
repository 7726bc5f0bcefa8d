//! Reading documents from files and folders.

mod file;
mod folder;

pub use file::{ReadLimits, read_documents};
pub(crate) use file::read_text;

#[cfg(test)]
mod tests;
