//! `catena data explain`, `judge`, `rules` and `plan`: what is there, and why.

use super::args::{ExplainArgs, JudgeArgs, PlanPresetArgs, RulesArgs};
use super::failure::curate_failure;
use super::plan_keys;
use crate::failure::Failure;
use crate::output::print_line;
use catena_corpus::{rule_set, rule_set_names};
use catena_curate::{
    CleaningPlan, CurateError, Rejudged, RuleSettings, explain as explain_document, rejudge,
};

/// Runs `catena data explain`.
pub(super) fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let goal = format!("cannot explain `{}`", args.id);
    let story =
        explain_document(&args.folder, &args.id).map_err(|error| curate_failure(&goal, error))?;
    let verdict = if story.kept { "kept" } else { "dropped" };
    print_line(&format!("{}: {verdict}", story.id));
    for (step, text) in &story.steps {
        print_line(&format!("  {step:<12} {text}"));
    }
    if args.profile {
        for (name, value) in &story.profile {
            print_line(&format!("  {name:<40} {value}"));
        }
    }
    Ok(())
}

/// Runs `catena data judge`.
pub(super) fn judge(args: &JudgeArgs) -> Result<(), Failure> {
    let thresholds = args.threshold.iter().cloned().collect();
    let rules = RuleSettings { sets: args.rules.clone(), thresholds, ..RuleSettings::default() };
    let judged = rejudge(&args.folder, &rules)
        .map_err(|error| curate_failure("cannot judge the documents", error))?;
    let Rejudged { num_read, num_passed, broken } = judged;
    print_line(&format!("{num_passed} of {num_read} documents break no rule"));
    for (rule, count) in broken {
        print_line(&format!("  {count:>9}  {rule}"));
    }
    Ok(())
}

/// Runs `catena data rules`.
pub(super) fn rules(args: &RulesArgs) -> Result<(), Failure> {
    let Some(name) = &args.set else {
        for name in rule_set_names() {
            let set = find(name)?;
            print_line(&format!("{name:<28} {:>2} rules  {}", set.rules.len(), set.source));
        }
        return Ok(());
    };
    let set = find(name)?;
    print_line(&format!("{}, version {}: {}", set.name, set.version, set.source));
    for rule in &set.rules {
        let measure = rule.measure;
        print_line(&format!("  {:<32} {} {}", rule.name, measure.name, rule.bound));
        print_line(&format!("  {:<32} {}", "", measure.doc));
    }
    Ok(())
}

fn find(name: &str) -> Result<catena_corpus::RuleSet, Failure> {
    rule_set(name).map_err(|error| curate_failure("cannot list rules", CurateError::Corpus(error)))
}

/// Runs `catena data plan`.
pub(super) fn plan(args: &PlanPresetArgs) -> Result<(), Failure> {
    let text = match args.preset.as_deref() {
        None => plan_keys::text(),
        Some(name) => CleaningPlan::preset(name)
            .map_err(|error| curate_failure("cannot print the plan", error))?,
    };
    print_line(text.trim_end());
    Ok(())
}
