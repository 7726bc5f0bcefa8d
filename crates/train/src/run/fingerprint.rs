//! What tells runs apart.

use super::config::RunConfig;
use crate::objective::Objective;

/// FNV-1a over configuration, samples and the base model's identity: tells runs apart, is no
/// defence against forgery.
pub(super) fn fingerprint(config: &RunConfig, objective: &dyn Objective, base: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut feed = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    feed(base.as_bytes());
    feed(serde_json::to_string(config).expect("plain numbers serialize").as_bytes());
    feed(objective.name().as_bytes());
    objective.identify(&mut feed);
    format!("{hash:016x}")
}
