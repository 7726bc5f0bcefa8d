//! The engine that plans and queries run in.

use crate::error::CurateError;
use camino::Utf8Path;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

/// Memory that sorts and groupings may take before they spill to disk.
pub(crate) const MEMORY_BYTES: usize = 512 << 20;

/// A session for the queries of users, of `threads` partitions, that spills below `spill`.
pub(crate) fn query_session(
    threads: usize,
    spill: &Utf8Path,
) -> Result<SessionContext, CurateError> {
    session(SessionConfig::new().with_target_partitions(threads.max(1)), spill)
}

/// A session for a cleaning plan, whose partitions run one by one; it spills below `spill`.
///
/// Our functions give a changed text, the changed metadata and a note as one struct. The engine
/// takes the fields of a struct for cheap wherever they come from, and brings each of them to where
/// the struct is made, which would be made once for every field: so it must not.
pub(crate) fn plan_session(spill: &Utf8Path) -> Result<SessionContext, CurateError> {
    let config = SessionConfig::new().with_target_partitions(1);
    session(config.set_bool("datafusion.optimizer.enable_leaf_expression_pushdown", false), spill)
}

fn session(config: SessionConfig, spill: &Utf8Path) -> Result<SessionContext, CurateError> {
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![spill.as_std_path().to_owned()]));
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(MEMORY_BYTES, 1.0)
        .with_disk_manager_builder(disk)
        .build_arc()?;
    // Partitions are parts of the input in their order; shuffling rows between them would lose it.
    let config = config.with_round_robin_repartition(false).with_batch_size(1024);
    Ok(SessionContext::new_with_config_rt(config, runtime))
}
