//! Working memory of operators, lent to whichever thread evaluates a batch.

use std::fmt::{self, Debug, Formatter};
use std::sync::Mutex;

/// As many `T` as there are threads that need one at a time.
pub(crate) struct Pool<T> {
    make: Box<dyn Fn() -> T + Send + Sync>,
    idle: Mutex<Vec<T>>,
}

impl<T> Pool<T> {
    /// A pool that makes new ones by `make`.
    pub(crate) fn new(make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make), idle: Mutex::new(Vec::new()) }
    }

    /// Lends one to `work`.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let idle = self.idle.lock().expect("no holder of the lock panics").pop();
        let mut one = idle.unwrap_or_else(|| (self.make)());
        let result = work(&mut one);
        self.idle.lock().expect("no holder of the lock panics").push(one);
        result
    }
}

impl<T> Debug for Pool<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a pool")
    }
}
