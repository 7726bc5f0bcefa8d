//! Answers as a whole.

use super::events::{EndReason, Turn, TurnEvent};
use crate::error::ApiError;
use crate::tools::Part;
use catena_engine::TokenEvent;
use catena_knowledge::Cited;
use serde_json::{Value, json};

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What the model thought before it.
    pub(crate) thoughts: String,
    /// Its words, without calls.
    pub(crate) text: String,
    /// Its calls.
    pub(crate) calls: Vec<AnswerCall>,
    /// Its tokens; their log-probabilities are there if they were asked for.
    pub(crate) tokens: Vec<TokenEvent>,
    /// Why it ended.
    pub(crate) reason: EndReason,
    /// The stop string that ended it.
    pub(crate) stop: Option<String>,
    /// What its words are taken from, if they had passages before them.
    pub(crate) citations: Option<Vec<Cited>>,
}

/// A call in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnswerCall {
    /// Its identity.
    pub(crate) id: String,
    /// The tool.
    pub(crate) name: String,
    /// Its arguments: JSON as the model wrote it, whole unless the answer was cut.
    pub(crate) arguments: String,
}

impl AnswerCall {
    /// The call as OpenAI and Cohere have it.
    pub(crate) fn value(&self) -> Value {
        let function = json!({"name": self.name, "arguments": self.arguments});
        json!({"id": self.id, "type": "function", "function": function})
    }
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            thoughts: String::new(),
            text: String::new(),
            calls: Vec::new(),
            tokens: Vec::new(),
            reason: EndReason::Stop,
            stop: None,
            citations: None,
        }
    }
}

impl Answer {
    /// Takes what came.
    pub(crate) fn add(&mut self, parts: Vec<Part>) {
        for part in parts {
            match part {
                Part::Thought(text) => self.thoughts.push_str(&text),
                Part::Text(text) => self.text.push_str(&text),
                Part::CallStart { id, name, .. } => {
                    self.calls.push(AnswerCall { id, name, arguments: String::new() });
                }
                Part::CallArguments { index, json } => self.calls[index].arguments.push_str(&json),
            }
        }
    }
}

impl Turn {
    /// Waits for the first answer.
    ///
    /// # Errors
    /// As [`Turn::next`].
    pub(crate) async fn whole_first(&mut self) -> Result<Answer, ApiError> {
        Ok(self.whole().await?.into_iter().next().unwrap_or_default())
    }

    /// Waits for all answers, in order of their choices.
    ///
    /// # Errors
    /// As [`Turn::next`].
    pub(crate) async fn whole(&mut self) -> Result<Vec<Answer>, ApiError> {
        let mut answers: Vec<Answer> = Vec::new();
        answers.resize_with(self.num_choices(), Answer::default);
        while let Some(event) = self.next().await {
            match event? {
                TurnEvent::Delta(delta) => {
                    answers[delta.choice].add(delta.parts);
                    answers[delta.choice].tokens.push(delta.token);
                }
                TurnEvent::End(end) => {
                    let answer = &mut answers[end.choice];
                    answer.add(end.parts);
                    (answer.reason, answer.stop) = (end.reason, end.stop);
                    answer.citations = end.citations;
                }
            }
        }
        Ok(answers)
    }
}
