//! What the document says of a handler.

use super::schemas::{Fields, SchemaOf, generator, schema_of};
use crate::body::ApiRequest;
use crate::paging::Page;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde_json::Value;
use std::sync::Arc;

/// A route's protocol, under which it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    OpenAi,
    Anthropic,
    Cohere,
    Ollama,
    Tgi,
    Tei,
    /// What those who run the server ask for.
    Server,
}

impl Tag {
    pub(super) const ALL: [Self; 7] = [
        Self::OpenAi,
        Self::Anthropic,
        Self::Cohere,
        Self::Ollama,
        Self::Tgi,
        Self::Tei,
        Self::Server,
    ];

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "OpenAI",
            Self::Anthropic => "Anthropic",
            Self::Cohere => "Cohere",
            Self::Ollama => "Ollama",
            Self::Tgi => "text-generation-inference",
            Self::Tei => "text-embeddings-inference",
            Self::Server => "Server",
        }
    }
}

/// What a body is, and one that can be tried.
pub(super) struct Body {
    pub(super) media: &'static str,
    pub(super) schema: SchemaOf,
    pub(super) required: &'static [&'static str],
    pub(super) example: Option<Value>,
}

/// An answer: its name in the document, if it has one there, and its schema.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) media: &'static str,
    pub(super) name: Option<&'static str>,
    pub(super) schema: fn() -> Value,
}

/// What the document says of a handler. Whatever is behind the guard may also be answered by it.
pub(crate) struct Operation {
    pub(super) tag: Tag,
    pub(super) summary: &'static str,
    pub(super) queries: Vec<SchemaOf>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    /// Errors besides those of the guard, as OpenAI's protocol numbers them.
    pub(super) problems: Vec<StatusCode>,
}

const JSON: &str = "application/json";
/// Events as browsers read them.
pub(super) const EVENTS: &str = "text/event-stream";
/// A JSON object a line.
const LINES: &str = "application/x-ndjson";

impl Operation {
    /// An operation that does what `summary` says.
    pub(crate) fn new(tag: Tag, summary: &'static str) -> Self {
        let (queries, answers, problems) = (Vec::new(), Vec::new(), Vec::new());
        Self { tag, summary, queries, body: None, answers, problems }
    }

    /// Takes a JSON object that `T` reads, such as `example`.
    pub(crate) fn asks<T: ApiRequest>(self, example: Value) -> Self {
        self.asks_any(schema_of::<Fields<T>>, example)
    }

    /// The same, described by a schema.
    pub(crate) fn asks_any(self, schema: SchemaOf, example: Value) -> Self {
        let (required, example) = (&[][..], Some(example));
        self.with_body(Body { media: JSON, schema, required, example })
    }

    /// Takes a form.
    pub(crate) fn asks_form(self, schema: SchemaOf) -> Self {
        let media = "multipart/form-data";
        self.with_body(Body { media, schema, required: &[], example: None })
    }

    /// Needs fields that the body's type leaves open.
    pub(crate) fn requiring(mut self, fields: &'static [&'static str]) -> Self {
        if let Some(body) = &mut self.body {
            body.required = fields;
        }
        self
    }

    /// The parameters that its query may have.
    pub(super) fn query_names(&self) -> Arc<[String]> {
        let mut generator = generator();
        let mut names = Vec::new();
        for schema in &self.queries {
            let schema = schema(&mut generator).to_value();
            let properties = schema["properties"].as_object().into_iter().flatten();
            names.extend(properties.map(|(name, _)| name.clone()));
        }
        names.into()
    }

    fn with_body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self.fails_with(StatusCode::BAD_REQUEST)
            .fails_with(StatusCode::REQUEST_TIMEOUT)
            .fails_with(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// Takes what `T` reads from the query; its schema is to stand inline.
    pub(crate) fn queries<T: JsonSchema>(mut self) -> Self {
        self.queries.push(schema_of::<T>);
        self.fails_with(StatusCode::BAD_REQUEST)
    }

    /// Gives a page of a list, which may begin after an item that is not there.
    pub(crate) fn pages(self) -> Self {
        self.queries::<Page>().fails_with(StatusCode::NOT_FOUND)
    }

    /// Uses a model, which may be missing, stopped, or too large for what is left of the memory.
    pub(crate) fn with_model(self) -> Self {
        self.fails_with(StatusCode::NOT_FOUND)
            .fails_with(StatusCode::SERVICE_UNAVAILABLE)
            .fails_with(StatusCode::INSUFFICIENT_STORAGE)
    }

    /// Uses what the server keeps on disk, if it keeps anything.
    pub(crate) fn with_files(self) -> Self {
        self.fails_with(StatusCode::NOT_IMPLEMENTED)
    }

    /// May be answered by an error.
    pub(crate) fn fails_with(mut self, status: StatusCode) -> Self {
        self.problems.push(status);
        self
    }

    /// Answers with JSON, which the document calls `name`.
    pub(crate) fn gives(self, name: &'static str, schema: fn() -> Value) -> Self {
        self.answered(StatusCode::OK, JSON, Some(name), schema)
    }

    /// May also answer in lines, if the request asks for it.
    pub(crate) fn streams_lines(self) -> Self {
        self.gives_text(LINES)
    }

    /// May also answer in events, if the request asks for it, each with JSON of that shape.
    pub(crate) fn streams(self, name: &'static str, data: fn() -> Value) -> Self {
        self.answered(StatusCode::OK, EVENTS, Some(name), data)
    }

    /// Answers with a text, or with bytes.
    pub(crate) fn gives_text(self, media: &'static str) -> Self {
        self.answered(StatusCode::OK, media, None, super::shapes::text)
    }

    /// Answers with JSON and a status.
    pub(crate) fn gives_with(
        self,
        status: StatusCode,
        name: &'static str,
        schema: fn() -> Value,
    ) -> Self {
        self.answered(status, JSON, Some(name), schema)
    }

    fn answered(
        mut self,
        status: StatusCode,
        media: &'static str,
        name: Option<&'static str>,
        schema: fn() -> Value,
    ) -> Self {
        self.answers.push(Answer { status, media, name, schema });
        self
    }
}
