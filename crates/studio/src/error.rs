//! What the JSON routes answer when they cannot answer.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::io;

/// Why a studio route has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudioError {
    /// No run has ended yet.
    #[error("no run has ended in this project yet")]
    NoReport,
    /// A citation or a link names a document that is not in the project.
    #[error("document `{id}` is not in this project")]
    NoDocument {
        /// The id asked for.
        id: String,
    },
    /// The path is under an API's prefix, but no route has it.
    #[error("no route `{path}`")]
    NoRoute {
        /// The path asked for.
        path: String,
    },
    /// The app's files are only read.
    #[error("`{path}` answers GET and HEAD only")]
    ReadOnly {
        /// The path asked for.
        path: String,
    },
    /// The folders of training runs could not be read.
    #[error("the training runs cannot be read")]
    RunsUnreadable {
        /// What the source said.
        #[source]
        cause: io::Error,
    },
    /// The folders of cleaned data sets could not be read.
    #[error("the cleaned data sets cannot be read")]
    DataUnreadable {
        /// What the source said.
        #[source]
        cause: io::Error,
    },
    /// The documents could not be read.
    #[error("document `{id}` cannot be read")]
    DocumentUnreadable {
        /// The id asked for.
        id: String,
        /// What the source said.
        #[source]
        cause: io::Error,
    },
}

/// The body of an error: RFC 9457, with a stable `code`.
#[derive(Serialize)]
struct Problem {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: String,
}

impl StudioError {
    /// Status, stable code and title.
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoReport => (StatusCode::NOT_FOUND, "no_report", "No report yet"),
            Self::NoDocument { .. } => {
                (StatusCode::NOT_FOUND, "document_not_found", "Document not found")
            }
            Self::NoRoute { .. } => (StatusCode::NOT_FOUND, "route_not_found", "Route not found"),
            Self::ReadOnly { .. } => {
                (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed")
            }
            Self::RunsUnreadable { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "runs_unreadable", "Runs unreadable")
            }
            Self::DataUnreadable { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "data_unreadable", "Data unreadable")
            }
            Self::DocumentUnreadable { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "document_unreadable", "Document unreadable")
            }
        }
    }
}

impl IntoResponse for StudioError {
    fn into_response(self) -> Response {
        let (status, code, title) = self.parts();
        let detail = match &self {
            Self::DocumentUnreadable { cause, .. }
            | Self::RunsUnreadable { cause }
            | Self::DataUnreadable { cause } => format!("{self}: {cause}"),
            Self::NoReport
            | Self::NoDocument { .. }
            | Self::NoRoute { .. }
            | Self::ReadOnly { .. } => self.to_string(),
        };
        let problem =
            Problem { r#type: "about:blank", title, status: status.as_u16(), code, detail };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json; charset=utf-8"),
        );
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_reads_well() {
        let id = || "doc_7".to_owned();
        let path = || "/api/nothing".to_owned();
        let errors = [
            StudioError::NoReport,
            StudioError::NoDocument { id: id() },
            StudioError::NoRoute { path: path() },
            StudioError::ReadOnly { path: path() },
            StudioError::RunsUnreadable { cause: io::Error::other("disk gone") },
            StudioError::DataUnreadable { cause: io::Error::other("disk gone") },
            StudioError::DocumentUnreadable { id: id(), cause: io::Error::other("disk gone") },
        ];
        let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(text.join("\n"));
    }
}
