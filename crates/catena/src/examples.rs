//! Every command's help has examples of that command, and every example is understood.

use crate::args::Cli;
use clap::{Command, CommandFactory};

/// Every command that does something, with the words that call it.
fn commands(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    if !command.has_subcommands() {
        found.push((path.to_owned(), command.clone()));
    }
    for inner in command.get_subcommands() {
        commands(inner, &format!("{path} {}", inner.get_name()), found);
    }
}

/// The command lines in a page's text: without what explains them, pipes their output or takes it.
fn examples(text: &str) -> Vec<String> {
    let whole = text.replace("\\\n", "");
    let lines = whole.lines().filter_map(|line| line.strip_prefix("  catena "));
    let command = |line: &str| {
        let line = [" | ", " > "].iter().fold(line, |line, end| line.split(end).next().unwrap());
        // What is explained stands two spaces away; a line that was continued is indented by four.
        let line = line.replace("     --", " --");
        format!("catena {}", line.split("  ").next().unwrap())
    };
    lines.map(command).collect()
}

/// The words of a command line as a shell cuts them.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for letter in line.chars() {
        match quote {
            Some(open) if letter == open => quote = None,
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            None if letter == ' ' => words.push(String::new()),
            Some(_) | None => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn page(command: &Command) -> String {
    command.get_after_help().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn every_command_has_examples_of_itself() {
    let mut found = Vec::new();
    commands(&Cli::command(), "catena", &mut found);
    assert!(found.len() > 30, "{}", found.len());
    for (path, command) in found {
        let examples = examples(&page(&command));
        let own = examples.iter().any(|line| format!("{line} ").starts_with(&format!("{path} ")));
        assert!(own, "`{path} --help` has no example of it: {examples:?}");
    }
}

#[test]
fn every_example_is_understood() {
    let (mut found, cli) = (Vec::new(), Cli::command());
    commands(&cli, "catena", &mut found);
    let inner = cli.get_subcommands().map(page);
    let pages = found.iter().map(|(_, command)| page(command)).chain(inner).chain([page(&cli)]);
    for line in pages.flat_map(|page| examples(&page)) {
        let read = Cli::command().try_get_matches_from(words(&line));
        assert!(read.is_ok(), "`{line}`: {}", read.unwrap_err());
    }
}

#[test]
fn lines_are_cut_as_a_shell_cuts_them() {
    let text =
        "Examples:\n  catena data sql \"SELECT a['b']\" \\\n    --on x    why\n  catena up | tail";
    let examples = examples(text);
    assert_eq!(examples, ["catena data sql \"SELECT a['b']\" --on x", "catena up"]);
    assert_eq!(words(&examples[0]), ["catena", "data", "sql", "SELECT a['b']", "--on", "x"]);
}
