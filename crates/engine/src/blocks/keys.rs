//! Names of what blocks hold.

use crate::request::CacheScope;
use catena_kernels::BLOCK_TOKENS;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::{BuildHasher, Hasher, RandomState};

/// What a block holds: its tokens, all tokens before it, and whom it may be shared with.
///
/// 128 bits under a key that is drawn anew for each engine, so that nobody outside can aim at a
/// collision or tell from a name what was asked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BlockKey(u128);

/// Makes the keys of one engine.
pub(crate) struct KeyMaker {
    secret: [u8; 16],
}

/// First byte of what is hashed, so that no root has the form of a block.
const ROOT: u8 = 0;
const BLOCK: u8 = 1;

impl KeyMaker {
    /// With a secret of its own.
    pub(crate) fn new() -> Self {
        // The standard library seeds its hash tables from the system's randomness.
        let random = RandomState::new();
        let (low, high) = (random.hash_one(0_u8), random.hash_one(1_u8));
        Self { secret: (u128::from(high) << 64 | u128::from(low)).to_le_bytes() }
    }

    /// With a secret that everybody knows.
    #[cfg(test)]
    pub(crate) fn fixed() -> Self {
        Self { secret: [7; 16] }
    }

    /// What the first block of a sequence follows: tenants and adapters have different roots.
    pub(crate) fn root(&self, scope: &CacheScope) -> BlockKey {
        let mut hasher = self.hasher(ROOT);
        let part = |hasher: &mut SipHasher13, part: Option<&[u8]>| {
            // The length keeps the parts apart, whatever they contain.
            hasher.write_u64(part.map_or(u64::MAX, |bytes| bytes.len() as u64));
            hasher.write(part.unwrap_or_default());
        };
        part(&mut hasher, scope.tenant.as_deref().map(str::as_bytes));
        part(
            &mut hasher,
            scope.adapter.map(|adapter| adapter.0.to_le_bytes()).as_ref().map(|b| &b[..]),
        );
        finish(&hasher)
    }

    /// The block with these tokens behind `parent`.
    pub(crate) fn child(&self, parent: BlockKey, tokens: &[u32]) -> BlockKey {
        debug_assert_eq!(tokens.len(), BLOCK_TOKENS, "keys are of whole blocks");
        let mut hasher = self.hasher(BLOCK);
        hasher.write(&parent.0.to_le_bytes());
        for token in tokens {
            hasher.write_u32(*token);
        }
        finish(&hasher)
    }

    fn hasher(&self, domain: u8) -> SipHasher13 {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        hasher.write_u8(domain);
        hasher
    }
}

fn finish(hasher: &SipHasher13) -> BlockKey {
    BlockKey(hasher.finish128().as_u128())
}
