//! An adapter in an engine.

use catena_engine::{Adapter, AdapterId, EngineError, EngineHandle};
use std::sync::Arc;

/// An adapter that is loaded for as long as somebody holds this: the table, and every request that
/// runs with it.
pub struct LoadedAdapter {
    engine: EngineHandle,
    id: AdapterId,
}

impl LoadedAdapter {
    /// Loads `adapter` into `engine`, between two of its steps. Waits; not for async threads.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn load(engine: EngineHandle, adapter: Arc<Adapter>) -> Result<Self, EngineError> {
        let id = engine.load_adapter(adapter)?;
        Ok(Self { engine, id })
    }

    pub(crate) fn id(&self) -> AdapterId {
        self.id
    }
}

impl Drop for LoadedAdapter {
    fn drop(&mut self) {
        // A stopped engine holds no adapters.
        let _ = self.engine.drop_adapter(self.id);
    }
}
