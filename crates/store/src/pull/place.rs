//! A folder, a wheel or a URL that the caller names.

use super::run::PullOptions;
use super::staging::Staging;
use super::{http, python};
use crate::error::{StoreError, io_error};
use camino::Utf8Path;
use std::fs::File;

/// Fetches every missing file from `place`, where each stands under its name here or its name at
/// the sources.
pub(super) fn fetch(
    place: &str,
    staging: &Staging<'_>,
    options: &PullOptions,
) -> Result<(), StoreError> {
    if place.starts_with("http://") || place.starts_with("https://") {
        return from_url(place.trim_end_matches('/'), staging, options);
    }
    let path = Utf8Path::new(place);
    let is_archive = matches!(path.extension(), Some("whl" | "zip"));
    if path.is_dir() {
        from_folder(path, staging)
    } else if path.is_file() && is_archive {
        python::unpack(path, staging)
    } else {
        Err(StoreError::UnknownPlace { place: place.to_owned() })
    }
}

fn from_folder(folder: &Utf8Path, staging: &Staging<'_>) -> Result<(), StoreError> {
    let what = format!("{} from {folder}", staging.item.name);
    staging.progress.begin(&what, Some(staging.item.bytes()), "B");
    let result = staging.missing().into_iter().try_for_each(|file| {
        let here = folder.join(file.path);
        let path = if here.is_file() { here } else { folder.join(file.remote()) };
        let mut reader = File::open(&path).map_err(|e| io_error(e, "read", &path))?;
        staging.receive(file, &mut reader, &path, staging.present_bytes())
    });
    staging.progress.end();
    result
}

fn from_url(base: &str, staging: &Staging<'_>, options: &PullOptions) -> Result<(), StoreError> {
    let agent = http::agent(options)?;
    let what = format!("{} from {base}", staging.item.name);
    staging.progress.begin(&what, Some(staging.item.bytes()), "B");
    let result = staging.missing().into_iter().try_for_each(|file| {
        let url = format!("{base}/{}", file.remote());
        let (agent, done) = (&agent, staging.present_bytes());
        http::Download { agent, url: &url, token: None, file, staging, done }.run()
    });
    staging.progress.end();
    result
}
