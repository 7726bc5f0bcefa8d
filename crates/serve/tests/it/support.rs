//! A server with a scripted model, and a client for it.

use axum::Router;
use catena_engine::{
    BLOCK_TOKENS, BlockGroup, ChatInput, Engine, EngineError, EngineHandle, LogitsFor, PromptCodec,
    Runner, RunnerError, SchedulerLimits, SeqInput, TextToken, ToolSyntax, Vocabulary,
};
use catena_knowledge::{Classifier, Embedder, KnowledgeError, TextOrPair};
use catena_protocol::{Chunk, Passage, Span};
use catena_serve::{
    App, Assistant, ConnectionLimits, Ended, Endpoint, LanguageModel, Observers, Retriever,
    ServedModel, Settings, Tls,
};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What the model always says before it ends its turn.
pub(crate) const ANSWER: &str = "A wire costs $25 [1]. Ask us [7].";
/// What it says instead to prompts that hold such words.
const SAYINGS: [(&str, &str); 2] = [("both tools", TWO_CALLS), ("think first", THOUGHTS)];
/// An answer behind thoughts.
pub(crate) const THOUGHTS: &str = "<think>\nA wire, then.\n</think>\n\nIt costs $25.";
/// Two calls after words, in the form that models without one of their own are told of.
pub(crate) const TWO_CALLS: &str = "Both.\n<tool_call>\n{\"name\": \"fee\", \"arguments\": \
     {\"speed\": \"fast\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"close\", \"arguments\": {}}\n\
     </tool_call>";
/// Stands where the model's turn begins.
const TURN: u32 = 257;
const EOS: u32 = 256;
/// The token of a byte that the model panics at.
const FATAL: u32 = 0;
const VOCAB_SIZE: usize = 258;
/// Tokens of prompt and output together.
pub(crate) const CONTEXT: usize = 1024;

struct Script {
    num_blocks: usize,
    history: Vec<Option<u32>>,
    logits: Vec<f32>,
    gate: Option<mpsc::Receiver<()>>,
}

impl Runner for Script {
    fn block_groups(&self) -> Vec<BlockGroup> {
        vec![BlockGroup { num_blocks: self.num_blocks, sliding_window: None }]
    }

    fn vocab_size(&self) -> usize {
        VOCAB_SIZE
    }

    fn max_positions(&self) -> usize {
        CONTEXT
    }

    fn forward(&mut self, seqs: &[SeqInput<'_>]) -> Result<&[f32], RunnerError> {
        if let Some(gate) = &self.gate {
            gate.recv()?;
        }
        self.logits.clear();
        for seq in seqs {
            assert!(!seq.tokens.contains(&FATAL), "injected");
            let slot = |pos: usize| {
                seq.block_tables[0][pos / BLOCK_TOKENS] as usize * BLOCK_TOKENS + pos % BLOCK_TOKENS
            };
            for (row, &token) in seq.tokens.iter().enumerate() {
                self.history[slot(seq.start_pos + row)] = Some(token);
            }
            let first = match seq.logits {
                LogitsFor::None => seq.tokens.len(),
                LogitsFor::Last => seq.tokens.len() - 1,
                LogitsFor::From(row) => row,
            };
            for end in seq.start_pos + first + 1..=seq.start_pos + seq.tokens.len() {
                let said = (0..end).rev().take_while(|&pos| self.history[slot(pos)] != Some(TURN));
                let said = said.count();
                let read = (0..end - said).filter_map(|pos| self.history[slot(pos)]);
                let prompt: Vec<u8> = read.filter_map(|token| u8::try_from(token).ok()).collect();
                let prompt = String::from_utf8_lossy(&prompt);
                let saying = SAYINGS.iter().find(|(words, _)| prompt.contains(words));
                let text = saying.map_or(ANSWER, |(_, text)| text);
                let next = text.as_bytes().get(said).map_or(EOS, |&byte| u32::from(byte));
                let mut row_v = vec![0.0; VOCAB_SIZE];
                row_v[next as usize] = 20.0;
                self.logits.extend(row_v);
            }
        }
        Ok(&self.logits)
    }
}

/// One token per byte; a turn marker ends every prompt.
struct Bytes;

impl PromptCodec for Bytes {
    fn encode_chat(&self, chat: &ChatInput<'_>) -> Result<Vec<u32>, EngineError> {
        let text: String =
            chat.messages.iter().flat_map(|message| [message.text(), "\n"]).collect();
        self.encode_text(&text)
    }

    fn encode_text(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        Ok(text.bytes().map(u32::from).chain([TURN]).collect())
    }

