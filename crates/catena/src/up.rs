//! `catena up`: bring every stage up to date, then serve.

use crate::args::UpArgs;
use crate::explain::pipeline_failure;
use crate::failure::Failure;
use crate::once;
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use crate::project::Project;
use crate::report;
use crate::serve::{Options, ProjectServer};
use catena_pipeline::config::LogFormat;
use catena_protocol::{Cancel, StageReport, StageStatus};

/// Runs `catena up`.
pub(crate) fn run(args: &UpArgs, threads: Option<usize>, cancel: &Cancel) -> Result<(), Failure> {
    let progress = for_stderr();
    let Project { inputs, pipeline } =
        Project::open(&args.project, threads, progress.as_ref(), cancel)?;
    let finished = pipeline
        .run(progress.as_ref(), cancel, &mut announce)
        .map_err(|error| pipeline_failure("the run did not finish", error))?;
    // Serving changes nothing in the state: another `plan` or `up` may look at it meanwhile.
    drop(pipeline);
    let state_dir = args.project.join(".catena");
    let mut run_report = report::assemble(&inputs.config.project.name, &finished, &state_dir)?;
    say(&report::summary(&run_report));
    let (port, once) = (args.port, args.once);
    let options = Options::of_project(&args.project, &inputs.config.serve, move |serve| {
        serve.port = port.unwrap_or(serve.port);
        if once {
            // Nobody but us asks, and the answer is what is wanted.
            serve.log = LogFormat::Off;
            serve.drain_delay_seconds = 0;
        }
    })?;
    let server = ProjectServer::start(&inputs, &finished, &run_report, options)?;
    if !args.once {
        say(&format!("  studio and API: {}  (Ctrl-C stops)", server.address()));
        return server.wait(cancel);
    }
    let question = question(&inputs.config.serve.question, &server);
    let answer = once::ask(&server.address(), &inputs.config.project.name, &question);
    server.stop()?;
    let answer = answer?;
    run_report.answer = Some(answer);
    let path = state_dir.join(report::REPORT_FILE);
    report::store(&run_report, &path).map_err(report::write_failure)?;
    if args.json {
        let line = serde_json::to_string(&run_report).expect("a report is plain data");
        print_line(&line);
    } else if let Some(answer) = &run_report.answer {
        print_line(&once::render(answer));
    }
    Ok(())
}

/// The configured question, or a held-out one.
fn question(configured: &str, server: &ProjectServer) -> String {
    if configured.is_empty() {
        server.example_questions().first().cloned().unwrap_or_else(|| "What can you do?".to_owned())
    } else {
        configured.to_owned()
    }
}

fn announce(name: &'static str, report: Option<&StageReport>) {
    match report {
        None => {}
        Some(report) if report.status == StageStatus::Cached => {
            say(&format!("{name}: up to date"));
        }
        Some(report) => say(&format!("{name}: done in {:.1} s", report.seconds)),
    }
}
