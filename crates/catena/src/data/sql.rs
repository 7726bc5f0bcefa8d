//! `catena data sql`.

use super::args::{AnswerFormat, SqlArgs};
use super::documents::read_options;
use super::failure::curate_failure;
use crate::failure::{Exit, Failure};
use crate::output::print_line;
use crate::progress::say;
use camino::Utf8PathBuf;
use catena_curate::{Answer, query};
use catena_protocol::Cancel;

const GOAL: &str = "cannot answer the query";

/// Runs `catena data sql`.
pub(super) fn run(args: &SqlArgs, threads: usize, cancel: &Cancel) -> Result<(), Failure> {
    let scratch = Utf8PathBuf::from_path_buf(std::env::temp_dir()).map_err(|path| {
        let cause = format!("the folder for temporary files {} is not UTF-8", path.display());
        Failure::new(Exit::Environment, GOAL, cause).hint("set TMPDIR")
    })?;
    let options = read_options(GOAL)?;
    let answer: Answer = query(&args.query, &args.on, &options, threads, &scratch, cancel)
        .map_err(|error| curate_failure(GOAL, error))?;
    let text = match args.format {
        AnswerFormat::Table => answer.table(),
        AnswerFormat::Jsonl => answer.json_lines(),
        AnswerFormat::Csv => answer.csv(),
    };
    if answer.num_rejected > 0 {
        let count = answer.num_rejected;
        say(&format!("  {count} rows are no documents: see the table rejected"));
    }
    print_line(text.map_err(|error| curate_failure(GOAL, error))?.trim_end());
    Ok(())
}
