//! A conversation whose every turn brings equally many new tokens.

use super::command::{PASSAGE, Subject};
use super::watch::{greedy, watch};
use crate::bench::cells::{Named, Samples};
use crate::models::BoxError;
use catena_engine::{Request, Speculation};
use serde_json::{Value, json};

/// Turns, tokens that each brings, and tokens of an answer: neither a multiple of a cache's block.
const TURNS: usize = 5;
const TURN: usize = 110;
const GENERATED: usize = 50;
const CELL: &str = "infer/turns/5";

/// The names of its cells: the last turn's time to its first token by the first turn's, and both.
pub(super) fn cells() -> Vec<Named> {
    vec![
        Named::less(CELL, "ratio"),
        Named::less(&format!("{CELL}/first"), "ms"),
        Named::less(&format!("{CELL}/last"), "ms"),
    ]
}

/// The conversation through a fresh engine.
pub(super) fn round(subject: &Subject<'_>, samples: &mut Samples) -> Result<(), BoxError> {
    let mut engine = subject.engine(1, TURNS * (TURN + GENERATED), Speculation::default())?;
    watch(&mut engine, vec![Request::new(subject.warm_up(), greedy(1))])?;
    let (mut said, mut firsts) = (Vec::new(), Vec::new());
    for turn in turns(subject)? {
        said.extend(turn);
        let request = Request::new(said.clone(), greedy(GENERATED));
        for one in watch(&mut engine, vec![request])?.0 {
            said.extend(one.completion.tokens);
            firsts.push(one.first.as_secs_f64() * 1e3);
        }
    }
    let (first, last) = (firsts[0], firsts[TURNS - 1]);
    samples.push(CELL, last / first);
    samples.push(&format!("{CELL}/first"), first);
    samples.push(&format!("{CELL}/last"), last);
    Ok(())
}

/// What the peers are asked to measure.
pub(super) fn peers_task(subject: &Subject<'_>) -> Result<Value, BoxError> {
    Ok(json!({
        "cell": CELL, "turns": turns(subject)?, "generated": GENERATED,
        "warm_up": subject.warm_up(), "sampling": { "temperature": 0.0 },
    }))
}

/// Pieces of the passage: of text, so that answers are text and reach clients token by token.
fn turns(subject: &Subject<'_>) -> Result<Vec<Vec<u32>>, BoxError> {
    let tokens = subject.model.tokenizer().encode(PASSAGE, false, false)?;
    let turns: Vec<_> = tokens.chunks_exact(TURN).take(TURNS).map(<[u32]>::to_vec).collect();
    if turns.len() < TURNS {
        return Err(format!("the passage has only {} tokens", tokens.len()).into());
    }
    Ok(turns)
}
