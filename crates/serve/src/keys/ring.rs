//! The keys of a running server.

use super::record::KeyRecord;
use super::secret::MAX_KEY_BYTES;
use crate::limits::Limiter;
use catena_store::Digest;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// A key and what it has used of its limits.
#[derive(Debug)]
pub struct Key {
    /// What is known about it.
    pub record: KeyRecord,
    /// Shared with the key's earlier form when keys are read again.
    pub(crate) limiter: Arc<Limiter>,
}

/// Keys by the digest of their text. With none in it, it lets nobody in.
#[derive(Debug, Default)]
pub struct Keyring(RwLock<HashMap<Digest, Arc<Key>>>);

impl Keyring {
    /// The keys of `records`.
    pub fn new(records: Vec<KeyRecord>) -> Self {
        let ring = Self::default();
        ring.replace(records);
        ring
    }

    /// Takes other keys. What a key has used of its limits is kept by its identity.
    pub fn replace(&self, records: Vec<KeyRecord>) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let known: HashMap<String, Arc<Limiter>> =
            keys.values().map(|key| (key.record.id.clone(), key.limiter.clone())).collect();
        let renewed = |record: KeyRecord| {
            let limiter = match known.get(&record.id) {
                Some(limiter) => {
                    limiter.set(record.limits);
                    limiter.clone()
                }
                None => Arc::new(Limiter::new(record.limits)),
            };
            (record.digest, Arc::new(Key { record, limiter }))
        };
        *keys = records.into_iter().map(renewed).collect();
    }

    /// What is known about the keys, in no particular order.
    pub fn records(&self) -> Vec<KeyRecord> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.values().map(|key| key.record.clone()).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key with this identity.
    pub(crate) fn by_id(&self, id: &str) -> Option<Arc<Key>> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.values().find(|key| key.record.id == id).cloned()
    }

    /// The key with this text.
    pub(crate) fn find(&self, text: &str) -> Option<Arc<Key>> {
        if text.len() > MAX_KEY_BYTES {
            return None;
        }
        let digest = Digest::of(text.as_bytes());
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()
    }
}
