//! What a request says about tools.

use crate::error::ApiError;
use serde_json::{Map, Value, json};

/// Most tools of one request.
pub(crate) const MAX_TOOLS: usize = 128;
/// Longest name of a tool in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 128;

/// A function that the model may ask for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tool {
    /// Its name.
    pub(crate) name: String,
    /// What it does.
    pub(crate) description: Option<String>,
    /// JSON schema of its arguments; without one it takes none.
    pub(crate) parameters: Option<Value>,
    /// Refuse a schema that cannot be enforced as a whole.
    pub(crate) strict: bool,
}

/// Whether and what the model calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ToolChoice {
    /// Nothing.
    None,
    /// What it finds right.
    #[default]
    Auto,
    /// At least one tool.
    Required,
    /// This tool, once.
    Named(String),
}

/// The tools of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tools {
    /// All that the model is told of.
    pub(crate) list: Vec<Tool>,
    /// What it does with them.
    pub(crate) choice: ToolChoice,
    /// At most one call in a turn.
    pub(crate) one_call: bool,
}

impl Tools {
    /// Whether the model can call anything.
    pub(crate) fn are_offered(&self) -> bool {
        !self.list.is_empty() && self.choice != ToolChoice::None
    }

    /// Checks counts, names and schemas.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`].
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let count = self.list.len();
        if count > MAX_TOOLS {
            return Err(invalid(format!("{count} tools were sent, at most {MAX_TOOLS} are taken")));
        }
        for (idx, tool) in self.list.iter().enumerate() {
            tool.check().map_err(|reason| invalid(format!("tool {idx}: {reason}")))?;
            if self.list[..idx].iter().any(|earlier| earlier.name == tool.name) {
                return Err(invalid(format!("two tools are named `{}`", tool.name)));
            }
        }
        let lacks = |reason| Err(ApiError::InvalidField { field: "tool_choice", reason });
        match &self.choice {
            ToolChoice::Required if self.list.is_empty() => {
                lacks("it asks for a call, but no `tools` were sent".to_owned())
            }
            ToolChoice::Named(name) if !self.list.iter().any(|tool| tool.name == *name) => {
                let name: String = name.chars().take(MAX_NAME_BYTES).collect();
                lacks(format!("no tool is named `{name}`"))
            }
            ToolChoice::None | ToolChoice::Auto | ToolChoice::Required | ToolChoice::Named(_) => {
                Ok(())
            }
        }
    }
}

impl Tool {
    fn check(&self) -> Result<(), String> {
        let bytes = self.name.len();
        if !(1..=MAX_NAME_BYTES).contains(&bytes) {
            return Err(format!("its name has {bytes} bytes, 1 to {MAX_NAME_BYTES} are taken"));
        }
        let is_plain = |c: char| c.is_alphanumeric() || "_-./:@".contains(c);
        if let Some(bad) = self.name.chars().find(|&c| !is_plain(c)) {
            return Err(format!(
                "its name holds {bad:?}; letters, digits and _ - . / : @ are taken"
            ));
        }
        match &self.parameters {
            None | Some(Value::Object(_)) => Ok(()),
            Some(_) => Err("its parameters are not a JSON schema".to_owned()),
        }
    }

    /// The tool as chat templates know it.
    pub(super) fn template_value(&self) -> Value {
        let mut function = Map::new();
        function.insert("name".to_owned(), json!(self.name));
        if let Some(description) = &self.description {
            function.insert("description".to_owned(), json!(description));
        }
        let none = || json!({"type": "object", "properties": {}});
        function.insert("parameters".to_owned(), self.parameters.clone().unwrap_or_else(none));
        json!({"type": "function", "function": function})
    }

    /// The schema that its arguments are held to: an object, without members that the schema does
    /// not name unless it says otherwise.
    pub(super) fn arguments_schema(&self) -> Value {
        let mut schema = match &self.parameters {
            Some(Value::Object(schema)) => schema.clone(),
            _ => Map::new(),
        };
        let is_open = ["$ref", "anyOf", "oneOf", "allOf", "patternProperties"];
        let names_all = !is_open.iter().any(|key| schema.contains_key(*key));
        if names_all {
            schema.insert("type".to_owned(), json!("object"));
            if schema.contains_key("properties") || self.parameters.is_none() {
                schema.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Object(schema)
    }
}

fn invalid(reason: String) -> ApiError {
    ApiError::InvalidField { field: "tools", reason }
}
