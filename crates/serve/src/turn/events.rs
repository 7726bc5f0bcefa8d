//! An answer as it comes.

use crate::app::App;
use crate::counts::Counts;
use crate::error::ApiError;
use crate::generation::Generation;
use crate::tools::{CallIds, CallParser, Calling, Part};
use catena_engine::{Completion, EngineHandle, Event, StopCause, TokenEvent, Vocabulary};
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

/// One of the answers.
struct Choice {
    parser: Option<CallParser>,
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
    /// The token.
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
    /// The engine's account of it. Its text holds calls as the model wrote them.
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
        choices: usize,
        calling: &Calling,
        passages: Option<Vec<Passage>>,
        prompt_tokens: usize,
    ) -> Self {
        let choice = |_| Choice {
            parser: calling.is_offered().then(|| {
                let (app, short) = (app.clone(), calling.has_short_ids());
                let ids: CallIds = Box::new(move || app.call_id(short));
                calling.parser(ids)
            }),
        };
        let choices = (0..choices).map(choice).collect();
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

    fn token(&mut self, choice: usize, token: TokenEvent) -> TurnEvent {
        let parts = match &mut self.choices[choice].parser {
            Some(parser) => parser.push(token.token, &token.text),
            None => words(token.text.clone()),
        };
        TurnEvent::Delta(Delta { choice, parts, token })
    }

    fn end(&mut self, choice: usize, completion: Completion) -> TurnEvent {
        let (parts, has_calls) = match &mut self.choices[choice].parser {
            Some(parser) => (parser.finish(&completion.tail), parser.has_whole_calls()),
            None => (words(completion.tail.clone()), false),
        };
        let reason = match completion.finish_reason {
            FinishReason::Stop if has_calls => EndReason::ToolCalls,
            FinishReason::Stop | FinishReason::Cancelled => EndReason::Stop,
            FinishReason::Length => EndReason::Length,
        };
        let stop = match &completion.stop_cause {
            Some(StopCause::Text(text)) => Some(text.clone()),
            Some(StopCause::Token { .. }) | None => None,
        };
        self.counts.add(&completion);
        TurnEvent::End(End { choice, parts, reason, stop, completion: Box::new(completion) })
    }
}

/// Text without calls.
fn words(text: String) -> Vec<Part> {
    if text.is_empty() { Vec::new() } else { vec![Part::Text(text)] }
}