    fn tokenize(&self, text: &str) -> Result<Vec<TextToken>, EngineError> {
        let byte = |(at, byte): (usize, u8)| {
            let from = (0..=at).rev().find(|&from| text.is_char_boundary(from)).expect("0 is one");
            let to = (at + 1..=text.len())
                .find(|&to| text.is_char_boundary(to))
                .expect("the end is one");
            TextToken { token: u32::from(byte), span: Some(from..to) }
        };
        let turn = TextToken { token: TURN, span: None };
        Ok(text.bytes().enumerate().map(byte).chain([turn]).collect())
    }

    fn tool_syntax(&self) -> Option<&ToolSyntax> {
        None
    }
}

/// The same with a switch for thoughts, which begin behind the marker where they are switched on.
struct Thinks;

impl PromptCodec for Thinks {
    fn encode_chat(&self, chat: &ChatInput<'_>) -> Result<Vec<u32>, EngineError> {
        let mut tokens = Bytes.encode_chat(chat)?;
        if chat
            .variables
            .is_some_and(|variables| variables.get("enable_thinking") == Some(&true.into()))
        {
            tokens.extend("<think>".bytes().map(u32::from));
        }
        Ok(tokens)
    }

    fn encode_text(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        Bytes.encode_text(text)
    }

    fn tokenize(&self, text: &str) -> Result<Vec<TextToken>, EngineError> {
        Bytes.tokenize(text)
    }

    fn tool_syntax(&self) -> Option<&ToolSyntax> {
        None
    }

    fn reads_variable(&self, name: &str) -> bool {
        name == "enable_thinking"
    }
}

/// A server that has a model with a switch for thoughts besides, called `thinker`.
pub(crate) fn start_with_thinker() -> Server {
    let model = scripted(None, SchedulerLimits::default(), 64);
    let model = ServedModel::Language(LanguageModel { codec: Arc::new(Thinks), ..model });
    start_with(Start { models: vec![("thinker".to_owned(), model)], ..Start::default() })
}

/// Finds the same two passages for every question.
struct TwoPassages;

impl Retriever for TwoPassages {
    fn retrieve(&self, question: &str, count: usize) -> Result<Vec<Passage>, KnowledgeError> {
        assert!(!question.is_empty());
        let passage = |id: &str, text: &str| Passage {
            chunk: Chunk {
                id: format!("{id}#0"),
                document_id: id.to_owned(),
                title: format!("About {id}"),
                text: text.to_owned(),
                span: Span { start: 100, end: 100 + text.len() },
            },
            score: 1.0,
        };
        let all = vec![
            passage("fees", "Fees are fair. A wire costs $25."),
            passage("limits", "Limits are high."),
        ];
        Ok(all.into_iter().take(count).collect())
    }
}

/// Counts letters; reads eight words.
struct Letters;

impl Embedder for Letters {
    fn identity(&self) -> &'static str {
        "letters"
    }

    fn dim(&self) -> usize {
        4
    }

    fn max_tokens(&self) -> usize {
        8
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        assert!(!texts.contains(&POISON), "injected");
        let mut vectors = self.embed_unscaled(texts)?;
        for vector in &mut vectors {
            let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            for x in vector {
                *x /= norm;
            }
        }
        Ok(vectors)
    }

    fn embed_unscaled(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        let count = |text: &str, letter: char| text.matches(letter).count() as f32 + 0.5;
        let vector = |text: &&str| ['a', 'e', 'i', 'o'].map(|letter| count(text, letter)).to_vec();
        Ok(texts.iter().map(vector).collect())
    }

    /// One for each word that is read.
    fn embed_tokens(&self, texts: &[&str]) -> Result<Vec<Vec<Vec<f32>>>, KnowledgeError> {
        let words = |text: &&str| {
            let words: Vec<&str> = text.split_whitespace().take(self.max_tokens()).collect();
            self.embed_unscaled(&words)
        };
        texts.iter().map(words).collect()
    }
}

/// Counts the words of a text that are, or in a pair those of the second that stand in the first;
/// reads eight words.
struct Words(Vec<String>);

impl Classifier for Words {
    fn labels(&self) -> &[String] {
        &self.0
    }

    fn max_tokens(&self) -> usize {
        8
    }

    fn count_tokens(&self, (first, second): TextOrPair<'_>) -> usize {
        first.split_whitespace().chain(second.unwrap_or_default().split_whitespace()).count()
    }

    fn logits(&self, inputs: &[TextOrPair<'_>]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        let count = |text: &str, wanted: &str| {
            text.split_whitespace().take(8).filter(|word| wanted.contains(word)).count() as f32
        };
        let scores = |&(first, second): &TextOrPair<'_>| match second {
            Some(second) => vec![count(second, first) - 1.0],
            None => self.0.iter().map(|label| count(first, label)).collect(),
        };
        Ok(inputs.iter().map(scores).collect())
    }
}

