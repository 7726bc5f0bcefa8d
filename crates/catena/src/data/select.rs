//! `catena data select`.

use super::args::{CurriculumOrder, SelectArgs};
use super::documents::{failed, for_each, write};
use crate::failure::Failure;
use crate::output::print_line;
use catena_corpus::{
    Budget, CorpusError, Curriculum, Order, SourceDocument, UnigramCounts, curriculum_order,
    score_column, select_top, text_scorer,
};

const GOAL: &str = "cannot select documents";

/// Runs `catena data select`.
pub(super) fn run(args: &SelectArgs) -> Result<(), Failure> {
    let mut documents = Vec::new();
    for_each(GOAL, &args.inputs, |document| {
        documents.push(document);
        Ok(())
    })?;
    let chosen = choose(args, &documents).map_err(|error| failed(GOAL, error))?;
    write(GOAL, &args.out, &args.format, chosen.iter().map(|&row| &documents[row]))?;
    print_line(args.out.as_str());
    Ok(())
}

/// The rows that are written, in order.
fn choose(args: &SelectArgs, documents: &[SourceDocument]) -> Result<Vec<usize>, CorpusError> {
    let texts: Vec<&str> = documents.iter().map(|document| document.text.as_str()).collect();
    let mut counts = UnigramCounts::default();
    texts.iter().for_each(|text| counts.add(text));
    let mut scorer = text_scorer(&args.score, counts)?;
    let scores = score_column(scorer.as_mut(), &texts)?;
    let sizes: Vec<u64> = texts.iter().map(|text| text.len() as u64).collect();
    let budget = match (args.documents, args.bytes) {
        (Some(documents), _) => Budget::Documents(documents),
        (None, Some(bytes)) => Budget::Tokens(bytes),
        (None, None) => Budget::Documents(documents.len()),
    };
    let order = if args.ascending { Order::Ascending } else { Order::Descending };
    let chosen = select_top(&scores, &sizes, budget, order)?;
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
