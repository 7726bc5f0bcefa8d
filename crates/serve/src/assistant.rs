//! A model that answers from documents and says where it read the answer.

use crate::app::LanguageModel;
use crate::error::ApiError;
use catena_knowledge::{Embedder, Index, Method, build_prompt};
use catena_protocol::{Message, Passage, Role, Span};
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

impl Assistant {
    /// Retrieves for the last question of `messages` and words the grounded conversation: our
    /// instruction (and the client's after it), the earlier turns, then the question with its
    /// passages.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`] if the conversation does not end with a question,
    /// [`ApiError::Knowledge`].
    pub(crate) fn ground(
        &self,
        messages: &[Message],
    ) -> Result<(Vec<Message>, Vec<Passage>), ApiError> {
        let Some((question, earlier)) = messages.split_last().filter(|(m, _)| m.role == Role::User)
        else {
            let reason = "the conversation must end with a message of the user".to_owned();
            return Err(ApiError::InvalidField { field: "messages", reason });
        };
        let passages = self.retriever.retrieve(&question.content, self.num_passages)?;
        let mut grounded = build_prompt(&question.content, &passages);
        let (instructions, turns): (Vec<&Message>, Vec<&Message>) =
            earlier.iter().partition(|message| message.role == Role::System);
        let system = grounded.iter().position(|message| message.role == Role::System);
        if let Some(at) = system {
            for instruction in instructions {
                grounded[at].content.push_str("\n\n");
                grounded[at].content.push_str(&instruction.content);
            }
        }
        let after_system = system.map_or(0, |at| at + 1);
        grounded.splice(after_system..after_system, turns.into_iter().cloned());
        Ok((grounded, passages))
    }
}
