//! The template and its sandbox.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::time::SystemTime;

use catena_protocol::Message;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, Value, escape_formatter};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde_json::{Map, json as to_json};

use super::chat::{ChatInput, MarkedChat};
use super::{clock, json, marks};
use crate::error::TextError;
use crate::limits::{MAX_RENDERED_BYTES, MAX_TEMPLATE_BYTES, TEMPLATE_FUEL};

const NAME: &str = "chat_template";
/// Marks an error that the template raised itself.
const RAISED: &str = "raised by the template: ";

/// A model's chat template, ready to render.
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    marks_generation: bool,
    /// Names of the variables that it looks at.
    reads: HashSet<String>,
    bos_token: String,
    eos_token: String,
}

impl ChatTemplate {
    /// Parses `source`; `bos` and `eos` are the texts that the template sees as `bos_token` and
    /// `eos_token`.
    ///
    /// # Errors
    /// If the source is too large or does not parse.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self, TextError> {
        if source.len() > MAX_TEMPLATE_BYTES {
            let bytes = source.len();
            return Err(TextError::TemplateTooLarge { bytes, limit: MAX_TEMPLATE_BYTES });
        }
        // Python's engine reads every line end as `\n`.
        let unified = source.replace("\r\n", "\n").replace('\r', "\n");
        let (rewritten, marks_generation) = marks::rewrite(&unified);
        let mut environment = environment();
        environment
            .add_template_owned(NAME, rewritten)
            .map_err(|error| TextError::TemplateSyntax(Box::new(error)))?;
        let (bos_token, eos_token) = (bos.to_owned(), eos.to_owned());
        let source = source.to_owned();
        let reads =
            environment.get_template(NAME).map_err(render_error)?.undeclared_variables(false);
        Ok(Self { environment, source, marks_generation, reads, bos_token, eos_token })
    }

    /// The template as the model's files have it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the template marks what the assistant wrote with `{% generation %}`.
    pub fn marks_generation(&self) -> bool {
        self.marks_generation
    }

    /// Whether the template looks at a variable called `name`, in any of its branches.
    pub fn reads(&self, name: &str) -> bool {
        self.reads.contains(name)
    }

    /// The prompt of a conversation. `add_generation_prompt` ends it where the assistant's next
    /// turn begins.
    ///
    /// # Errors
    /// If the template refuses the conversation, fails, or exceeds its limits.
    pub fn render(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<String, TextError> {
        let mut context = self.context(Value::from(Serde(messages)));
        context.insert("add_generation_prompt".to_owned(), add_generation_prompt.into());
        self.run(context)
    }

    /// The text of a conversation with tools and further variables, as transformers'
    /// `apply_chat_template(..., tokenize=False)` gives it.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`].
    pub fn render_chat(&self, input: &ChatInput<'_>) -> Result<String, TextError> {
        self.run(self.chat_context(input))
    }

    /// The text of a conversation and what of it stood in `{% generation %}` blocks; nothing did
    /// if the template has none.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`]; [`TextError::ReservedCharacter`] if the conversation holds
    /// U+FDD0 or U+FDD1, which mark the blocks meanwhile; [`TextError::TemplateMarks`] if the
    /// template takes a block's text apart.
    pub fn render_marked(&self, input: &ChatInput<'_>) -> Result<MarkedChat, TextError> {
        if !self.marks_generation {
            return Ok(MarkedChat { text: self.render_chat(input)?, generated: Vec::new() });
        }
        let given = to_json!([input.template_messages(), input.tools, input.variables]);
        if marks::holds_mark(&given.to_string()) || marks::holds_mark(&self.source) {
            return Err(TextError::ReservedCharacter);
        }
        let mut context = self.chat_context(input);
        context.insert(marks::WANTED.to_owned(), true.into());
        let (text, generated) = marks::split_marks(&self.run(context)?)?;
        Ok(MarkedChat { text, generated })
    }

    /// What every template sees, with nothing asked for yet.
    fn context(&self, messages: Value) -> BTreeMap<String, Value> {
        let none = || Value::from(());
        BTreeMap::from([
            ("messages".to_owned(), messages),
            ("bos_token".to_owned(), self.bos_token.as_str().into()),
            ("eos_token".to_owned(), self.eos_token.as_str().into()),
            ("tools".to_owned(), none()),
            ("documents".to_owned(), none()),
        ])
    }

    fn chat_context(&self, input: &ChatInput<'_>) -> BTreeMap<String, Value> {
        let mut context = self.context(Value::from(Serde(input.template_messages())));
        if !input.tools.is_empty() {
            context.insert("tools".to_owned(), Value::from(Serde(input.tools)));
        }
        context.insert("add_generation_prompt".to_owned(), input.add_generation_prompt.into());
        let variables = input.variables.into_iter().flat_map(Map::iter);
        context.extend(variables.map(|(key, value)| (key.clone(), Value::from(Serde(value)))));
        context
    }

    fn run(&self, context: BTreeMap<String, Value>) -> Result<String, TextError> {
        let template = self.environment.get_template(NAME).map_err(render_error)?;
        let mut output = Limited { bytes: Vec::new(), exceeded: false };
        let context = Value::from(context);
        let rendered = template.render_captured_to(context, &mut output).map(|_| ());
        if output.exceeded {
            return Err(TextError::TemplateOutput { limit: MAX_RENDERED_BYTES });
        }
        rendered.map_err(render_error)?;
        Ok(String::from_utf8_lossy(&output.bytes).into_owned())
    }
}

