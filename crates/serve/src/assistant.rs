//! A model that answers from documents and says where it read the answer.

use crate::error::ApiError;
use crate::models::LanguageModel;
use catena_knowledge::{Cited, Embedder, Index, Method, build_prompt};
use catena_protocol::{ChatMessage, Citation, Passage, Role, Span};
use serde::Serialize;
use std::sync::Arc;

/// Finds the passages that may answer a question.
pub trait Retriever: Send + Sync {
    /// The `count` best passages, best first. May compute; called off the async threads.
    ///
    /// # Errors
    /// Whatever retrieval meets.
    fn retrieve(
        &self,
        question: &str,
        count: usize,
    ) -> Result<Vec<Passage>, catena_knowledge::KnowledgeError>;
}

/// Retrieval from an index by one method.
pub struct IndexRetriever {
    /// The index.
    pub index: Arc<Index>,
    /// The embedder it was built with.
    pub embedder: Arc<dyn Embedder>,
    /// How it is searched.
    pub method: Method,
}

impl Retriever for IndexRetriever {
    fn retrieve(
        &self,
        question: &str,
        count: usize,
    ) -> Result<Vec<Passage>, catena_knowledge::KnowledgeError> {
        self.index.search(question, self.method, count, &*self.embedder)
    }
}

/// A language model with retrieval before it and citations behind it.
#[derive(Clone)]
pub struct Assistant {
    /// The model that words the answer.
    pub model: LanguageModel,
    /// Where passages come from.
    pub retriever: Arc<dyn Retriever>,
    /// Passages put before the model.
    pub num_passages: usize,
}

/// A passage as clients see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NumberedPassage {
    /// The number that a mark in the answer refers to.
    number: usize,
    document_id: String,
    title: String,
    span: Span,
    text: String,
}

/// Numbers `passages` from 1.
pub(crate) fn numbered(passages: &[Passage]) -> Vec<NumberedPassage> {
    let number = |(idx, passage): (usize, &Passage)| NumberedPassage {
        number: idx + 1,
        document_id: passage.chunk.document_id.clone(),
        title: passage.chunk.title.clone(),
        span: passage.chunk.span,
        text: passage.chunk.text.clone(),
    };
    passages.iter().enumerate().map(number).collect()
}

/// The passages that an answer cites, each once.
pub(crate) fn cited_once(cited: &[Cited]) -> Vec<&Citation> {
    let mut citations: Vec<&Citation> = Vec::new();
    for Cited { citation, .. } in cited {
        if citations.iter().all(|known| known.number != citation.number) {
            citations.push(citation);
        }
    }
    citations
}

/// The characters of `text` before byte `at`.
pub(crate) fn chars_before(text: &str, at: usize) -> usize {
    text[..at].chars().count()
}

impl Assistant {
    /// Retrieves for the last question of `messages` and words the grounded conversation.
    ///
    /// # Errors
    /// As [`grounded`].
    pub(crate) fn ground(
        &self,
        messages: Vec<ChatMessage>,
    ) -> Result<(Vec<ChatMessage>, Vec<Passage>), ApiError> {
        grounded(messages, |question| Ok(self.retriever.retrieve(question, self.num_passages)?))
    }
}

/// Finds passages for the last question of `messages` and words the conversation with them: our
/// instruction (and the client's after it), the earlier turns, then the question with its passages,
/// and what came of tools since.
///
/// # Errors
/// [`ApiError::InvalidField`] if the conversation does not end with a question or with what tools
/// gave for it; those of `find`.
pub(crate) fn grounded(
    mut messages: Vec<ChatMessage>,
    find: impl FnOnce(&str) -> Result<Vec<Passage>, ApiError>,
) -> Result<(Vec<ChatMessage>, Vec<Passage>), ApiError> {
    let of_tools =
        |message: &ChatMessage| message.role == Role::Tool || !message.tool_calls.is_empty();
    let asked = messages.iter().rposition(|message| !of_tools(message));
    let Some(asked) = asked.filter(|&at| messages[at].role == Role::User) else {
        let reason = "the conversation must end with a message of the user".to_owned();
        return Err(ApiError::InvalidField { field: "messages", reason });
    };
    let since = messages.split_off(asked + 1);
    let question = messages.pop().expect("the question is there");
    let passages = find(question.text())?;
    let mut grounded: Vec<ChatMessage> =
        build_prompt(question.text(), &passages).into_iter().map(Into::into).collect();
    let (instructions, turns): (Vec<ChatMessage>, Vec<ChatMessage>) =
        messages.into_iter().partition(|message| message.role == Role::System);
    let system = grounded.iter().position(|message| message.role == Role::System);
    if let Some(at) = system {
        let told = grounded[at].content.get_or_insert_default();
        for instruction in instructions {
            told.push_str("\n\n");
            told.push_str(instruction.text());
        }
    }
    let after_system = system.map_or(0, |at| at + 1);
    grounded.splice(after_system..after_system, turns);
    grounded.extend(since);
    Ok((grounded, passages))
}
