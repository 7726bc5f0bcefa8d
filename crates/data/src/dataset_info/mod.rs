//! LLaMA-Factory's `dataset_info.json`: named data sets with their files, columns and tags.

mod entry;
mod read;
mod select;

#[cfg(test)]
pub(crate) use entry::entry_of;
pub use read::{read_dataset, read_dataset_names};

#[cfg(test)]
mod tests;
