//! The adapters that are loaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Adapter;

/// Identity of a loaded adapter; never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdapterId(pub u64);

/// Adapters by their identities.
#[derive(Default)]
pub struct AdapterSet(BTreeMap<AdapterId, Arc<Adapter>>);

impl AdapterSet {
    /// Puts an adapter in; one that was there by the same identity goes.
    pub fn insert(&mut self, id: AdapterId, adapter: Arc<Adapter>) {
        self.0.insert(id, adapter);
    }

    /// Takes an adapter out.
    pub fn remove(&mut self, id: AdapterId) -> Option<Arc<Adapter>> {
        self.0.remove(&id)
    }

    /// An adapter.
    pub fn get(&self, id: AdapterId) -> Option<&Adapter> {
        self.0.get(&id).map(|adapter| &**adapter)
    }

    /// The largest rank of a pair; 0 without adapters.
    pub fn max_rank(&self) -> usize {
        self.0.values().map(|adapter| adapter.max_rank()).max().unwrap_or(0)
    }

    /// Whether one scales what products give.
    pub(in crate::decoder) fn any_scales(&self) -> bool {
        self.0.values().any(|adapter| adapter.has_scales())
    }

    /// Whether all were packed for a decoder of this configuration.
    pub(in crate::decoder) fn fits(&self, config: &crate::ModelConfig) -> bool {
        self.0.values().all(|adapter| adapter.fits(config))
    }
}
