//! `/openapi.json`: what every route takes and gives, made from the code, and a page to try it.
//!
//! A route enters the router's table together with its [`Operation`], so neither is there without the
//! other. Requests are described by the types that read them ([`Fields`]); answers by schemas that
//! stand beside the code that writes them, in [`shapes`]; errors by what each protocol makes of them.

mod document;
mod endpoint;
mod operation;
mod page;
mod problems;
mod schemas;
pub(crate) mod shapes;
#[cfg(test)]
mod tests;

pub(crate) use document::document;
pub(crate) use endpoint::{Endpoint, delete, get, post};
pub(crate) use operation::{Operation, Tag};
pub(crate) use page::{docs, docs_operation, file, file_operation, openapi, openapi_operation};
pub(crate) use schemas::Fields;
