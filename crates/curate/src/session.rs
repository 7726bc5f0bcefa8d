//! The engine that plans and queries run in.

use crate::error::CurateError;
use camino::Utf8Path;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

/// Memory that sorts and groupings may take before they spill to disk.
pub(crate) const MEMORY_BYTES: usize = 512 << 20;

/// A session of `threads` partitions that spills below `spill`.
pub(crate) fn session(threads: usize, spill: &Utf8Path) -> Result<SessionContext, CurateError> {
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![spill.as_std_path().to_owned()]));
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(MEMORY_BYTES, 1.0)
        .with_disk_manager_builder(disk)
        .build_arc()?;
    // Partitions are parts of the input in their order; shuffling rows between them would lose it.
    let config = SessionConfig::new()
        .with_target_partitions(threads.max(1))
        .with_round_robin_repartition(false)
        .with_batch_size(1024);
    Ok(SessionContext::new_with_config_rt(config, runtime))
}
