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
        brief(work).await
    }
}

/// Runs `work`, which waits for the disk for a moment and computes nothing: it needs no place.
///
/// # Errors
/// Those of `work`; [`ApiError::Internal`] if it panicked.
pub(crate) async fn brief<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| lost(&error))?
}

fn lost(error: &tokio::task::JoinError) -> ApiError {
    // What it says is not for clients; the panic itself is in the log.
    let reason = if error.is_panic() { "its work panicked" } else { "its work was given up" };
    ApiError::Internal { reason: reason.to_owned() }
}
