//! The studio's web app.

use super::deps::{For, ensure};
use crate::error::TaskError;
use crate::process::{command, root, run_command};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs;
use std::time::SystemTime;

/// What the built app depends on, inside the web folder.
const SOURCES: [&str; 6] =
    ["src", "public", "index.html", "package-lock.json", "vite.config.ts", "tsconfig.json"];

/// Builds the web app.
pub(crate) fn studio() -> Result<(), TaskError> {
    ensure(For::Product)?;
    build()
}

/// Builds the web app unless the built one is newer than everything it is made from.
pub(crate) fn build() -> Result<(), TaskError> {
    install_packages()?;
    let web = web_dir();
    let newest = SOURCES.iter().filter_map(|source| newest_change(&web.join(source))).max();
    let built = modified(&web.join("dist/index.html"));
    if built.is_some() && built >= newest {
        return Ok(());
    }
    npm(&["run", "build"])
}

/// The studio's own checks: types, lints, unit tests.
pub(crate) fn check() -> Result<(), TaskError> {
    install_packages()?;
    npm(&["run", "typecheck"])?;
    npm(&["run", "lint"])?;
    npm(&["run", "test"])
}

/// The browser test, against the served project at `address` or against a stand-in.
pub(crate) fn browser_test(address: Option<&str>) -> Result<(), TaskError> {
    build()?;
    let mut test = command("npm", &["run", "e2e"]);
    test.current_dir(web_dir()).envs(address.map(|address| ("STUDIO_URL", address)));
    run_command(test)
}

/// `npm ci`, unless what is installed is what the lock file says.
fn install_packages() -> Result<(), TaskError> {
    let web = web_dir();
    let wanted = modified(&web.join("package-lock.json"));
    let installed = modified(&web.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= wanted {
        return Ok(());
    }
    npm(&["ci", "--no-audit", "--no-fund"])
}

fn npm(args: &[&str]) -> Result<(), TaskError> {
    let mut npm = command("npm", args);
    npm.current_dir(web_dir());
    run_command(npm)
}

fn web_dir() -> Utf8PathBuf {
    root().join("crates/studio/web")
}

fn newest_change(path: &Utf8Path) -> Option<SystemTime> {
    if !path.is_dir() {
        return modified(path);
    }
    let entries = path.read_dir_utf8().ok()?;
    entries.flatten().filter_map(|entry| newest_change(entry.path())).max()
}

fn modified(path: &Utf8Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}
