//! Between a conversation and its tokens.

use crate::error::EngineError;
use crate::vocabulary::Vocabulary;
use catena_model::{Checkpoint, ModelError};
use catena_protocol::{ChatMessage, Message};
use catena_text::{ChatInput, ChatTemplate, Tokenizer, ToolSyntax};
use std::ops::Range;
use std::sync::Arc;

/// Turns what a client sends into a prompt. Implemented by [`TextCodec`]; servers take the trait,
/// so that they can be tested without a model.
pub trait PromptCodec: Send + Sync {
    /// The prompt of a conversation.
    ///
    /// # Errors
    /// [`EngineError::NoChatTemplate`], [`EngineError::Text`].
    fn encode_chat(&self, chat: &ChatInput<'_>) -> Result<Vec<u32>, EngineError>;

    /// The prompt of plain text; control tokens written in it are text.
    ///
    /// # Errors
    /// [`EngineError::Text`].
    fn encode_text(&self, text: &str) -> Result<Vec<u32>, EngineError>;

    /// How the model writes calls of tools, if its template shows it.
    fn tool_syntax(&self) -> Option<&ToolSyntax>;

    /// Whether the chat template looks at a variable called `name`.
    fn reads_variable(&self, _name: &str) -> bool {
        false
    }

    /// The tokens of [`encode_text`](PromptCodec::encode_text) with what each covers.
    ///
    /// # Errors
    /// [`EngineError::Text`].
    fn tokenize(&self, text: &str) -> Result<Vec<TextToken>, EngineError>;
}

/// A token of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextToken {
    /// The token.
    pub token: u32,
    /// The bytes of the text that it covers; nothing for a token that frames the text.
    pub span: Option<Range<usize>>,
}

/// Tokenizer, chat template and vocabulary of one model.
pub struct TextCodec {
    tokenizer: Arc<Tokenizer>,
    template: Option<ChatTemplate>,
    tool_syntax: Option<ToolSyntax>,
    vocabulary: Arc<Vocabulary>,
}

impl TextCodec {
    /// The codec of `checkpoint`. Generation ends at every end-of-sequence token that its
    /// configuration or its tokenizer names.
    ///
    /// # Errors
    /// If the checkpoint's tokenizer or template is broken.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<Self, ModelError> {
        let eos_tokens = checkpoint.config().eos_token_ids.clone();
        let tokenizer = checkpoint.tokenizer()?;
        let template = checkpoint.chat_template(&tokenizer)?;
        Ok(Self::new(tokenizer, template, eos_tokens))
    }

    /// A codec of its parts.
    pub fn new(
        tokenizer: Tokenizer,
        template: Option<ChatTemplate>,
        mut eos_tokens: Vec<u32>,
    ) -> Self {
        eos_tokens.extend(tokenizer.eos_token_id());
        eos_tokens.sort_unstable();
        eos_tokens.dedup();
        let vocab_size = u32::try_from(tokenizer.vocab_size()).expect("token ids are u32");
        let tokens =
            (0..vocab_size).map(|id| (tokenizer.token_bytes(id), tokenizer.is_special(id)));
        let tool_syntax = template
            .as_ref()
            .and_then(|template| ToolSyntax::read(template, &tokenizer, &eos_tokens));
        let vocabulary = Arc::new(Vocabulary::new(tokens, eos_tokens));
        Self { tokenizer: Arc::new(tokenizer), template, tool_syntax, vocabulary }
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// The chat template, if the model has one.
    pub fn template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }

    /// The prompt of a conversation in words alone, ending where the assistant's next turn begins.
    ///
    /// # Errors
    /// As [`PromptCodec::encode_chat`].
    pub fn encode_messages(&self, messages: &[Message]) -> Result<Vec<u32>, EngineError> {
        let messages: Vec<ChatMessage> = messages.iter().cloned().map(Into::into).collect();
        let chat =
            ChatInput { messages: &messages, add_generation_prompt: true, ..ChatInput::default() };
        self.encode_chat(&chat)
    }

    /// The vocabulary, for [`crate::Engine::new`].
    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }
}

impl PromptCodec for TextCodec {
    fn encode_chat(&self, chat: &ChatInput<'_>) -> Result<Vec<u32>, EngineError> {
        let template = self.template.as_ref().ok_or(EngineError::NoChatTemplate)?;
        let prompt = template.render_chat(chat).map_err(EngineError::Text)?;
        // The template writes begin of text itself, and its control tokens must become tokens.
        self.tokenizer.encode(&prompt, false, true).map_err(EngineError::Text)
    }

    fn encode_text(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        self.tokenizer.encode(text, true, false).map_err(EngineError::Text)
    }

    fn tool_syntax(&self) -> Option<&ToolSyntax> {
        self.tool_syntax.as_ref()
    }

    fn reads_variable(&self, name: &str) -> bool {
        self.template.as_ref().is_some_and(|template| template.reads(name))
    }

    fn tokenize(&self, text: &str) -> Result<Vec<TextToken>, EngineError> {
        let framed = self.encode_text(text)?;
        let (plain, spans) = self.tokenizer.encode_with_offsets(text).map_err(EngineError::Text)?;
        // What frames a text stands before and behind its own tokens.
        let before = framed.windows(plain.len().max(1)).position(|part| part == plain);
        let before = before.unwrap_or(framed.len());
        let token = |(idx, &token): (usize, &u32)| {
            let span = idx.checked_sub(before).and_then(|idx| spans.get(idx)).cloned();
            TextToken { token, span }
        };
        Ok(framed.iter().enumerate().map(token).collect())
    }
}
