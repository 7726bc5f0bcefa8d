//! The grammar of answers that call tools.
//!
//! What stands around calls is text from the model's template, names are the tools', and arguments are
//! JSON of each tool's schema, in which references stay its own.

use super::tool::Tool;
use crate::error::ApiError;
use catena_engine::{
    CALL_ID_CHARS, CallMark, ComposedGrammar, Constraint, NamedSchema, ToolPiece, ToolSyntax,
};
use serde_json::{Value, json};

/// Any text.
const ANY: &str = "/(.|\\n)*/";
/// Name of the schema of an answer without calls.
const FORM: &str = "form";

/// Calls that an answer may hold.
pub(super) struct Calls<'a> {
    pub(super) syntax: &'a ToolSyntax,
    pub(super) tools: &'a [Tool],
    /// The one tool that may be called.
    pub(super) only: Option<&'a str>,
    /// Most of them.
    pub(super) most: usize,
}

/// The grammar of calls and nothing else.
pub(super) fn required(calls: &Calls<'_>) -> ComposedGrammar {
    let open = sequence(&calls.syntax.open_from_mark());
    let mut lark = format!("start: {open} calls\n");
    let schemas = calls.rules(&mut lark);
    ComposedGrammar { lark, schemas }
}

/// The grammar of words, calls after words, or calls; or of `form` instead of the words.
///
/// # Errors
/// [`ApiError::InvalidField`] if `form` is not JSON.
pub(super) fn allowed(
    calls: &Calls<'_>,
    form: Option<Constraint>,
) -> Result<ComposedGrammar, ApiError> {
    let form = form.map(form_schema).transpose()?;
    let pieces = calls.syntax.open_from_mark();
    let open = sequence(&pieces);
    let mark = calls.syntax.mark();
    let mut lark = match (&form, mark.expect("a syntax has a mark")) {
        (Some(_), _) => format!("start: {open} calls | @{FORM}\n"),
        (None, CallMark::Special(_)) => format!("start: TEXT {open} calls | TEXT\nTEXT: {ANY}\n"),
        (None, CallMark::Text(mark)) => {
            let rest = sequence(&behind(&pieces, &mark));
            let mark = literal(&mark);
            format!("start: marked {rest} calls | TEXT\nmarked[lazy]: TEXT {mark}\nTEXT: {ANY}\n")
        }
        (None, CallMark::Start(mark)) => {
            let mark = literal(&mark);
            format!("start: {open} calls | TEXT\nTEXT: {ANY} & ~({mark} {ANY})\n")
        }
    };
    let mut schemas = calls.rules(&mut lark);
    let named = |schema| NamedSchema { name: FORM.to_owned(), schema, lenient: false };
    schemas.extend(form.map(named));
    Ok(ComposedGrammar { lark, schemas })
}

impl Calls<'_> {
    /// Writes the rules from the first name to the end; gives the schemas they refer to.
    fn rules(&self, lark: &mut String) -> Vec<NamedSchema> {
        let close = sequence(&self.syntax.close);
        let more = match &self.syntax.next {
            Some(next) if self.most > 1 => {
                format!("({} call){{0,{}}}", sequence(next), self.most - 1)
            }
            _ => String::new(),
        };
        lark.push_str(&format!("calls: call {more} {close}\n"));
        let mut schemas = Vec::new();
        let mut calls = Vec::new();
        let wanted = |tool: &&Tool| self.only.is_none_or(|only| tool.name == only);
        for (idx, tool) in self.tools.iter().filter(wanted).enumerate() {
            let name = format!("tool_{idx}");
            calls.push(format!("{} @{name}", self.named(&tool.name)));
            let schema = tool.arguments_schema();
            schemas.push(NamedSchema { name, schema, lenient: !tool.strict });
        }
        lark.push_str(&format!("call: {}\n", calls.join(" | ")));
        schemas
    }

    /// A tool's name up to its arguments. The name and what ends it are one text: no name is taken
    /// for the beginning of a longer one.
    fn named(&self, name: &str) -> String {
        match self.syntax.middle.split_first() {
            Some((ToolPiece::Text(end), rest)) => {
                format!("{} {}", literal(&format!("{name}{end}")), sequence(rest))
            }
            _ => format!("{} {}", literal(name), sequence(&self.syntax.middle)),
        }
    }
}

/// The schema of an answer in words that must have a form.
fn form_schema(form: Constraint) -> Result<Value, ApiError> {
    match form {
        Constraint::JsonSchema(schema) => Ok(schema),
        Constraint::JsonObject => Ok(json!({"type": "object"})),
        Constraint::Regex(_)
        | Constraint::Choice(_)
        | Constraint::Lark(_)
        | Constraint::Composed(_) => Err(ApiError::InvalidField {
            field: "structured_outputs",
            reason: "beside tools only JSON can be asked for; or set `tool_choice` to none"
                .to_owned(),
        }),
    }
}

/// `pieces` without the text `mark` at their beginning.
fn behind(pieces: &[ToolPiece], mark: &str) -> Vec<ToolPiece> {
    let mut pieces = pieces.to_vec();
    if let Some(ToolPiece::Text(text)) = pieces.first_mut() {
        *text = text.strip_prefix(mark).unwrap_or(text).to_owned();
        if text.is_empty() {
            pieces.remove(0);
        }
    }
    pieces
}

/// Pieces one after the other, in Lark.
fn sequence(pieces: &[ToolPiece]) -> String {
    let write = |piece: &ToolPiece| match piece {
        ToolPiece::Text(text) => literal(text),
        ToolPiece::Special(token) => format!("<[{token}]>"),
        ToolPiece::CallId => format!("/[a-zA-Z0-9]{{{CALL_ID_CHARS}}}/"),
    };
    pieces.iter().map(write).collect::<Vec<_>>().join(" ")
}

/// A text in Lark: its strings are those of JSON.
fn literal(text: &str) -> String {
    json!(text).to_string()
}
