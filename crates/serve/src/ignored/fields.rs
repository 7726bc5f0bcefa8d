//! The names.

use axum::http::HeaderValue;
use axum::response::Response;

/// Names the fields of a request that had no effect.
pub(crate) const IGNORED_FIELDS_HEADER: &str = "x-catena-ignored-fields";
/// Ignored fields that are named; of a request with more, the header says that there are more.
const MAX_NAMED_FIELDS: usize = 16;
/// Longest name that is told, in characters.
const MAX_NAME_CHARS: usize = 128;

/// Fields without effect, each once. One more than is named is remembered, however many there are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ignored(Vec<String>);

impl Ignored {
    /// Adds the fields of the object `inside` the body.
    pub(crate) fn add(&mut self, inside: &str, others: Self) {
        for field in others.0 {
            self.add_field(&format!("{inside}.{field}"));
        }
    }

    /// Adds a field whose value had no effect.
    pub(crate) fn add_field(&mut self, field: &str) {
        if !self.is_full() {
            let field = plain(field);
            if !self.0.contains(&field) {
                self.0.push(field);
            }
        }
    }

    /// Whether more names make no difference.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() > MAX_NAMED_FIELDS
    }

    /// Names the fields in the answer's header, behind those that stand there.
    pub(crate) fn tell(&self, mut response: Response) -> Response {
        if self.0.is_empty() {
            return response;
        }
        let told = response.headers().get(IGNORED_FIELDS_HEADER);
        let told = told.and_then(|told| told.to_str().ok()).into_iter();
        let mut named: Vec<&str> = told.collect();
        named.extend(self.0.iter().take(MAX_NAMED_FIELDS).map(String::as_str));
        if self.is_full() {
            named.push("...");
        }
        if let Ok(value) = HeaderValue::from_str(&named.join(", ")) {
            response.headers_mut().insert(IGNORED_FIELDS_HEADER, value);
        }
        response
    }
}

/// A foreign name, fit for a header.
fn plain(field: &str) -> String {
    let fit = |c: char| if c.is_ascii_graphic() && c != ',' { c } else { '?' };
    field.chars().take(MAX_NAME_CHARS).map(fit).collect()
}