/// The language as Hugging Face's renderer sets it up.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the default delimiters are distinct"));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(TEMPLATE_FUEL));
    environment.set_unknown_method_callback(python_method);
    environment.set_formatter(write_as_python);
    // Python neither iterates over none nor denies that text and mappings have a length and items.
    environment.add_test("iterable", |value: &Value| !value.is_none() && value.try_iter().is_ok());
    environment.add_test("sequence", |value: &Value| {
        matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::String)
    });
    environment.add_filter("tojson", json::tojson);
    environment.add_filter(marks::FILTER, marks::mark);
    environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, format!("{RAISED}{message}")))
    });
    environment
        .add_function("strftime_now", |format: String| clock::format(&format, SystemTime::now()));
    environment
}

/// Python's methods. The library pays for what they return, but `str.format` may be asked for any
/// width: its numbers are paid for before it runs.
fn python_method(
    state: &mut State,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    if method == "format"
        && let Some(text) = value.as_str()
    {
        let widths = text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
        let width =
            widths.fold(0u64, |sum, digits| sum.saturating_add(digits.parse().unwrap_or(u64::MAX)));
        // A fill character has up to four bytes, and one unit of fuel pays for 64.
        state.consume_fuel(width / 16)?;
    }
    unknown_method_callback(state, value, method, arguments)
}

/// Writes truth values and none as Python does; everything else as it is.
fn write_as_python(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let kind = value.kind();
    let text = if kind == ValueKind::None {
        "None"
    } else if kind != ValueKind::Bool {
        return escape_formatter(out, state, value);
    } else if value.is_true() {
        "True"
    } else {
        "False"
    };
    out.write_str(text).map_err(Error::from)
}

fn render_error(error: Error) -> TextError {
    if error.kind() == ErrorKind::OutOfFuel {
        return TextError::TemplateFuel { limit: TEMPLATE_FUEL };
    }
    match error.detail().and_then(|detail| detail.strip_prefix(RAISED)) {
        Some(message) => TextError::TemplateRefused { message: message.to_owned() },
        None => TextError::TemplateRender(Box::new(error)),
    }
}

/// Collects output up to the limit.
struct Limited {
    bytes: Vec<u8>,
    exceeded: bool,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_RENDERED_BYTES {
            self.exceeded = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
