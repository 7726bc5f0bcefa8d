//! Who is let in where.

use crate::keys::Keyring;
use std::sync::Arc;

/// Paths that anyone may ask for: what load balancers look at. They say nothing but whether the
/// server works.
pub const PUBLIC_PATHS: [&str; 3] = ["/livez", "/readyz", "/health"];

/// The path that is public too where [`Access::public_metrics`] says so.
const METRICS_PATH: &str = "/metrics";

/// Paths of those who run the server: a key needs `admin` for them.
pub(crate) const ADMIN_PREFIXES: [&str; 3] =
    ["/admin/", "/v1/load_lora_adapter", "/v1/unload_lora_adapter"];

/// Who may ask, and from which pages.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The keys; `None` lets everyone in, a ring without keys nobody.
    pub keys: Option<Arc<Keyring>>,
    /// Origins of pages in a browser that may read answers, such as `https://chat.example.org`, or
    /// `*`. None by default: only the pages of this server.
    pub origins: Vec<String>,
    /// Names under which this server may be asked, without ports; any if empty. A page of another
    /// name that resolves to this machine is refused by it.
    pub hosts: Vec<String>,
    /// Whether `/metrics` needs no key, for those who read it and can send none: it tells the names of
    /// models and how much is asked of them, and nothing of who asks what.
    pub public_metrics: bool,
}

impl Access {
    /// Whether anyone may ask for `path`.
    pub(crate) fn is_public(&self, path: &str) -> bool {
        PUBLIC_PATHS.contains(&path) || (self.public_metrics && path == METRICS_PATH)
    }
}
