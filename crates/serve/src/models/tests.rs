//! Loads that fail.

use super::{LoadError, LoadedModel, ModelSource, Registry};
use crate::error::ApiError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Files that are no model; the second look at them panics.
#[derive(Default)]
struct Broken(AtomicUsize);

impl ModelSource for Broken {
    fn bytes(&self) -> u64 {
        1
    }

    fn load(&self) -> Result<LoadedModel, LoadError> {
        assert_eq!(self.0.fetch_add(1, Ordering::SeqCst), 0, "injected");
        Err("it ends too early".into())
    }
}

/// Polled on one thread, so that all of them wait before the load ends.
#[test]
fn those_who_wait_for_a_load_share_its_failure() {
    let registry = Arc::new(Registry::new(Vec::new()));
    let source = Arc::new(Broken::default());
    registry.declare("broken", source.clone(), None, false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ask = || registry.get("broken", PATIENCE);
        let (first, second, third) = tokio::join!(ask(), ask(), ask());
        for failed in [first, second, third] {
            let Err(ApiError::NotLoadable { reason, .. }) = failed else { panic!("it loaded") };
            assert_eq!(reason, "it ends too early");
        }
        assert_eq!(source.0.load(Ordering::SeqCst), 1);
        // Who asks later has it tried again, and a panic leaves nothing behind either.
        let panicked = ask().await.err();
        assert!(matches!(panicked, Some(ApiError::Internal { .. })), "{panicked:?}");
        let listed = registry.declared().pop().expect("one");
        assert_eq!(listed.state, super::entry::State::Unloaded);
    });
}