/// A running server. Dropping it shuts it down.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) app: App,
    pub(crate) engine: EngineHandle,
    /// Lets the model make one step each; the server of [`start`] needs none.
    pub(crate) gate: Option<mpsc::SyncSender<()>>,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Ended>>,
}

/// A text that no embedder survives.
pub(crate) const POISON: &str = "a text that no embedder survives";

/// A server whose model answers at once.
pub(crate) fn start() -> Server {
    launch(None, SchedulerLimits::default(), 64, Duration::from_secs(30), Start::default())
}

/// How a server begins.
#[derive(Default)]
pub(crate) struct Start {
    /// Models besides those that every server has.
    pub(crate) models: Vec<(String, ServedModel)>,
    pub(crate) settings: Settings,
    pub(crate) observers: Observers,
    pub(crate) connections: ConnectionLimits,
    pub(crate) tls: Option<Tls>,
    /// Routes beside those of the crate.
    pub(crate) more: Router,
    /// Largest body; small unless told otherwise.
    pub(crate) max_body_bytes: Option<usize>,
}

/// [`start`] with other settings.
pub(crate) fn start_with(start: Start) -> Server {
    launch(None, SchedulerLimits::default(), 64, Duration::from_secs(30), start)
}

/// A server whose model makes a step for each message of the gate, one sequence at a time, with
/// `max_waiting` more in the queue.
pub(crate) fn start_gated(max_waiting: usize, drain: Duration) -> Server {
    let (sender, gate) = mpsc::sync_channel(0);
    let limits = SchedulerLimits { max_running: 1, ..SchedulerLimits::default() };
    let mut server = launch(Some(gate), limits, max_waiting, drain, Start::default());
    server.gate = Some(sender);
    server
}

fn words(labels: &[&str]) -> ServedModel {
    let labels = labels.iter().map(|&label| label.to_owned()).collect();
    ServedModel::Classifier(Arc::new(Words(labels)))
}

/// The model in an engine of its own.
pub(crate) fn scripted(
    gate: Option<mpsc::Receiver<()>>,
    limits: SchedulerLimits,
    max_waiting: usize,
) -> LanguageModel {
    let num_blocks = 256;
    let history = vec![None; num_blocks * BLOCK_TOKENS];
    let script = Script { num_blocks, history, logits: Vec::new(), gate };
    let bytes = (0..=255_u8).map(|byte| (vec![byte], false));
    let special = [(b"<eos>".to_vec(), true), (b"<turn>".to_vec(), true)];
    let vocabulary = Arc::new(Vocabulary::new(bytes.chain(special), vec![EOS]));
    let engine = Engine::new(script, vocabulary, limits);
    let engine = EngineHandle::spawn(engine, max_waiting).expect("the engine starts");
    LanguageModel { default_max_tokens: 200, ..LanguageModel::new(engine, Arc::new(Bytes)) }
}

fn launch(
    gate: Option<mpsc::Receiver<()>>,
    limits: SchedulerLimits,
    max_waiting: usize,
    drain: Duration,
    start: Start,
) -> Server {
    let model = scripted(gate, limits, max_waiting);
    let engine = model.engine.clone();
    let assistant =
        Assistant { model: model.clone(), retriever: Arc::new(TwoPassages), num_passages: 2 };
    let mut models = vec![
        ("bank".to_owned(), ServedModel::Assistant(assistant)),
        ("bank-model".to_owned(), ServedModel::Language(model)),
        ("bank-embedder".to_owned(), ServedModel::Embedder(Arc::new(Letters))),
        ("bank-reranker".to_owned(), words(&["relevant"])),
        ("bank-classifier".to_owned(), words(&["fee", "limit"])),
    ];
    let Start { models: others, mut settings, observers, connections, tls, more, max_body_bytes } =
        start;
    models.extend(others);
    settings.shutdown.drain = drain;
    settings.limits.max_body_bytes = max_body_bytes.unwrap_or(64 << 10);
    let app = App::with(models, settings, observers);
    let served = app.clone();
    let (shutdown, stop) = oneshot::channel::<()>();
    let (tell, address) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            tell.send(listener.local_addr().expect("an address")).expect("it waits");
            let router = catena_serve::router(app.clone()).merge(more);
            let router = router.fallback(catena_serve::no_route);
            let signal = async move {
                let _ = stop.await;
            };
            let endpoint = Endpoint { tls, connections, ..Endpoint::plain(listener) };
            catena_serve::serve(endpoint, app, router, signal).await.expect("it serves")
        })
    });
    let address = address.recv().expect("the server starts");
    Server {
        address,
        app: served,
        engine,
        gate: None,
        shutdown: Some(shutdown),
        thread: Some(thread),
    }
}

