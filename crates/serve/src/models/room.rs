//! Room for a model within the budget.

use super::entry::{Entry, Kind};
use super::loading::lost;
use super::registry::Registry;
use crate::context;
use crate::error::ApiError;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often a model that still runs requests is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Takes models out of memory until `bytes` more fit. Those go first that nobody uses, of them the one
/// whose last use is longest ago; one that requests run with leaves once they have ended.
///
/// # Errors
/// [`ApiError::NoRoom`] if what stays leaves too little, [`ApiError::Overloaded`] if requests run
/// longer than `patience`.
pub(super) async fn make(
    registry: &Registry,
    newcomer: &Arc<Entry>,
    bytes: u64,
    patience: Duration,
) -> Result<(), ApiError> {
    let Some(budget) = registry.budget() else { return Ok(()) };
    let begun = Instant::now();
    loop {
        // What the newcomer holds now is there until it is replaced.
        let used = registry.used_bytes();
        if bytes <= budget.saturating_sub(used) {
            return Ok(());
        }
        let may_go = |entry: &Arc<Entry>| {
            matches!(entry.kind, Kind::Source(_))
                && entry.is_loaded()
                && !entry.is_pinned()
                && !Arc::ptr_eq(entry, newcomer)
        };
        let mut others = registry.all();
        let stays: u64 = others.iter().filter(|other| !may_go(other)).map(|one| one.bytes()).sum();
        if bytes > budget.saturating_sub(stays) {
            return Err(ApiError::NoRoom {
                model: newcomer.name.clone(),
                bytes,
                free: budget.saturating_sub(stays),
            });
        }
        others.retain(may_go);
        others.sort_by_key(|entry| (is_busy(registry, entry), entry.last_use()));
        let Some(oldest) = others.first() else { continue };
        if is_busy(registry, oldest) {
            if begun.elapsed() >= patience {
                return Err(ApiError::Overloaded { wait: patience + LOOK, limit: patience });
            }
            sleep(LOOK).await;
            continue;
        }
        let request_id = context::request_id();
        tracing::info!(request_id, model = oldest.name, "unloaded to make room");
        registry.forget_adapters(&oldest.name);
        // Freed before the next one is loaded: both at once may be more than there is.
        if let Some(loaded) = oldest.take() {
            tokio::task::spawn_blocking(move || drop(loaded))
                .await
                .map_err(|error| lost(&error))?;
        }
    }
}

/// Whether a request runs with the model or with an adapter of it. Adapters that are in memory hold
/// their model too, so they are counted apart.
fn is_busy(registry: &Registry, entry: &Arc<Entry>) -> bool {
    let all = registry.all();
    let mut adapters =
        all.iter().filter(|other| other.is_loaded() && other.base() == Some(entry.name.as_str()));
    if adapters.clone().next().is_some() {
        let has_requests = entry.model().is_some_and(|model| {
            model.engine().is_some_and(|engine| engine.stats().waiting + engine.stats().running > 0)
        });
        return has_requests || adapters.any(|adapter| adapter.is_in_use());
    }
    entry.is_in_use()
}
