//! Paged key/value cache and the attention over it.
