//! `catena data select`.

use super::account::Account;
use super::args::{CurriculumOrder, DiversityKind, SelectArgs};
use super::documents::{failed, while_whole};
use super::scores::Scoring;
use crate::failure::Failure;
use crate::output::print_line;
use crate::progress::say;
use catena_corpus::{
    Budget, CorpusError, Curriculum, Diversity, DocumentSpool, Embeddings, Order, ScoreRule,
    curriculum_order, gumbel_top_k, hashed_embeddings, select_diverse, select_top,
};
use catena_protocol::Cancel;
use clap::ValueEnum;
use serde_json::{Value, json};

const GOAL: &str = "cannot select documents";
/// Places of the vectors that documents are compared by: cosines are off by some 0.06.
const DIMS: usize = 256;
/// Weight of the score beside what is new in a document.
const LAMBDA: f32 = 0.5;

/// Runs `catena data select`.
pub(super) fn run(args: &SelectArgs, flag: Option<usize>, cancel: &Cancel) -> Result<(), Failure> {
    let mut account =
        Account::of_folder((GOAL, "select"), (&args.out, &args.read.set_part), cancel)?;
    settings(&mut account, args);
    let documents = account.spool(&args.read.inputs)?;
    let num_documents = documents.num_documents();
    let mut scores = Vec::new();
    if let Some(name) = &args.score {
        scores = Scoring { args, threads: flag, account: &mut account }.of(name, &documents)?;
    }
    let within = within(args, &documents, &scores).map_err(|error| failed(GOAL, error))?;
    let bounded: Vec<f32> = within.iter().filter_map(|&row| scores.get(row).copied()).collect();
    let chosen = choose(args, &documents, (&within, &bounded));
    let chosen = chosen.and_then(|chosen| order(args, chosen, &bounded));
    let chosen = chosen.map_err(|error| failed(GOAL, error))?;
    account.write(
        &args.form.format,
        chosen.iter().map(|&at| {
            let row = within[at];
            let mut document = documents.get(row)?;
            if let Some((name, &score)) = args.score.as_ref().zip(scores.get(row)) {
                document.metadata.insert(name.clone(), Value::from(score));
            }
            Ok::<_, CorpusError>(document)
        }),
    )?;
    let mut dropped_by = vec![Some("bound"); num_documents];
    for &row in &within {
        dropped_by[row] = Some("budget");
    }
    for &at in &chosen {
        dropped_by[within[at]] = None;
    }
    account.write_decisions(documents.documents().zip(dropped_by).enumerate().map(
        |(row, (document, why))| {
            let document = document?;
            let (score, place) = (scores.get(row).copied(), document.place.to_string());
            Ok::<_, CorpusError>(
                json!({"id": document.id, "place": place, "score": score, "dropped_by": why}),
            )
        },
    ))?;
    account.card.count("documents out of bounds", (num_documents - within.len()) as u64);
    account.finish()?;
    say(&format!("  {} of {num_documents} documents chosen", chosen.len()));
    print_line(args.out.as_str());
    Ok(())
}

/// What decides the choice, for the card.
fn settings(account: &mut Account<'_>, args: &SelectArgs) {
    account.set("score", args.score.as_deref());
    account.set("label", args.label.as_deref());
    account.set("at_least", args.at_least);
    account.set("at_most", args.at_most);
    account.set("documents", args.documents);
    account.set("bytes", args.bytes);
    account.set("ascending", args.ascending);
    account.set("draw", args.draw);
    account.set("diverse", name_of(args.diverse.as_ref()));
    account.set("curriculum", name_of(args.curriculum.as_ref()));
    account.set("seed", args.seed);
}

/// How the command line spells a value.
fn name_of<V: ValueEnum>(value: Option<&V>) -> Option<String> {
    Some(value?.to_possible_value()?.get_name().to_owned())
}

/// The rows whose score lies within the bounds.
fn within(
    args: &SelectArgs,
    documents: &DocumentSpool,
    scores: &[f32],
) -> Result<Vec<usize>, CorpusError> {
    let rule = match (args.at_least, args.at_most) {
        (None, None) => return Ok((0..documents.num_documents()).collect()),
        (Some(low), None) => ScoreRule::AtLeast(low),
        (None, Some(high)) => ScoreRule::AtMost(high),
        (Some(low), Some(high)) => ScoreRule::Between { low, high },
    };
    rule.check()?;
    let mut within = Vec::new();
    for (row, document) in documents.documents().enumerate() {
        if rule.keeps(&document?.id, scores[row]) {
            within.push(row);
        }
    }
    Ok(within)
}

/// The places among the rows `within` that the budget buys, in ascending order unless they were
/// chosen for what they add.
fn choose(
    args: &SelectArgs,
    documents: &DocumentSpool,
    (within, scores): (&[usize], &[f32]),
) -> Result<Vec<usize>, CorpusError> {
    let sizes: Vec<u64> = within.iter().map(|&row| documents.sizes()[row]).collect();
    let budget = match (args.documents, args.bytes) {
        (Some(documents), _) => Budget::Documents(documents),
        (None, Some(bytes)) => Budget::Tokens(bytes),
        (None, None) => Budget::Documents(within.len()),
    };
    if let Some(kind) = args.diverse {
        let texts = within.iter().map(|&row| documents.get(row).map(|document| document.text));
        let vectors = while_whole(texts, |texts| hashed_embeddings(texts, DIMS, 1))?;
        let vectors = Embeddings::new(&vectors, DIMS)?;
        let (scores, diversity) = match kind {
            DiversityKind::KCenter => (Vec::new(), Diversity::KCenter),
            DiversityKind::Facility => (Vec::new(), Diversity::FacilityLocation),
            DiversityKind::Relevance => {
                (unit(scores, args.ascending), Diversity::MarginalRelevance { lambda: LAMBDA })
            }
        };
        return select_diverse(vectors, &scores, &sizes, budget, diversity, args.seed);
    }
    if args.draw {
        return gumbel_top_k(scores, args.documents.unwrap_or(within.len()), args.seed);
    }
    if scores.is_empty() {
        return Ok((0..within.len()).collect());
    }
    let order = if args.ascending { Order::Ascending } else { Order::Descending };
    select_top(scores, &sizes, budget, order)
}

/// Scores brought between 0 and 1, the wanted end at 1.
fn unit(scores: &[f32], ascending: bool) -> Vec<f32> {
    let low = scores.iter().copied().fold(f32::INFINITY, f32::min);
    let high = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let range = (high - low).max(f32::MIN_POSITIVE);
    let place = |&score: &f32| (score - low) / range;
    scores.iter().map(|score| if ascending { 1.0 - place(score) } else { place(score) }).collect()
}

/// The chosen rows in the order in which they are written.
fn order(args: &SelectArgs, chosen: Vec<usize>, scores: &[f32]) -> Result<Vec<usize>, CorpusError> {
    let Some(curriculum) = args.curriculum else { return Ok(chosen) };
    let curriculum = match curriculum {
        CurriculumOrder::Ascending => Curriculum::Ascending,
        CurriculumOrder::Descending => Curriculum::Descending,
        CurriculumOrder::Buckets => Curriculum::Buckets { count: 10 },
        CurriculumOrder::Sandwich => Curriculum::Sandwich,
    };
    let scores: Vec<f32> = chosen.iter().map(|&row| scores[row]).collect();
    let order = curriculum_order(&scores, curriculum, args.seed)?;
    Ok(order.into_iter().map(|at| chosen[at]).collect())
}
