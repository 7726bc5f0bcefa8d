//! Work that computes, kept off the async threads and bounded.

use crate::app::ServeLimits;
use crate::context::carried_work;
use crate::error::ApiError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Time in which work of a moment is over.
const BRIEF: Duration = Duration::from_secs(5);
/// Wait proposed to those who waited in vain.
const RETRY: Duration = Duration::from_secs(1);

/// The places of a server on tokio's blocking threads, apart by how long work takes: what is done in
/// a moment never waits behind texts that are turned into vectors.
pub(crate) struct Workers {
    /// For tokenizing, templates, grammars and a search.
    pub(crate) short: Places,
    /// For what runs a model over the texts of a request.
    pub(crate) long: Places,
}

impl Workers {
    pub(crate) fn new(places: usize) -> Self {
        Self { short: Places::new(places, BRIEF), long: Places::new(places, Duration::ZERO) }
    }
}

/// A bounded number of places.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// How long anyone may wait, however little a wait is worth: what was there before is soon over.
    least_wait: Duration,
}

impl Places {
    fn new(places: usize, least_wait: Duration) -> Self {
        let free = Arc::new(Semaphore::new(places.max(1)));
        Self { free, waiting: AtomicUsize::new(0), least_wait }
    }

    /// Requests that wait for a place.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The places with what is allowed of waiting for one.
    pub(crate) fn within(&self, limits: ServeLimits) -> Queue<'_> {
        Queue { places: self, limits }
    }
}

/// A bounded queue before places.
pub(crate) struct Queue<'a> {
    places: &'a Places,
    limits: ServeLimits,
}

impl Queue<'_> {
    /// Runs `work` when a place is free. It keeps the place until it has ended, also if nobody waits
    /// for it any more.
    ///
    /// # Errors
    /// Those of `work`; [`ApiError::WorkersBusy`] if too many wait, [`ApiError::Overloaded`] if a place
    /// was not free in time, [`ApiError::Internal`] if `work` panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = self.place().await?;
        brief(move || {
            let _place = place;
            work()
        })
        .await
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let free = &self.places.free;
        if let Ok(place) = free.clone().try_acquire_owned() {
            return Ok(place);
        }
        let _waits = Waits::begin(&self.places.waiting, self.limits.max_queued)?;
        let limit = self.limits.max_wait.max(self.places.least_wait);
        match tokio::time::timeout(limit, free.clone().acquire_owned()).await {
            Ok(place) => Ok(place.expect("the places are never closed")),
            Err(_) => Err(ApiError::Overloaded { wait: limit + RETRY, limit }),
        }
    }
}

/// One that waits, for as long as it does.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize, limit: usize) -> Result<Self, ApiError> {
        let one_more = |count: usize| (count < limit).then_some(count + 1);
        match waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more) {
            Ok(_) => Ok(Self(waiting)),
            Err(waiting) => Err(ApiError::WorkersBusy { waiting, limit }),
        }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Runs `work`, which waits for the disk for a moment and computes nothing: it needs no place.
///
/// # Errors
/// Those of `work`; [`ApiError::Internal`] if it panicked.
pub(crate) async fn brief<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(carried_work(work)).await.map_err(|error| lost(&error))?
}

fn lost(error: &tokio::task::JoinError) -> ApiError {
    // What it says is not for clients; the panic itself is in the log.
    let reason = if error.is_panic() { "its work panicked" } else { "its work was given up" };
    ApiError::Internal { reason: reason.to_owned() }
}
