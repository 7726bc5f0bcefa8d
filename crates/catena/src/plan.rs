//! `catena plan`: what `up` would do, and why.

use crate::args::PlanArgs;
use crate::doctor::mib;
use crate::explain::pipeline_failure;
use crate::failure::Failure;
use crate::output::print_line;
use crate::progress::for_stderr;
use crate::project::Project;
use catena_pipeline::{Action, PlannedStage};
use catena_protocol::Cancel;

/// Runs `catena plan`.
pub(crate) fn run(args: &PlanArgs, threads: Option<usize>, cancel: &Cancel) -> Result<(), Failure> {
    let progress = for_stderr();
    let project = Project::open(&args.project, threads, progress.as_ref(), cancel)?;
    let planned =
        project.pipeline.plan().map_err(|error| pipeline_failure("cannot make a plan", error))?;
    for stage in &planned {
        print_line(&line(stage));
    }
    let seconds: f64 = planned
        .iter()
        .filter(|stage| stage.action != Action::Cached)
        .filter_map(|stage| stage.last.map(|(seconds, _)| seconds))
        .sum();
    if seconds > 0.0 {
        print_line(&format!("about {seconds:.0} s, going by the last run of these stages"));
    }
    Ok(())
}

fn line(stage: &PlannedStage) -> String {
    let action = match stage.action {
        Action::Cached => "up to date",
        Action::Run => "runs",
        Action::Resume => "resumes",
    };
    let last = stage.last.map_or_else(String::new, |(seconds, peak)| {
        format!("  last: {seconds:.1} s, {}", mib(peak))
    });
    let reasons = stage.reasons.join("; ");
    format!("{:<20} {action:<11} {reasons}{last}", stage.name)
}
