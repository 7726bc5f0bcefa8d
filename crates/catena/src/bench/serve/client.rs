//! A client of an OpenAI-compatible server that notes when the pieces of an answer come.

use crate::models::BoxError;
use serde::Deserialize;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Longest time of one answer.
const TIMEOUT: Duration = Duration::from_mins(10);
/// What stands before the data of an event, and the data of the last one.
const DATA: &str = "data: ";
const DONE: &str = "[DONE]";
/// Most bytes of a refusal that are repeated.
const REFUSAL_BYTES: u64 = 2000;

/// One user's connection.
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
}

/// An answer that came in pieces.
pub(super) struct Answer {
    pub(super) began: Instant,
    /// When each piece came: a token, or several where the server held some back.
    pub(super) pieces: Vec<Instant>,
    pub(super) ended: Instant,
    pub(super) text: String,
    /// Tokens, as the server counts them.
    pub(super) tokens: usize,
}

impl Answer {
    /// Milliseconds until the first piece.
    pub(super) fn until_first(&self) -> f64 {
        let first = self.pieces.first().copied().unwrap_or(self.ended);
        millis(first.duration_since(self.began))
    }

    /// Milliseconds between one piece and the next.
    pub(super) fn gaps(&self) -> impl Iterator<Item = f64> {
        self.pieces.windows(2).map(|pair| millis(pair[1].duration_since(pair[0])))
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    text: Option<String>,
    delta: Option<Delta>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    completion_tokens: usize,
}

impl Client {
    /// A client of the server at `url`, such as `http://127.0.0.1:8017`.
    pub(super) fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).proxy(None);
        let agent = config.http_status_as_error(false).no_delay(true).build().into();
        Self { agent, url: url.trim_end_matches('/').to_owned() }
    }

    /// Sends `body` to `path` and reads an answer that is not streamed.
    pub(super) fn whole(&self, path: &str, body: &Value) -> Result<Value, BoxError> {
        let mut response = self.send(path, body)?;
        Ok(response.body_mut().read_json()?)
    }

    /// Sends `body` to `path` and reads the events of the answer as they come.
    pub(super) fn streamed(&self, path: &str, body: &Value) -> Result<Answer, BoxError> {
        let began = Instant::now();
        let mut response = self.send(path, body)?;
        let mut pieces = Vec::new();
        let (mut text, mut tokens) = (String::new(), None);
        for line in BufReader::new(response.body_mut().as_reader()).lines() {
            let line = line?;
            let Some(data) = line.strip_prefix(DATA) else { continue };
            let now = Instant::now();
            if data == DONE {
                let tokens = tokens.ok_or("the answer does not say how many tokens it has")?;
                return Ok(Answer { began, pieces, ended: now, text, tokens });
            }
            let chunk: Chunk = serde_json::from_str(data)?;
            if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
                return Err(format!("the answer breaks off: {error}").into());
            }
            tokens = chunk.usage.map(|usage| usage.completion_tokens).or(tokens);
            let said = chunk.choices.into_iter().filter_map(Choice::said);
            let said = said.filter(|piece| !piece.is_empty()).collect::<String>();
            if !said.is_empty() {
                pieces.push(now);
                text.push_str(&said);
            }
        }
        Err("the answer ends without its last event".into())
    }

    fn send(&self, path: &str, body: &Value) -> Result<ureq::http::Response<ureq::Body>, BoxError> {
        let mut response = self.agent.post(format!("{}{path}", self.url)).send_json(body)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let body = response.body_mut().with_config().limit(REFUSAL_BYTES).read_to_string()?;
        Err(format!("{path} answers with status {}: {body}", response.status()).into())
    }
}

impl Choice {
    fn said(self) -> Option<String> {
        self.text.or_else(|| self.delta?.content)
    }
}

/// Runs `work` for so many users at once, each with a number; all begin together. The first error
/// counts.
pub(super) fn at_once<T: Send>(
    users: usize,
    work: impl Fn(usize) -> Result<T, BoxError> + Sync,
) -> Result<Vec<T>, BoxError> {
    let ready = Barrier::new(users);
    let (ready, work) = (&ready, &work);
    thread::scope(|scope| {
        let run = move |user| {
            ready.wait();
            work(user)
        };
        let threads: Vec<_> = (0..users).map(|user| scope.spawn(move || run(user))).collect();
        threads.into_iter().map(|thread| thread.join().expect("users do not panic")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// A server that gives one answer to one request.
    fn answering(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut asked = Vec::new();
            let mut buffer = [0; 1024];
            while !asked.ends_with(b"}") {
                let read = stream.read(&mut buffer).expect("a request");
                asked.extend_from_slice(&buffer[..read]);
            }
            stream.write_all(answer.as_bytes()).expect("an answer");
        });
        format!("http://{address}")
    }

    const HEAD: &str =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

    fn streamed(events: &[&str]) -> Result<Answer, BoxError> {
        let events = events.iter().map(|event| format!("data: {event}\n\n"));
        let answer = std::iter::once(HEAD.to_owned()).chain(events).collect::<String>();
        let url = answering(Box::leak(answer.into_boxed_str()));
        Client::new(&url).streamed("/v1/completions", &json!({}))
    }

    #[test]
    fn pieces_of_chats_and_of_completions_are_counted() {
        let usage = r#"{"choices":[],"usage":{"completion_tokens":3}}"#;
        let chat = [
            r#"{"choices":[{"delta":{"role":"assistant","content":""}}],"usage":null}"#,
            r#"{"choices":[{"delta":{"content":"A wire"}}]}"#,
            r#"{"choices":[{"delta":{"content":" costs"}}]}"#,
            usage,
            "[DONE]",
        ];
        let answer = streamed(&chat).expect("an answer");
        assert_eq!((answer.text.as_str(), answer.tokens), ("A wire costs", 3));
        assert_eq!((answer.pieces.len(), answer.gaps().count()), (2, 1));
        assert!(answer.until_first() > 0.0);
        let completion = [r#"{"choices":[{"text":"A"}]}"#, usage, "[DONE]"];
        assert_eq!(streamed(&completion).expect("an answer").text, "A");
    }

    #[test]
    fn an_answer_that_breaks_off_is_an_error() {
        let piece = r#"{"choices":[{"text":"A"}]}"#;
        assert!(streamed(&[piece]).is_err_and(|error| error.to_string().contains("last event")));
        assert!(streamed(&[piece, "[DONE]"]).is_err());
        let error = streamed(&[piece, r#"{"error":{"message":"too slow"}}"#]);
        assert!(error.is_err_and(|error| error.to_string().contains("too slow")));
        let url = answering("HTTP/1.1 429 Too Many\r\nContent-Length: 4\r\n\r\nwait");
        let refused = Client::new(&url).whole("/v1/completions", &json!({}));
        assert!(refused.is_err_and(|error| error.to_string().ends_with("wait")));
    }
}
