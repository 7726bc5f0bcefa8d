//! `catena data mix`.

use super::args::MixArgs;
use super::documents::{failed, for_each, write};
use crate::failure::{Exit, Failure};
use crate::output::print_line;
use crate::progress::say;
use catena_corpus::{
    Interleave, Interleaving, MixOptions, MixSource, Shortfall, SourceDocument, draw_documents,
    plan_mix,
};

const GOAL: &str = "cannot mix the sources";

/// Runs `catena data mix`.
pub(super) fn run(args: &MixArgs) -> Result<(), Failure> {
    let mut sources = Vec::new();
    let mut documents: Vec<Vec<SourceDocument>> = Vec::new();
    for given in &args.sources {
        let (input, weight) = split(given)?;
        let mut own = Vec::new();
        for_each(GOAL, &[input.to_owned()], |document| {
            own.push(document);
            Ok(())
        })?;
        let available = own.iter().map(|document| document.text.len() as u64).sum();
        sources.push(MixSource { name: input.to_owned(), available, weight });
        documents.push(own);
    }
    let options = MixOptions {
        total: args.bytes,
        max_epochs: args.max_epochs,
        temperature: args.temperature,
        shortfall: Shortfall::default(),
    };
    let plan = plan_mix(&sources, &options).map_err(|error| failed(GOAL, error))?;
    say(&plan.to_string());
    let drawn: Vec<Vec<usize>> = documents
        .iter()
        .zip(&plan.rows)
        .enumerate()
        .map(|(at, (own, row))| {
            let sizes: Vec<u64> = own.iter().map(|document| document.text.len() as u64).collect();
            draw_documents(&sizes, row.taken, args.seed.wrapping_add(at as u64))
        })
        .collect();
    let counts: Vec<u64> = drawn.iter().map(|rows| rows.len() as u64).collect();
    let order = Interleave::new(&counts, Interleaving::Shuffled { seed: args.seed });
    let mut next = vec![0; drawn.len()];
    let mixed = order.map(|source| {
        let row = drawn[source][next[source]];
        next[source] += 1;
        &documents[source][row]
    });
    write(GOAL, &args.out, &args.format, mixed)?;
    print_line(args.out.as_str());
    Ok(())
}

/// `INPUT=WEIGHT` or `INPUT`.
fn split(given: &str) -> Result<(&str, Option<f64>), Failure> {
    let Some((input, weight)) = given.rsplit_once('=') else { return Ok((given, None)) };
    let weight = weight.parse().map_err(|_| {
        let cause = format!("`{weight}` in `{given}` is not a number");
        Failure::new(Exit::Usage, GOAL, cause).hint("write INPUT=WEIGHT, such as web.jsonl=0.7")
    })?;
    Ok((input, Some(weight)))
}
