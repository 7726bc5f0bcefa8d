//! What is written down about a key.

use catena_store::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// Its public part: what lists, logs and `revoke` call it.
    pub id: String,
    /// Whom it is for.
    pub name: String,
    /// SHA-256 of the whole key.
    #[serde(serialize_with = "write_digest", deserialize_with = "read_digest")]
    pub digest: Digest,
    /// Unix seconds when it was made.
    pub created: u64,
    /// Unix seconds from which it is refused; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Models it may ask for, `*` at the end standing for any rest; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Paths it may ask for, in the same way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// Whether it may load and unload models and adapters.
    #[serde(default)]
    pub admin: bool,
    /// How much it may ask for.
    #[serde(default)]
    pub limits: KeyLimits,
}

/// How much a key may ask for; nothing is limited that is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyLimits {
    /// Requests a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute, of prompts and answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u32>,
    /// Requests at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
}

impl KeyRecord {
    /// Whether it is refused at `now`, in Unix seconds.
    pub fn has_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    pub(crate) fn allows_model(&self, model: &str) -> bool {
        allows(&self.models, model)
    }

    pub(crate) fn allows_route(&self, path: &str) -> bool {
        allows(&self.routes, path)
    }
}

fn allows(patterns: &[String], name: &str) -> bool {
    let matches = |pattern: &String| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    };
    patterns.is_empty() || patterns.iter().any(matches)
}

fn write_digest<S: Serializer>(digest: &Digest, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&digest.to_hex())
}

fn read_digest<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}
