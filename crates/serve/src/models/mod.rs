//! The models of a server: which there are, which are in memory, and who makes room for whom.
//!
//! A model is *in memory* or *known*: a known one has a [`ModelSource`] and is loaded when a request
//! names it. Within a budget of memory the one that was used least recently goes first; one that is
//! pinned stays. What leaves is taken out of the table at once and freed when the last request that
//! holds it has ended, so nothing is cut off.

mod adapter;
mod entry;
mod loading;
pub(crate) mod operations;
mod registry;
mod room;
pub(crate) mod routes;
mod served;
mod source;
#[cfg(test)]
mod tests;

pub use adapter::LoadedAdapter;
pub(crate) use entry::Listed;
pub(crate) use registry::Registry;
pub use served::{LanguageModel, ServedModel};
pub use source::{AdapterReader, Library, LoadError, LoadedModel, ModelFiles, ModelSource};