/// Longest wait of a test for something that must happen.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Asks until `done` or half a minute is over.
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < LONG, "{what} did not happen");
        std::thread::yield_now();
    }
}

/// A streaming request by hand, so that its connection can be dropped at any moment.
pub(crate) fn open(server: &Server, body: &Value) -> BufReader<TcpStream> {
    open_at(server, "/v1/chat/completions", body)
}

/// The same at another path.
pub(crate) fn open_at(server: &Server, path: &str, body: &Value) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("a timeout");
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("it is sent");
    BufReader::new(stream)
}

/// Reads up to the line that contains `text`.
pub(crate) fn read_until(reader: &mut BufReader<TcpStream>, text: &str) {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(reader.read_line(&mut line).expect("a line") > 0, "the stream ended early");
        if line.contains(text) {
            return;
        }
    }
}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The chunks of a stream; its end must be `[DONE]`.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        let mut lines = self.data();
        assert_eq!(lines.pop(), Some("[DONE]"), "{}", self.text);
        lines.iter().map(|line| serde_json::from_str(line).expect("a JSON chunk")).collect()
    }

    /// The data of server-sent events.
    pub(crate) fn data(&self) -> Vec<&str> {
        self.text.lines().filter_map(|line| line.strip_prefix("data: ")).collect()
    }

    /// Named events with their data.
    pub(crate) fn named(&self) -> Vec<(&str, Value)> {
        let names = self.text.lines().filter_map(|line| line.strip_prefix("event: "));
        let data = self.data().into_iter().filter(|line| *line != "[DONE]");
        let json = |line: &str| serde_json::from_str(line).expect("JSON");
        names.zip(data.map(json)).collect()
    }

    /// The objects of lines.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// The same as JSON.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.data().iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

impl Server {
    pub(crate) fn get(&self, path: &str) -> Answer {
        let request = agent().get(format!("http://{}{path}", self.address));
        read(request.call().expect("an answer"))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        let request = agent().delete(format!("http://{}{path}", self.address));
        read(request.call().expect("an answer"))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, &body.to_string())
    }

    pub(crate) fn post_text(&self, path: &str, body: &str) -> Answer {
        let request = agent().post(format!("http://{}{path}", self.address));
        read(request.content_type("application/json").send(body).expect("an answer"))
    }

    /// Sends a request with these headers and hands back its answer.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(agent().run(request.body(body.to_owned()).expect("a request")).expect("an answer"))
    }

    /// Uploads `text` as a file.
    pub(crate) fn upload(&self, purpose: &str, name: &str, text: &str) -> Answer {
        let edge = "an-edge-that-no-text-holds";
        let body = format!(
            "--{edge}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n\
             --{edge}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             content-type: application/octet-stream\r\n\r\n{text}\r\n--{edge}--\r\n"
        );
        let request = agent().post(format!("http://{}/v1/files", self.address));
        let kind = format!("multipart/form-data; boundary={edge}");
        read(request.content_type(kind).send(body).expect("an answer"))
    }

    pub(crate) fn step(&self) {
        self.gate.as_ref().expect("a gated server").send(()).expect("the model waits");
    }

    /// As [`Self::step`] if the model waits, and nothing if not.
    pub(crate) fn step_on(&self) {
        let _ = self.gate.as_ref().expect("a gated server").try_send(());
    }

    /// Asks the server to end, without waiting.
    pub(crate) fn ask_to_end(&mut self) {
        let _ = self.shutdown.take().expect("asked once").send(());
    }

    /// Waits until the server has ended.
    pub(crate) fn join(&mut self) -> Ended {
        self.thread.take().expect("joined once").join().expect("it ends well")
    }

    /// The value of a metric's line that begins with `prefix`.
    pub(crate) fn metric(&self, prefix: &str) -> f64 {
        let page = self.get("/metrics").text;
        let line = page.lines().find(|line| line.starts_with(prefix));
        let line = line.unwrap_or_else(|| panic!("no {prefix} in {page}"));
        line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.gate = None;
        if let Some(shutdown) = self.shutdown.take() {
            let _ = shutdown.send(());
        }
        self.engine.shutdown(false);
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
        .collect();
    let mut text = String::new();
    response.body_mut().as_reader().read_to_string(&mut text).expect("a text");
    Answer { status: response.status().as_u16(), headers, text }
}
