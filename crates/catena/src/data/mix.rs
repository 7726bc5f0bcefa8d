//! `catena data mix`.

use super::account::Account;
use super::args::MixArgs;
use super::documents::failed;
use crate::failure::{Exit, Failure};
use crate::output::print_line;
use crate::progress::say;
use catena_corpus::{
    DocumentSpool, Interleave, Interleaving, MixOptions, MixPlan, MixRow, MixSource, Opener,
    PathKind, Shortfall, draw_documents, plan_mix,
};
use catena_protocol::Cancel;
use serde_json::{Value, json};

const GOAL: &str = "cannot mix the sources";

/// Runs `catena data mix`.
pub(super) fn run(args: &MixArgs, cancel: &Cancel) -> Result<(), Failure> {
    let mut account = Account::of_folder((GOAL, "mix"), (&args.out, &args.set_part), cancel)?;
    let files = account.opener();
    let mut sources = Vec::new();
    let mut documents: Vec<DocumentSpool> = Vec::new();
    for given in &args.sources {
        let (input, weight) = split(given, files.as_ref())?;
        let own = account.spool(&[input.to_owned()])?;
        let available = own.sizes().iter().sum();
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
    account.set("bytes", args.bytes);
    account.set("max_epochs", args.max_epochs);
    account.set("temperature", args.temperature);
    account.set("seed", args.seed);
    account.set("sources", sources_of(&plan, &sources));
    let drawn: Vec<Vec<usize>> = documents
        .iter()
        .zip(&plan.rows)
        .enumerate()
        .map(|(at, (own, row))| {
            draw_documents(own.sizes(), row.taken, args.seed.wrapping_add(at as u64))
        })
        .collect();
    let counts: Vec<u64> = drawn.iter().map(|rows| rows.len() as u64).collect();
    let order = Interleave::new(&counts, Interleaving::Shuffled { seed: args.seed });
    let mut next = vec![0; drawn.len()];
    let mixed = order.map(|source| {
        let row = drawn[source][next[source]];
        next[source] += 1;
        documents[source].get(row)
    });
    account.write(&args.form.format, mixed)?;
    account.finish()?;
    print_line(args.out.as_str());
    Ok(())
}

/// What is taken of each source, for the card.
fn sources_of(plan: &MixPlan, sources: &[MixSource]) -> Value {
    let rows = plan.rows.iter().zip(sources);
    let row = |(row, source): (&MixRow, &MixSource)| {
        json!({
            "source": row.source,
            "weight": source.weight,
            "available_bytes": row.available,
            "taken_bytes": row.taken,
            "epochs": row.epochs,
        })
    };
    rows.map(row).collect()
}

/// `INPUT=WEIGHT` or `INPUT`, whose path may have an equals sign itself, such as `lang=en/x.jsonl`.
fn split<'g>(given: &'g str, files: &dyn Opener) -> Result<(&'g str, Option<f64>), Failure> {
    let Some((input, weight)) = given.rsplit_once('=') else { return Ok((given, None)) };
    let is_path = || matches!(files.kind(given), Ok(PathKind::File(_) | PathKind::Folder));
    match weight.parse() {
        Ok(weight) if !is_path() => Ok((input, Some(weight))),
        Err(_) if !weight.contains(['/', '*', '?', '[', '{']) && !is_path() => {
            let cause = format!("`{weight}` in `{given}` is not a number");
            let hint = "write INPUT=WEIGHT, such as web.jsonl=0.7";
            Err(Failure::new(Exit::Usage, GOAL, cause).hint(hint))
        }
        Ok(_) | Err(_) => Ok((given, None)),
    }
}
