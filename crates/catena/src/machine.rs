//! What this machine has, what the environment asks for, and the choices that follow.
//!
//! The only place that reads environment variables.

use crate::cores::physical_cores;
use crate::failure::{Exit, Failure};
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use catena_store::PullOptions;
use std::env;
use std::sync::Arc;

/// A choice with its reason, printed once.
pub(crate) struct Choice<T> {
    /// What was chosen.
    pub(crate) value: T,
    /// Why, and what overrides it.
    pub(crate) reason: String,
}

/// The variable that forces a level of the numeric kernels.
const SIMD_VARIABLE: &str = "CATENA_SIMD";

/// Chooses the kernels' level: the best this machine has, or the one `CATENA_SIMD` names.
pub(crate) fn select_level() -> Result<Choice<catena_kernels::Level>, Failure> {
    let forced = env::var(SIMD_VARIABLE).ok().filter(|value| !value.is_empty());
    let choice = catena_kernels::select_level(forced.as_deref()).map_err(|error| {
        Failure::new(Exit::Usage, "cannot choose the numeric kernels", error)
            .hint(format!("unset {SIMD_VARIABLE} to take the best level of this machine"))
    })?;
    let reason = match forced {
        Some(_) => SIMD_VARIABLE.to_owned(),
        None => format!("{}; {SIMD_VARIABLE} overrides", choice.reason),
    };
    Ok(Choice { value: choice.level, reason })
}

/// Threads for numeric work: `--threads`, or the physical cores that this process may use, since two
/// CPUs of one core share the units that multiply. A container may have less time than that.
pub(crate) fn threads(flag: Option<usize>) -> Choice<usize> {
    if let Some(threads) = flag {
        return Choice { value: threads.max(1), reason: "--threads".to_owned() };
    }
    of_machine(cpus(), physical_cores())
}

/// Threads for work on texts: `--threads`, or the CPUs this process may use.
pub(crate) fn text_threads(flag: Option<usize>) -> usize {
    flag.map_or_else(cpus, |threads| threads.max(1))
}

/// The CPUs that this process may use at once, by what it is pinned to and its container's quota.
fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn of_machine(cpus: usize, cores: Option<usize>) -> Choice<usize> {
    let (value, reason) = match cores {
        Some(cores) if cores <= cpus => (cores, "physical cores"),
        Some(_) => (cpus, "the container's quota"),
        None => (cpus, "CPUs of this process"),
    };
    Choice { value, reason: format!("{reason}; --threads overrides") }
}

/// A pool of the chosen number of threads.
pub(crate) fn pool(flag: Option<usize>) -> Arc<Pool> {
    Arc::new(Pool::new(threads(flag).value))
}

/// Bytes that this user may still write where `path` is or will be; `None` where the system does
/// not tell.
pub(crate) fn free_disk_bytes(path: &Utf8Path) -> Option<u64> {
    let folder = path.ancestors().find(|folder| folder.exists());
    free_bytes(folder.unwrap_or(Utf8Path::new(".")))
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn free_bytes(folder: &Utf8Path) -> Option<u64> {
    let name = std::ffi::CString::new(folder.as_str()).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the name ends with a zero, and the call fills the whole place if it returns 0.
    let found = unsafe {
        if libc::statvfs(name.as_ptr(), found.as_mut_ptr()) != 0 {
            return None;
        }
        found.assume_init()
    };
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn free_bytes(_folder: &Utf8Path) -> Option<u64> {
    None
}

/// The per-user cache folder.
pub(crate) fn cache_dir() -> Result<Utf8PathBuf, Failure> {
    let base = path_variable("XDG_CACHE_HOME")
        .or_else(|| path_variable("HOME").map(|home| home.join(".cache")));
    base.map(|base| base.join("catena")).ok_or_else(|| {
        let cause = "neither XDG_CACHE_HOME nor HOME is set";
        Failure::new(Exit::Environment, "cannot find a folder for downloaded models", cause)
            .hint("set XDG_CACHE_HOME to a folder you can write to")
    })
}

/// How models are pulled here.
pub(crate) fn pull_options() -> Result<PullOptions, Failure> {
    let mut options = PullOptions::new(cache_dir()?);
    if let Ok(endpoint) = env::var("HF_ENDPOINT")
        && !endpoint.is_empty()
    {
        options.hub_endpoint = endpoint;
    }
    options.hub_offline = flag("HF_HUB_OFFLINE");
    options.hub_cache_dir = path_variable("HF_HUB_CACHE")
        .or_else(|| path_variable("HF_HOME").map(|home| home.join("hub")));
    options.hub_token = text_variable("HF_TOKEN");
    options.proxy = text_variable("HTTPS_PROXY").or_else(|| text_variable("https_proxy"));
    options.ca_file = path_variable("SSL_CERT_FILE");
    Ok(options)
}

fn flag(name: &str) -> bool {
    text_variable(name)
        .is_some_and(|value| ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str()))
}

fn text_variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn path_variable(name: &str) -> Option<Utf8PathBuf> {
    text_variable(name).map(Utf8PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_cores_unless_there_is_less_time_than_that() {
        let chosen = |cpus, cores| {
            let choice = of_machine(cpus, cores);
            (choice.value, choice.reason)
        };
        let expected = |threads, why: &str| (threads, format!("{why}; --threads overrides"));
        assert_eq!(chosen(16, Some(8)), expected(8, "physical cores"));
        assert_eq!(chosen(2, Some(2)), expected(2, "physical cores"));
        assert_eq!(chosen(3, Some(8)), expected(3, "the container's quota"));
        assert_eq!(chosen(4, None), expected(4, "CPUs of this process"));
        assert_eq!((threads(Some(0)).value, text_threads(Some(3))), (1, 3));
    }
}
