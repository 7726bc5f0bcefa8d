//! An answer as it comes.

use super::choice::Choice;
use crate::app::App;
use crate::counts::Counts;
use crate::error::ApiError;
use crate::generation::Generation;
use crate::tools::{CallIds, Calling, Part};
use catena_engine::{Completion, EngineHandle, Event, StopCause, TokenEvent, Vocabulary};
use catena_knowledge::{Cited, cite_statements};
use catena_protocol::{FinishReason, Passage};

/// A turn that is being generated. Dropping it cancels it.
pub(crate) struct Turn {
    generation: Generation,
    engine: EngineHandle,
    choices: Vec<Choice>,
    passages: Option<Vec<Passage>>,
    prompt_tokens: usize,
    counts: Counts,
}

/// What a turn was asked with.
pub(super) struct Asked<'a> {
    /// How many answers there are.
    pub(super) choices: usize,
    /// How they may call tools.
    pub(super) calling: &'a Calling,
    /// What was retrieved.
    pub(super) passages: Option<Vec<Passage>>,
    /// Tokens of the prompt.
    pub(super) prompt_tokens: usize,
    /// Whether the prompt ends where thoughts begin.
    pub(super) thinks: bool,
}

/// What happens, in order: any number of deltas and one end for each choice.
#[derive(Debug)]
pub(crate) enum TurnEvent {
    /// More of an answer.
    Delta(Delta),
    /// An answer is whole.
    End(End),
}

/// What one token brought.
#[derive(Debug)]
pub(crate) struct Delta {
    /// Which of the answers.
    pub(crate) choice: usize,
    /// What became certain; may be nothing.
    pub(crate) parts: Vec<Part>,
    /// The token, without its text, which is in the parts.
    pub(crate) token: TokenEvent,
}

/// The end of an answer.
#[derive(Debug)]
pub(crate) struct End {
    /// Which of the answers.
    pub(crate) choice: usize,
    /// What was held back.
    pub(crate) parts: Vec<Part>,
    /// Why it ended.
    pub(crate) reason: EndReason,
    /// The stop string that ended it.
    pub(crate) stop: Option<String>,
    /// What its words are taken from, if they had passages before them.
    pub(crate) citations: Option<Vec<Cited>>,
    /// The engine's account of it. Its text holds thoughts and calls as the model wrote them.
    pub(crate) completion: Box<Completion>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// The model ended its turn, or a stop string was found.
    Stop,
    /// The token limit was reached.
    Length,
    /// The model waits for what its calls give.
    ToolCalls,
}

impl Turn {
    pub(super) fn new(
        app: &App,
        generation: Generation,
        engine: EngineHandle,
        asked: Asked<'_>,
    ) -> Self {
        let Asked { choices, calling, passages, prompt_tokens, thinks } = asked;
        let calls = || {
            calling.is_offered().then(|| {
                let (app, short) = (app.clone(), calling.has_short_ids());
                let ids: CallIds = Box::new(move || app.call_id(short));
                calling.parser(ids)
            })
        };
        let cites = passages.is_some();
        let choices = (0..choices).map(|_| Choice::new(thinks, cites, calls())).collect();
        Self { generation, engine, choices, passages, prompt_tokens, counts: Counts::default() }
    }

    /// What an assistant retrieved for it.
    pub(crate) fn passages(&self) -> Option<&[Passage]> {
        self.passages.as_deref()
    }

    /// The tokens of its model.
    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        self.engine.intake().vocabulary()
    }

    /// How many answers there are.
    pub(crate) fn num_choices(&self) -> usize {
        self.choices.len()
    }

    /// Tokens of its prompt.
    pub(crate) fn prompt_tokens(&self) -> usize {
        self.prompt_tokens
    }

    /// Tokens of the answers that ended.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// The next event; nothing once all answers are whole.
    ///
    /// # Errors
    /// If the engine failed or stopped; nothing follows.
    pub(crate) async fn next(&mut self) -> Option<Result<TurnEvent, ApiError>> {
        match self.generation.next().await? {
            Ok((choice, Event::Token(token))) => Some(Ok(self.token(choice, token))),
            Ok((choice, Event::Finished(completion))) => Some(Ok(self.end(choice, completion))),
            Ok((_, Event::Failed(reason))) => Some(Err(ApiError::Internal { reason })),
            Err(error) => Some(Err(error)),
        }
    }

    /// Whether [`Turn::next`] has nothing to wait for.
    pub(crate) fn is_ready(&self) -> bool {
        self.generation.is_ready()
    }

    fn token(&mut self, idx: usize, mut token: TokenEvent) -> TurnEvent {
        let vocabulary = self.engine.intake().vocabulary();
        let choice = &mut self.choices[idx];
        let was_thinking = choice.is_thinking();
        let parts = choice.token(vocabulary, &mut token);
        self.counts.reasoning_tokens += usize::from(was_thinking || choice.is_thinking());
        TurnEvent::Delta(Delta { choice: idx, parts, token })
    }

    fn end(&mut self, choice: usize, completion: Completion) -> TurnEvent {
        let (parts, has_calls) = self.choices[choice].end(&completion.tail);
        let said = self.choices[choice].said().zip(self.passages.as_ref());
        let citations = said.map(|(said, passages)| cite_statements(said, passages));
        let reason = match completion.finish_reason {
            FinishReason::Stop if has_calls => EndReason::ToolCalls,
            FinishReason::Stop | FinishReason::Cancelled => EndReason::Stop,
            FinishReason::Length => EndReason::Length,
        };
        let stop = match &completion.stop_cause {
            Some(StopCause::Text(text)) => Some(text.clone()),
            Some(StopCause::Token { .. } | StopCause::Constraint) | None => None,
        };
        self.counts.add(&completion);
        let thoughts = self.counts.reasoning_tokens as u64;
        self.generation.note(|usage| {
            usage.reasoning_tokens = thoughts;
            if let Some(last) = usage.finish_reasons.last_mut()
                && reason == EndReason::ToolCalls
            {
                *last = "tool_calls";
            }
        });
        let completion = Box::new(completion);
        TurnEvent::End(End { choice, parts, reason, stop, citations, completion })
    }
}
