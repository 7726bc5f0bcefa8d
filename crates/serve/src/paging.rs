//! Lists that come in pages, as OpenAI's do.

use crate::error::ApiError;
use crate::openapi::shapes::{flag, list, nullable, object, text, word};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Items of a page unless the client says how many.
const DEFAULT_LIMIT: usize = 20;
/// Most items of a page.
const MAX_LIMIT: usize = 10_000;

/// Which page is asked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Page {
    /// Most items of the page.
    #[schemars(range(min = 1, max = MAX_LIMIT))]
    limit: Option<usize>,
    /// The last item of the page before.
    after: Option<String>,
    /// `desc`, the newest first, or `asc`.
    #[schemars(extend("enum" = ["asc", "desc"]))]
    order: Option<String>,
}

/// A page of `items`, given oldest first.
///
/// # Errors
/// [`ApiError::InvalidField`], [`ApiError::NotFound`].
pub(crate) fn page(mut items: Vec<Value>, asked: &Page) -> Result<Value, ApiError> {
    let invalid = |field, reason| ApiError::InvalidField { field, reason };
    match asked.order.as_deref() {
        None | Some("desc") => items.reverse(),
        Some("asc") => {}
        Some(_) => return Err(invalid("order", "known: asc, desc".to_owned())),
    }
    let limit = asked.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(invalid("limit", format!("it is {limit}, 1 to {MAX_LIMIT} are taken")));
    }
    if let Some(after) = &asked.after {
        let Some(at) = items.iter().position(|item| item["id"] == after.as_str()) else {
            return Err(ApiError::NotFound { what: "item", id: after.chars().take(80).collect() });
        };
        items.drain(..=at);
    }
    let has_more = items.len() > limit;
    items.truncate(limit);
    let id = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
    Ok(json!({
        "object": "list",
        "first_id": id(items.first()),
        "last_id": id(items.last()),
        "has_more": has_more,
        "data": items,
    }))
}

/// The schema of a page of items.
pub(crate) fn page_shape(item: Value) -> Value {
    object([
        ("object", word("list")),
        ("first_id", nullable(text())),
        ("last_id", nullable(text())),
        ("has_more", flag()),
        ("data", list(item)),
    ])
}
