//! Pages of the web: what they say, without what stands around it.
//!
//! A page is read once, from left to right, into a flat list of blocks, each with the container
//! it stands in. Elements and class names that are never content put their blocks aside; the
//! smallest container with most of what remains is the main content; lists of links in it go.
//! Plain text gets the same treatment by line: consent notices, share buttons, navigation and
//! copyright footers, each with the reason why it was dropped.
//!
//! **Invariant:** work and memory grow with the length of a page and never with its nesting:
//! there is no tree and no recursion. Whatever the bytes, reading ends without a panic.
//!
//! # Why not a crate
//! trafilatura 0.6.0, rs-trafilatura 0.2.2 and dom_smoothie 0.19.0 were measured against
//! Python's trafilatura on the same pages. The first is as good as its model and only three times
//! as fast, and all three build a tree whose cost is the square of the nesting: a page of 100,000
//! open `div` holds each of them for more than 40 seconds.

mod attributes;
mod blocks;
mod boilerplate;
mod choose;
mod elements;
mod extract;
mod hints;
mod inline;
mod lines;
mod metadata;
mod options;
mod reader;
mod render;
mod tokens;

pub use boilerplate::{BoilerplateReason, DroppedLine, WithoutBoilerplate, remove_boilerplate};
pub use extract::extract_html;
pub use options::{ExtractOptions, Extracted, PageFormat};

#[cfg(test)]
mod tests;
