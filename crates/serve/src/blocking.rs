//! Work that computes, kept off the async threads and bounded.

use crate::error::ApiError;
use tokio::sync::Semaphore;

/// A bounded number of places on tokio's blocking threads.
pub(crate) struct Workers {
    places: Semaphore,
}

impl Workers {
    pub(crate) fn new(places: usize) -> Self {
        Self { places: Semaphore::new(places.max(1)) }
    }

    /// Runs `work` when a place is free.
    ///
    /// # Errors
    /// Those of `work`; [`ApiError::Internal`] if it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let _place = self.places.acquire().await.map_err(|_| ApiError::Draining)?;
        let lost = |error: tokio::task::JoinError| ApiError::Internal { reason: error.to_string() };
        tokio::task::spawn_blocking(work).await.map_err(lost)?
    }
}
