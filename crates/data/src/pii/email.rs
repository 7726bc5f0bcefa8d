//! E-mail addresses.

use super::scan::confirmed;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}";
    Regex::new(pattern).expect("the pattern is valid")
});

/// Addresses `local@domain.tld` with dots in their places.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    confirmed(&PATTERN, text, |_, address, _| {
        let local = address.split('@').next().unwrap_or("");
        !local.starts_with('.') && !local.ends_with('.') && !local.contains("..")
    })
}
