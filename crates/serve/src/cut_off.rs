//! Telling all that runs that it is to end now.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tells one that runs; called once, on whichever thread.
type Tell = Box<dyn FnOnce() + Send>;

/// Those who are to be told. Who listens is told by a message among those it waits for anyway: nobody
/// has to look at a flag before each token. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct CutOff(Arc<Mutex<Listeners>>);

#[derive(Default)]
struct Listeners {
    is_over: bool,
    next: u64,
    all: BTreeMap<u64, Tell>,
}

impl CutOff {
    /// Has `tell` called at the cut-off, at once if that was before; not after what is handed back is
    /// dropped.
    pub(crate) fn listen(&self, tell: impl FnOnce() + Send + 'static) -> Listening {
        let mut listeners = self.listeners();
        let number = listeners.next;
        listeners.next += 1;
        if listeners.is_over {
            drop(listeners);
            tell();
        } else {
            listeners.all.insert(number, Box::new(tell));
        }
        Listening { cut_off: self.clone(), number }
    }

    /// From now on, all that runs is to end.
    pub(crate) fn tell_all(&self) {
        let mut listeners = self.listeners();
        listeners.is_over = true;
        let all = std::mem::take(&mut listeners.all);
        drop(listeners);
        for tell in all.into_values() {
            tell();
        }
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that listens.
pub(crate) struct Listening {
    cut_off: CutOff,
    number: u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.cut_off.listeners().all.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::CutOff;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn who_listens_is_told_once() {
        let told = Arc::new(AtomicUsize::new(0));
        let cut_off = CutOff::default();
        let listen = || {
            let told = told.clone();
            cut_off.listen(move || {
                told.fetch_add(1, Ordering::SeqCst);
            })
        };
        let (_stays, gone) = (listen(), listen());
        drop(gone);
        cut_off.tell_all();
        cut_off.tell_all();
        assert_eq!(told.load(Ordering::SeqCst), 1);
        let _late = listen();
        assert_eq!(told.load(Ordering::SeqCst), 2);
    }
}
