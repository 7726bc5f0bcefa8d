//! Samples that occur twice.

use super::report::Severity;
use super::rules::Context;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// `duplicate`.
pub(super) fn check(context: &mut Context<'_>) {
    let mut first: HashMap<[u8; 32], usize> = HashMap::new();
    for (at, sample) in context.samples.iter().enumerate() {
        let json = serde_json::to_vec(sample).expect("a sample is plain data");
        let before = *first.entry(Sha256::digest(json).into()).or_insert(at);
        if before != at {
            let message = format!("the same as sample {before}");
            context.find("duplicate", Severity::Warning, Some(at), message);
        }
    }
}
