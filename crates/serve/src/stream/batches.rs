//! From what comes of an answer to the bytes of its stream.

use super::body::COMMENT;
use super::out::{Form, Out};
use crate::error::ApiError;
use crate::generation::Generation;
use crate::turn::{Turn, TurnEvent};
use catena_engine::Event;
use futures_util::stream::{self, Stream};
use std::future::Future;

/// Bytes from which on what is ready is sent.
const FULL: usize = 16 * 1024;

/// What a stream is made of.
pub(crate) trait Items: Send + 'static {
    /// One of them.
    type Item: Send;

    /// The next one; nothing after the last or after an error.
    fn next(&mut self) -> impl Future<Output = Option<Result<Self::Item, ApiError>>> + Send;

    /// Whether [`Items::next`] has nothing to wait for.
    fn is_ready(&self) -> bool;
}

impl Items for Turn {
    type Item = TurnEvent;

    async fn next(&mut self) -> Option<Result<TurnEvent, ApiError>> {
        Turn::next(self).await
    }

    fn is_ready(&self) -> bool {
        Turn::is_ready(self)
    }
}

impl Items for Generation {
    type Item = (usize, Event);

    async fn next(&mut self) -> Option<Result<(usize, Event), ApiError>> {
        Generation::next(self).await
    }

    fn is_ready(&self) -> bool {
        Generation::is_ready(self)
    }
}

/// Turns items into the messages of one wire format.
pub(crate) trait Render<I: Items>: Send + 'static {
    /// Messages before the first item.
    fn opening(&mut self, items: &I, out: &mut Out);

    /// Messages for an item.
    fn item(&mut self, items: &I, item: I::Item, out: &mut Out);

    /// Messages after the last item.
    fn closing(&mut self, items: &I, out: &mut Out);

    /// Messages for an error in the middle.
    fn failed(&mut self, error: &ApiError, out: &mut Out);

    /// The very last messages, where something must be waited for before. The items are gone by then.
    fn last(&mut self, _: &mut Out) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// What an event stream sends while nothing comes.
    fn ping(&self) -> &'static [u8] {
        COMMENT
    }
}

/// An answer on its way.
struct Answer<I, R> {
    form: Form,
    /// Nothing once they ended, so that what they hold is free before their end is read.
    items: Option<I>,
    render: R,
    opening: Option<Out>,
    has_last: bool,
}

/// The messages of `items` in the words of `render`: what is ready at once comes at once.
pub(crate) fn batches<I: Items, R: Render<I>>(
    form: Form,
    items: I,
    mut render: R,
) -> impl Stream<Item = Vec<u8>> + Send {
    let mut opening = Out::new(form);
    render.opening(&items, &mut opening);
    let opening = Some(opening);
    let answer = Answer { form, items: Some(items), render, opening, has_last: true };
    stream::unfold(answer, |mut answer| async move {
        let bytes = answer.batch().await?;
        Some((bytes, answer))
    })
}

impl<I: Items, R: Render<I>> Answer<I, R> {
    /// Waits for a message, and takes what is ready with it; nothing when all is said.
    async fn batch(&mut self) -> Option<Vec<u8>> {
        let mut out = self.opening.take().unwrap_or_else(|| Out::new(self.form));
        while let Some(items) = &mut self.items {
            if !out.is_empty() && (out.len() >= FULL || !items.is_ready()) {
                return Some(out.into_bytes());
            }
            let goes_on = match items.next().await {
                Some(Ok(item)) => {
                    self.render.item(items, item, &mut out);
                    true
                }
                Some(Err(error)) => {
                    self.render.failed(&error, &mut out);
                    false
                }
                None => {
                    self.render.closing(items, &mut out);
                    false
                }
            };
            if !goes_on {
                self.items = None;
            }
        }
        // What came before must not wait for it.
        if out.is_empty() && std::mem::take(&mut self.has_last) {
            self.render.last(&mut out).await;
        }
        (!out.is_empty()).then(|| out.into_bytes())
    }
}
