//! API keys: what one may do, how they are kept, and how a request's key is found.
//!
//! A key is `ck_<id>_<secret>`. Only the SHA-256 of the whole key is kept: the secret has 192 random
//! bits, so a slow hash would protect nothing that guessing could reach. A key is found by looking
//! its digest up, so no comparison with a secret can be timed.

mod file;
mod record;
mod ring;
mod secret;
#[cfg(test)]
mod tests;

pub use file::{KeyFile, KeysError, NewKey};
pub use record::{KeyLimits, KeyRecord};
pub use ring::{Key, Keyring};
pub(crate) use secret::KEY_ID_LEN;
