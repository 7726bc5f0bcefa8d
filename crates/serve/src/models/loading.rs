//! Bringing models into memory, one at a time.
//!
//! A load is a task of its own: the clients that wait for it may go away, and it ends as it would
//! have. Whoever asks for the same model meanwhile waits for its end and takes what it gave, a
//! failure too. A model whose engine has stopped, which is what a panic in it comes to, is loaded
//! again when the next request names it.

use super::adapter::LoadedAdapter;
use super::entry::{Entry, Kind, Loaded};
use super::registry::{Registry, release};
use super::room;
use super::served::{LanguageModel, ServedModel};
use super::source::{LoadError, LoadedModel};
use crate::blocking::brief;
use crate::context;
use crate::error::{ApiError, message};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinError;

impl Registry {
    /// The model called `name`, loaded if need be, which may take others out of memory.
    ///
    /// # Errors
    /// [`ApiError::UnknownModel`], [`ApiError::NoRoom`], [`ApiError::NotLoadable`],
    /// [`ApiError::Overloaded`] if others are loaded, or there is no room, for longer than
    /// `patience`.
    pub(crate) async fn get(
        self: &Arc<Self>,
        name: &str,
        patience: Duration,
    ) -> Result<ServedModel, ApiError> {
        let entry = self.find(name).await?;
        self.note_use(&entry);
        if let Some(model) = entry.working() {
            return Ok(model);
        }
        let seen = entry.attempts();
        let turn = self.turn(patience).await?;
        if let Some(model) = entry.working() {
            return Ok(model);
        }
        if let Some(reason) = entry.failure_after(seen) {
            return Err(ApiError::NotLoadable { model: name.to_owned(), reason });
        }
        // The name may mean another model by now, or none.
        let entry = self.find(name).await?;
        let registry = self.clone();
        apart(async move {
            let _turn = turn;
            registry.bring(&entry, patience).await
        })
        .await
    }

    /// Loads the model called `name` anew, also if it is in memory: requests go on with the old one
    /// until the new one is there.
    ///
    /// # Errors
    /// As [`Registry::get`]; [`ApiError::ModelStays`] for one that was given without its files.
    pub(crate) async fn reload(
        self: &Arc<Self>,
        name: &str,
        patience: Duration,
    ) -> Result<(), ApiError> {
        let turn = self.turn(patience).await?;
        let entry = self.find(name).await?;
        if matches!(entry.kind, Kind::Fixed) {
            return Err(ApiError::ModelStays { model: name.to_owned() });
        }
        let registry = self.clone();
        apart(async move {
            let _turn = turn;
            let loaded = registry.load(&entry, patience).await?;
            release(entry.put(loaded));
            registry.forget_adapters(&entry.name);
            Ok(())
        })
        .await
    }

    /// Has the entry's model in memory. It is the caller's turn.
    async fn bring(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        patience: Duration,
    ) -> Result<ServedModel, ApiError> {
        // Somebody else may have waited for the same one.
        if let Some(model) = entry.working() {
            return Ok(model);
        }
        self.discard_stopped().await?;
        let attempt = entry.begin_loading();
        let loaded = self.load(entry, patience).await;
        attempt.end(loaded.as_ref().err());
        let loaded = loaded?;
        let model = loaded.model.clone();
        release(entry.put(loaded));
        Ok(model)
    }

    /// Takes everything out of memory whose engine has stopped. It is freed before the next one is
    /// loaded: both at once may be more than there is.
    async fn discard_stopped(&self) -> Result<(), ApiError> {
        let request_id = context::request_id();
        for entry in self.all() {
            if !entry.is_loaded() || entry.working().is_some() {
                continue;
            }
            let (request_id, model) = (request_id.as_deref(), &entry.name);
            tracing::error!(
                request_id,
                model,
                "its engine stopped; it is loaded again when asked for"
            );
            let stopped = entry.take();
            tokio::task::spawn_blocking(move || drop(stopped))
                .await
                .map_err(|error| lost(&error))?;
        }
        Ok(())
    }

    async fn load(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        patience: Duration,
    ) -> Result<Loaded, ApiError> {
        match &entry.kind {
            Kind::Fixed => {
                let (source, name) = (entry.revival().cloned(), entry.name.clone());
                let source = source.ok_or(ApiError::ModelStays { model: name.clone() })?;
                let LoadedModel { model, bytes } = compute(&name, move || source.load()).await?;
                tracing::info!(model = name, "loaded again");
                Ok(Loaded { model, bytes })
            }
            Kind::Source(source) => {
                let files = source.clone();
                let bytes = brief(move || Ok(files.bytes())).await?;
                room::make(self, entry, bytes, patience).await?;
                let (source, name) = (source.clone(), entry.name.clone());
                let LoadedModel { model, bytes } = compute(&name, move || source.load()).await?;
                tracing::info!(model = name, bytes, "loaded");
                Ok(Loaded { model, bytes })
            }
            Kind::Adapter { base, folder } => {
                let base_entry = self.find(base).await?;
                let name = entry.name.clone();
                // Adapters that name each other, or themselves, would be looked for without end.
                if matches!(base_entry.kind, Kind::Adapter { .. }) {
                    let reason = format!("its base `{base}` is an adapter itself");
                    return Err(ApiError::NotLoadable { model: name, reason });
                }
                let model = Box::pin(self.bring(&base_entry, patience)).await?;
                let folder = folder.clone();
                let model = compute(&name, move || beside(model, &folder)).await?;
                if !Arc::ptr_eq(&self.find(base).await?, &base_entry) {
                    let reason = format!("its base `{base}` was replaced meanwhile");
                    return Err(ApiError::NotLoadable { model: name, reason });
                }
                tracing::info!(model = name, base, "loaded");
                Ok(Loaded { model: ServedModel::Language(model), bytes: 0 })
            }
        }
    }
}

/// Runs `work` to its end, as part of the request of this task, also if nobody waits any more.
async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(context::carried(work)).await.map_err(|error| lost(&error))?
}

/// What clients read of work that did not end: a panic's own words may hold what is nobody's.
pub(super) fn lost(error: &JoinError) -> ApiError {
    let reason = if error.is_panic() { "its work panicked" } else { "its work was given up" };
    ApiError::Internal { reason: reason.to_owned() }
}

/// The base with the adapter in `folder`. Computes.
fn beside(base: ServedModel, folder: &str) -> Result<LanguageModel, LoadError> {
    let ServedModel::Language(base) = base else {
        return Err("only a bare language model takes adapters".into());
    };
    let reader = base.adapters.clone().ok_or("the model takes no adapters")?;
    let adapter = LoadedAdapter::load(base.engine.clone(), reader.read(folder)?)?;
    Ok(LanguageModel { adapter: Some(Arc::new(adapter)), adapters: None, ..base })
}

/// Runs what loads `name` off the async threads.
async fn compute<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(context::carried_work(work))
        .await
        .map_err(|error| lost(&error))?;
    done.map_err(|error| {
        let reason = message(&*error);
        let request_id = context::request_id();
        tracing::error!(request_id, model = name, "cannot be loaded: {reason}");
        ApiError::NotLoadable { model: name.to_owned(), reason }
    })
}
