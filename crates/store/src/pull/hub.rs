//! The Hugging Face Hub.
//!
//! `hf-hub` knows the hub's addresses, its cache on disk and its rules for repositories. The
//! bytes go through our own client, because that one has timeouts, can be cancelled, and checks
//! what arrives.

use super::http;
use super::run::PullOptions;
use super::staging::Staging;
use crate::error::{StoreError, io_error};
use camino::Utf8PathBuf;
use hf_hub::api::sync::{ApiBuilder, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use std::fs::File;

/// Fetches every missing file from the hub's cache on this machine or from the hub itself.
pub(super) fn fetch(staging: &Staging<'_>, options: &PullOptions) -> Result<(), StoreError> {
    let Some(known) = &staging.item.hub else { return Err(StoreError::NoHubRepository) };
    let repo = Repo::with_revision(known.id.to_owned(), RepoType::Model, known.revision.to_owned());
    if let Some(dir) = &options.hub_cache_dir {
        copy_from_hub_cache(staging, &Cache::new(dir.into()).repo(repo.clone()))?;
    }
    if staging.missing().is_empty() {
        return Ok(());
    }
    if options.hub_offline {
        return Err(StoreError::HubOffline);
    }
    let api = api_repo(repo, options)?;
    let agent = http::agent(options)?;
    let mut done = staging.present_bytes();
    staging.progress.begin(
        &format!("{} from the hub", staging.item.name),
        Some(staging.item.bytes()),
        "B",
    );
    let result = staging.missing().into_iter().try_for_each(|file| {
        let url = api.url(file.remote());
        let (agent, token) = (&agent, options.hub_token.as_deref());
        http::Download { agent, url: &url, token, file, staging, done }.run()?;
        done += file.bytes;
        Ok(())
    });
    staging.progress.end();
    result
}

fn api_repo(repo: Repo, options: &PullOptions) -> Result<ApiRepo, StoreError> {
    let endpoint = options.hub_endpoint.trim_end_matches('/').to_owned();
    let cache = options.hub_cache_dir.clone().unwrap_or_else(|| options.cache_dir.join("hub"));
    let api = ApiBuilder::from_cache(Cache::new(cache.into()))
        .with_endpoint(endpoint.clone())
        .with_token(None)
        .with_progress(false)
        .build()
        .map_err(|source| StoreError::HubClient { endpoint, source })?;
    Ok(api.repo(repo))
}

/// Takes over files that another program of this user has already fetched.
fn copy_from_hub_cache(staging: &Staging<'_>, cache: &hf_hub::CacheRepo) -> Result<(), StoreError> {
    for file in staging.missing() {
        let Some(path) = cache.get(file.remote()) else { continue };
        let Ok(path) = Utf8PathBuf::from_path_buf(path) else { continue };
        let mut reader = File::open(&path).map_err(|e| io_error(e, "read", &path))?;
        match staging.receive(file, &mut reader, &path, staging.present_bytes()) {
            // Another revision of the file; the hub itself is asked next.
            Err(StoreError::ChecksumMismatch { .. } | StoreError::SizeMismatch { .. }) | Ok(()) => {
            }
            Err(other) => return Err(other),
        }
    }
    Ok(())
}
