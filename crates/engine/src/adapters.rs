//! The adapters that requests may ask for, and those that still run.

use crate::error::EngineError;
use crate::runner::Runner;
use catena_model::{Adapter, AdapterId};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Bounds of what is loaded at once; adapters that were dropped and still run count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdapterLimits {
    /// Most adapters.
    pub max_adapters: usize,
    /// Most bytes of all together.
    pub max_bytes: usize,
}

impl Default for AdapterLimits {
    fn default() -> Self {
        Self { max_adapters: 64, max_bytes: 2 << 30 }
    }
}

/// Keeps an adapter loaded as long as it lives: each request that names one holds one.
#[derive(Clone, Debug)]
pub(crate) struct Lease(Arc<Leased>);

#[derive(Debug)]
struct Leased {
    id: AdapterId,
    virtual_tokens: usize,
}

impl Lease {
    /// Tokens that the adapter puts its prefix in the place of.
    pub(crate) fn virtual_tokens(&self) -> usize {
        self.0.virtual_tokens
    }
}

/// The adapters that new requests may name; shared with the threads that submit.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveAdapters(Arc<RwLock<BTreeMap<AdapterId, Lease>>>);

impl LiveAdapters {
    /// A lease of the adapter that a request names.
    ///
    /// # Errors
    /// [`EngineError::UnknownAdapter`].
    pub(crate) fn lease(&self, id: AdapterId) -> Result<Lease, EngineError> {
        let live = self.0.read().unwrap_or_else(PoisonError::into_inner);
        live.get(&id).cloned().ok_or(EngineError::UnknownAdapter { id })
    }

    /// Lets no more request name the adapter.
    ///
    /// # Errors
    /// [`EngineError::UnknownAdapter`].
    pub(crate) fn close(&self, id: AdapterId) -> Result<(), EngineError> {
        let mut live = self.0.write().unwrap_or_else(PoisonError::into_inner);
        live.remove(&id).map(|_| ()).ok_or(EngineError::UnknownAdapter { id })
    }

    fn open(&self, lease: Lease) {
        let mut live = self.0.write().unwrap_or_else(PoisonError::into_inner);
        live.insert(lease.0.id, lease);
    }
}

/// What the runner has loaded.
#[derive(Default)]
pub(crate) struct LoadedAdapters {
    limits: AdapterLimits,
    loaded: BTreeMap<AdapterId, Loaded>,
    num_dropped: usize,
    next_id: u64,
}

struct Loaded {
    bytes: usize,
    lease: Lease,
    dropped: bool,
}

impl LoadedAdapters {
    /// Other bounds.
    pub(crate) fn set_limits(&mut self, limits: AdapterLimits) {
        self.limits = limits;
    }

    /// Adapters that take memory.
    pub(crate) fn count(&self) -> usize {
        self.loaded.len()
    }

    /// Gives the runner an adapter and lets requests name it.
    ///
    /// # Errors
    /// [`EngineError::TooManyAdapters`], [`EngineError::AdapterBytes`], [`EngineError::Adapter`].
    pub(crate) fn load(
        &mut self,
        adapter: Arc<Adapter>,
        runner: &mut impl Runner,
        live: &LiveAdapters,
    ) -> Result<AdapterId, EngineError> {
        let AdapterLimits { max_adapters, max_bytes } = self.limits;
        if self.loaded.len() >= max_adapters {
            return Err(EngineError::TooManyAdapters { limit: max_adapters });
        }
        let bytes = adapter.bytes();
        let loaded_bytes: usize = self.loaded.values().map(|loaded| loaded.bytes).sum();
        if bytes > max_bytes.saturating_sub(loaded_bytes) {
            return Err(EngineError::AdapterBytes { bytes, loaded_bytes, limit: max_bytes });
        }
        let id = AdapterId(self.next_id);
        let virtual_tokens = adapter.virtual_tokens();
        runner.load_adapter(id, adapter).map_err(EngineError::Adapter)?;
        self.next_id += 1;
        let lease = Lease(Arc::new(Leased { id, virtual_tokens }));
        live.open(lease.clone());
        self.loaded.insert(id, Loaded { bytes, lease, dropped: false });
        Ok(id)
    }

    /// Notes that an adapter goes once nothing runs with it. It must be closed to new requests.
    pub(crate) fn drop_later(&mut self, id: AdapterId) {
        if let Some(loaded) = self.loaded.get_mut(&id).filter(|loaded| !loaded.dropped) {
            loaded.dropped = true;
            self.num_dropped += 1;
        }
    }

    /// Unloads what was dropped and is used no more.
    pub(crate) fn sweep(&mut self, runner: &mut impl Runner) {
        if self.num_dropped == 0 {
            return;
        }
        self.loaded.retain(|&id, loaded| {
            // The last lease is ours, and a closed adapter gives out no others.
            let unused = loaded.dropped && Arc::strong_count(&loaded.lease.0) == 1;
            if unused {
                runner.drop_adapter(id);
                self.num_dropped -= 1;
            }
            !unused
        });
    }
}
