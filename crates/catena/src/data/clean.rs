//! `catena data clean` and the commands that are a part of it.

use super::args::{CleanArgs, ConvertArgs, DedupArgs, InOut, MaskArgs, Style};
use super::documents::read_options;
use super::failure::curate_failure;
use super::output::Output;
use super::{plan_file, tokens};
use crate::failure::Failure;
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use catena_curate::{Card, CleaningPlan, Curation, PiiStyle, curate};
use catena_protocol::Cancel;

/// Runs `catena data clean`.
pub(super) fn clean(args: &CleanArgs, threads: usize, cancel: &Cancel) -> Result<(), Failure> {
    let goal = "cannot clean the data";
    let mut plan = plan_file::read(goal, args.plan.as_deref(), &args.set)?;
    if !args.rules.is_empty() {
        plan.rules.sets.clone_from(&args.rules);
    }
    if !args.languages.is_empty() {
        plan.language.keep.clone_from(&args.languages);
    }
    let split = &mut plan.split;
    split.validation = args.validation.unwrap_or(split.validation);
    split.test = args.test.unwrap_or(split.test);
    split.group = args.group.clone().or(split.group.take());
    split.stratify = args.stratify.clone().or(split.stratify.take());
    plan.decontaminate.against.extend(args.against.iter().cloned());
    if let Some(name) = &args.tokenizer {
        plan.tokens.tokenizer = Some(tokens::tokenizer_file(goal, name, cancel)?);
    }
    run(goal, &args.files, plan, threads, cancel)
}

/// Runs `catena data dedup`.
pub(super) fn dedup(args: &DedupArgs, threads: usize, cancel: &Cancel) -> Result<(), Failure> {
    let mut plan = CleaningPlan::unchanged();
    plan.dedup.exact = true;
    plan.dedup.near.clone_from(&args.near);
    plan.dedup.near_threshold = args.threshold;
    plan.dedup.keep_if_numbers_differ = args.keep_if_numbers_differ;
    plan.dedup.lines = args.lines;
    plan.dedup.paragraphs = args.paragraphs;
    plan.dedup.substring_bytes = args.substring;
    run("cannot find duplicates", &args.files, plan, threads, cancel)
}

/// Runs `catena data mask`.
pub(super) fn mask(args: &MaskArgs, threads: usize, cancel: &Cancel) -> Result<(), Failure> {
    let mut plan = CleaningPlan::unchanged();
    let all = || vec!["all".to_owned()];
    plan.pii.mask = if args.kinds.is_empty() { all() } else { args.kinds.clone() };
    plan.pii.style = match args.style {
        Style::Placeholder => PiiStyle::Placeholder,
        Style::Pseudonym => PiiStyle::Pseudonym,
        Style::Realistic => PiiStyle::Realistic,
    };
    plan.pii.key_file.clone_from(&args.key_file);
    run("cannot mask the data", &args.files, plan, threads, cancel)
}

/// Runs `catena data convert`.
pub(super) fn convert(args: &ConvertArgs, threads: usize, cancel: &Cancel) -> Result<(), Failure> {
    run("cannot convert the data", &args.files, CleaningPlan::unchanged(), threads, cancel)
}

fn run(
    goal: &str,
    files: &InOut,
    mut plan: CleaningPlan,
    threads: usize,
    cancel: &Cancel,
) -> Result<(), Failure> {
    if let Some(format) = &files.format {
        plan.write.format.clone_from(format);
    }
    plan.read.text = files.set_part.text.clone().or(plan.read.text);
    plan.read.id = files.set_part.id.clone().or(plan.read.id);
    plan.read.config = files.set_part.config.clone().or(plan.read.config);
    plan.read.split = files.set_part.split.clone().or(plan.read.split);
    plan.read.strict |= files.strict;
    let output = Output::new(&files.out)?;
    if !files.overwrite {
        output.refuse_taken(goal)?;
    }
    let curation = Curation {
        inputs: &files.inputs,
        plan: &plan,
        folder: &output.folder,
        threads,
        overwrite: files.overwrite,
        options: read_options(goal)?,
        sync: false,
    };
    let progress = for_stderr();
    let card = curate(&curation, progress.as_ref(), cancel)
        .map_err(|error| curate_failure(goal, error))?;
    tell(files, &card);
    output.finish(goal)?;
    if files.json {
        print_line(&serde_json::to_string(&card).expect("a card is plain data"));
    } else {
        print_line(files.out.as_str());
    }
    Ok(())
}

fn tell(files: &InOut, card: &Card) {
    let summary = &card.summary;
    say(&format!(
        "  {} of {} documents kept, {} dropped, {} rows not readable",
        summary.num_kept,
        summary.num_read,
        summary.num_dropped(),
        summary.num_rejected()
    ));
    for (step, rules) in &summary.dropped {
        for (rule, count) in rules {
            say(&format!("  dropped {count:>9}  {step}: {rule}"));
        }
    }
    for (reason, count) in &summary.rejected {
        say(&format!("  refused {count:>9}  {reason}"));
    }
    for (kind, count) in &summary.masked {
        say(&format!("  masked  {count:>9}  {kind}"));
    }
    say(&format!("  {}: charts of all of it", files.out.join("report.html")));
}
