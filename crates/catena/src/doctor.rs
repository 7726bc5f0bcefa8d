//! `catena doctor`: what this machine has, and each automatic choice with its reason.

use crate::failure::Failure;
use crate::machine::{cache_dir, select_level, threads};
use crate::output::print_line;

/// Runs `catena doctor`.
pub(crate) fn run(threads_flag: Option<usize>) -> Result<(), Failure> {
    let level = select_level()?;
    let threads = threads(threads_flag);
    print_line(&format!("catena:   {}", env!("CARGO_PKG_VERSION")));
    let kernels = level.value.name();
    print_line(&format!("kernels:  {kernels} ({})", level.reason));
    print_line(&format!("threads:  {} ({})", threads.value, threads.reason));
    print_line(&format!(
        "memory:   {} now resident",
        mib(catena_pipeline::memory::resident_bytes())
    ));
    print_line(&format!("cache:    {} (XDG_CACHE_HOME overrides)", cache_dir()?));
    Ok(())
}

/// Bytes as people read them.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}
