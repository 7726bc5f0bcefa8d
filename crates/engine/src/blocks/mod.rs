//! Who owns which block of the KV cache, and which blocks hold what.
//!
//! A [`BlockManager`] keeps the blocks of one group of layers: free ones, owned ones, and idle ones
//! that nobody owns but whose content may be asked for again. A full block is known by a
//! [`BlockKey`] made of its tokens and everything before it, so equal prefixes are found whoever
//! computed them. [`KvBlocks`] keeps all groups of a model and moves a sequence's
//! [`BlockTables`] through them together.
//!
//! **Invariant:** a block is free, idle, or owned by as many tables as its count says. Only a block
//! with one owner is written.

mod groups;
mod keys;
mod manager;
mod tables;

pub(crate) use groups::KvBlocks;
#[cfg(test)]
pub(crate) use keys::{BlockKey, KeyMaker};
#[cfg(test)]
pub(crate) use manager::BlockManager;
pub(crate) use tables::{BlockTables, Prefix};
