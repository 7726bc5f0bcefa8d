//! The engine on its own thread.

use crate::engine::{Engine, Intake, Prepared};
use crate::error::EngineError;
use crate::request::{Completion, Event, Request, RequestId};
use crate::runner::Runner;
use crate::stats::{EngineSnapshot, EngineStats};
use catena_model::{Adapter, AdapterId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SendError, Sender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Requests that may wait beside the running ones, unless told otherwise.
pub const DEFAULT_MAX_WAITING: usize = 256;

/// Takes a request's events on the engine's thread and says whether to go on. It must not block.
type Sink = Box<dyn FnMut(Event) -> bool + Send>;

enum Command {
    Submit(RequestId, Box<Prepared>, Sink),
    Cancel(RequestId),
    LoadAdapter(Arc<Adapter>, Sender<Result<AdapterId, EngineError>>),
    /// Unload a closed adapter once it is used no more.
    ReleaseAdapter(AdapterId),
    Shutdown {
        drain: bool,
    },
}

/// How threads talk to a running engine. Clones share it; the last one to go stops the engine.
#[derive(Clone)]
pub struct EngineHandle(Arc<Shared>);

struct Shared {
    intake: Intake,
    stats: Arc<EngineStats>,
    commands: Sender<Command>,
    /// Requests submitted and not yet ended.
    in_flight: Arc<AtomicUsize>,
    max_in_flight: usize,
    next_id: AtomicU64,
    closing: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Cancels its request when dropped, unless that ended before.
#[derive(Debug)]
pub struct RequestGuard {
    id: RequestId,
    commands: Sender<Command>,
}

impl RequestGuard {
    /// The request.
    pub fn id(&self) -> RequestId {
        self.id
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        // A stopped engine holds nothing to cancel.
        let _ = self.commands.send(Command::Cancel(self.id));
    }
}

/// A request's events in order; ends after the last `Finished` or a `Failed`, or early if the engine
/// died.
/// Dropping it cancels the request.
pub struct RequestEvents {
    events: Receiver<Event>,
    _guard: RequestGuard,
}

impl Iterator for RequestEvents {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.events.recv().ok()
    }
}

impl EngineHandle {
    /// Moves `engine` onto a thread of its own, where at most `max_waiting` requests wait beside
    /// the `max_running` of its limits.
    ///
    /// # Errors
    /// [`EngineError::Thread`].
    pub fn spawn<R: Runner + 'static>(
        engine: Engine<R>,
        max_waiting: usize,
    ) -> Result<Self, EngineError> {
        let (commands, inbox) = mpsc::channel();
        let intake = engine.intake().clone();
        let stats = engine.stats().clone();
        let max_in_flight = max_waiting + engine.limits().max_running;
        let in_flight = Arc::new(AtomicUsize::new(0));
        let worker = Worker { engine, clients: HashMap::new(), in_flight: in_flight.clone() };
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || worker.run(&inbox))
            .map_err(EngineError::Thread)?;
        Ok(Self(Arc::new(Shared {
            intake,
            stats,
            commands,
            in_flight,
            max_in_flight,
            next_id: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// Whether both talk to the same engine.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether there is another handle of the same engine.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The checks that requests must pass.
    pub fn intake(&self) -> &Intake {
        &self.0.intake
    }

    /// Most requests that may run and wait at once.
    pub fn max_in_flight(&self) -> usize {
        self.0.max_in_flight
    }

    /// Live counts.
    pub fn stats(&self) -> EngineSnapshot {
        self.0.stats.snapshot()
    }

    /// Submits a request whose events go to `sink` on the engine's thread; when `sink` returns
    /// `false` the request is cancelled in the same step. The guard cancels it when dropped.
    ///
    /// # Errors
    /// The *fix the input* group, [`EngineError::QueueFull`], [`EngineError::Stopped`].
    pub fn submit_with(
        &self,
        request: Request,
        sink: impl FnMut(Event) -> bool + Send + 'static,
    ) -> Result<RequestGuard, EngineError> {
        let shared = &*self.0;
        let prepared = Box::new(shared.intake.prepare(request)?);
        self.claim_place()?;
        let id = RequestId(shared.next_id.fetch_add(1, Ordering::Relaxed));
        if shared.commands.send(Command::Submit(id, prepared, Box::new(sink))).is_err() {
            shared.in_flight.fetch_sub(1, Ordering::AcqRel);
            return Err(EngineError::Stopped);
        }
        Ok(RequestGuard { id, commands: shared.commands.clone() })
    }

    /// Submits a request and hands back its events.
    ///
    /// # Errors
    /// As [`EngineHandle::submit_with`].
    pub fn submit(&self, request: Request) -> Result<RequestEvents, EngineError> {
        // Bounded by the request's own token limit.
        let (sender, events) = mpsc::channel();
        let guard = self.submit_with(request, move |event| sender.send(event).is_ok())?;
        Ok(RequestEvents { events, _guard: guard })
    }

    /// Submits a request and waits for its end, or for that of the first of its samples.
    ///
    /// # Errors
    /// As [`EngineHandle::submit_with`]; [`EngineError::Failed`] if the engine failed it.
    pub fn generate(&self, request: Request) -> Result<Completion, EngineError> {
        for event in self.submit(request)? {
            match event {
                Event::Finished(completion) if completion.sample == 0 => return Ok(completion),
                Event::Token(_) | Event::Finished(_) => {}
                Event::Failed(reason) => return Err(EngineError::Failed { reason }),
            }
        }
        Err(EngineError::Stopped)
    }

    /// Loads an adapter while requests run, between two of their steps. Reading its files and
    /// packing it (`PeftAdapter::read`, `Decoder::pack_adapter`) is the caller's, on its own thread.
    ///
    /// # Errors
    /// [`EngineError::TooManyAdapters`], [`EngineError::AdapterBytes`], [`EngineError::Adapter`],
    /// [`EngineError::Stopped`].
    pub fn load_adapter(&self, adapter: Arc<Adapter>) -> Result<AdapterId, EngineError> {
        let (reply, answer) = mpsc::channel();
        let command = Command::LoadAdapter(adapter, reply);
        self.0.commands.send(command).map_err(|_| EngineError::Stopped)?;
        answer.recv().map_err(|_| EngineError::Stopped)?
    }

    /// Refuses new requests with the adapter from now on; those that run go on to their end, and
    /// then it is unloaded.
    ///
    /// # Errors
    /// [`EngineError::UnknownAdapter`], also if it was dropped before.
    pub fn drop_adapter(&self, id: AdapterId) -> Result<(), EngineError> {
        self.0.intake.adapters().close(id)?;
        // A stopped engine holds nothing to unload.
        let _ = self.0.commands.send(Command::ReleaseAdapter(id));
        Ok(())
    }

    /// Refuses new requests, ends the others (after their last token with `drain`, at once
    /// without), and waits for the thread.
    pub fn shutdown(&self, drain: bool) {
        self.0.shutdown(drain);
    }

    fn claim_place(&self) -> Result<(), EngineError> {
        let shared = &*self.0;
        if shared.closing.load(Ordering::Acquire) {
            return Err(EngineError::Stopped);
        }
        let limit = shared.max_in_flight;
        let claim = shared.in_flight.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
            (count < limit).then_some(count + 1)
        });
        match claim {
            Ok(_) => Ok(()),
            Err(in_flight) => Err(EngineError::QueueFull { in_flight, limit }),
        }
    }
}

impl Shared {
    fn shutdown(&self, drain: bool) {
        self.closing.store(true, Ordering::Release);
        // A thread that ended already needs no message.
        let _ = self.commands.send(Command::Shutdown { drain });
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|t| t.thread().id() != std::thread::current().id()) {
            // A panic of the engine was reported to its requests and by `alive`.
            let _ = thread.join();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.shutdown(false);
    }
}

/// The thread's side.
struct Worker<R: Runner> {
    engine: Engine<R>,
    clients: HashMap<RequestId, Client>,
    in_flight: Arc<AtomicUsize>,
}

/// Whom a request's events go to.
struct Client {
    sink: Sink,
    /// Samples that have not ended.
    left: usize,
}

impl<R: Runner> Drop for Worker<R> {
    fn drop(&mut self) {
        // Also runs when a step panicked: the requests see their event stream end.
        self.engine.stats().set_dead();
        self.in_flight.fetch_sub(self.clients.len(), Ordering::AcqRel);
    }
}

impl<R: Runner> Worker<R> {
    fn run(mut self, inbox: &Receiver<Command>) {
        let mut draining = false;
        loop {
            match self.take_commands(inbox, draining) {
                Next::Step => {}
                Next::Drain => draining = true,
                Next::End => break,
            }
            self.step();
        }
        for completion in self.engine.cancel_all() {
            self.deliver(completion.id, Event::Finished(completion));
        }
    }

    /// Handles what is in the inbox; waits for something if there is nothing to run.
    fn take_commands(&mut self, inbox: &Receiver<Command>, draining: bool) -> Next {
        let mut next = Next::Step;
        loop {
            let command = if self.engine.has_work() {
                match inbox.try_recv() {
                    Ok(command) => command,
                    Err(TryRecvError::Empty) => return next,
                    Err(TryRecvError::Disconnected) => return Next::End,
                }
            } else if draining || matches!(next, Next::Drain) {
                return Next::End;
            } else {
                match inbox.recv() {
                    Ok(command) => command,
                    Err(mpsc::RecvError) => return Next::End,
                }
            };
            match command {
                Command::Submit(id, prepared, sink) => {
                    let left = prepared.num_samples();
                    self.clients.insert(id, Client { sink, left });
                    self.engine.add_prepared(id, *prepared);
                }
                Command::Cancel(id) => self.cancel(id),
                Command::LoadAdapter(adapter, reply) => {
                    let loaded = self.engine.load_adapter(adapter);
                    // Nobody waits any more: nobody knows its name either.
                    if let Err(SendError(Ok(id))) = reply.send(loaded) {
                        self.engine.drop_adapter(id).expect("just loaded");
                    }
                }
                Command::ReleaseAdapter(id) => self.engine.release_adapter(id),
                Command::Shutdown { drain: false } => return Next::End,
                Command::Shutdown { drain: true } => next = Next::Drain,
            }
        }
    }

    fn step(&mut self) {
        match self.engine.step() {
            Ok(events) => {
                for (id, event) in events {
                    self.deliver(id, event);
                }
            }
            Err(error) => {
                let reason = describe(&error);
                for completion in self.engine.cancel_all() {
                    self.deliver(completion.id, Event::Failed(reason.clone()));
                }
            }
        }
    }

    fn cancel(&mut self, id: RequestId) {
        for completion in self.engine.cancel(id) {
            self.deliver(id, Event::Finished(completion));
        }
    }

    /// Hands over an event; a request that ended or is no longer wanted leaves with it.
    fn deliver(&mut self, id: RequestId, event: Event) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        match &event {
            Event::Token(_) => {}
            Event::Finished(_) => client.left -= 1,
            Event::Failed(_) => client.left = 0,
        }
        let wanted = (client.sink)(event);
        if client.left == 0 || !wanted {
            self.clients.remove(&id);
            self.in_flight.fetch_sub(1, Ordering::AcqRel);
            // Ended already, or nobody is left to tell.
            let _ = self.engine.cancel(id);
        }
    }
}

/// What the thread does after reading its inbox.
enum Next {
    Step,
    Drain,
    End,
}

/// The error and its causes in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
