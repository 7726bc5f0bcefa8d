//! How the command line fails: what was wanted, why it did not work, one thing to try, and the
//! exit code.

use crate::explain::hint_of;
use miette::Diagnostic;
use std::error::Error;
use std::fmt::{self, Display, Formatter};

/// Documented exit codes; `0` is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked ran, and the answer is no.
    No = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// A file, memory, a device or the network is in the way.
    Environment = 3,
    /// A defect of Catena.
    Bug = 70,
    /// Ctrl-C.
    Interrupted = 130,
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    goal: String,
    source: Box<dyn Error + Send + Sync>,
    hint: Option<String>,
    exit: Exit,
}

impl Failure {
    /// The user wanted `goal` ("cannot ..."), `source` says why not, and what to try if it knows.
    pub(crate) fn new(
        exit: Exit,
        goal: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let source: Box<dyn Error + Send + Sync> = source.into();
        let hint = hint_of(source.as_ref());
        Self { goal: goal.into(), source, hint, exit }
    }

    /// What `error` says of itself where it is a failure already; otherwise the user wanted `goal`.
    pub(crate) fn of(
        exit: Exit,
        goal: impl Into<String>,
        error: Box<dyn Error + Send + Sync>,
    ) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => *failure,
            Err(error) => Self::new(exit, goal, error),
        }
    }

    /// Says what to try, in the place of what the source says.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The thing to try, if there is one.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The process's exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.goal)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

impl Diagnostic for Failure {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn Display>)
    }
}

/// Renders a diagnostic as Catena prints it: readable without colour.
pub(crate) fn render(diagnostic: &dyn Diagnostic) -> String {
    let mut text = format!("error: {diagnostic}\n");
    let mut cause: Option<&dyn Error> = diagnostic.source();
    let mut said = diagnostic.to_string();
    while let Some(error) = cause {
        let line = error.to_string();
        // A transparent wrapper repeats its source's text.
        if line != said {
            text.push_str(&format!("  cause: {}\n", line.replace('\n', "\n         ")));
            said = line;
        }
        cause = error.source();
    }
    if let Some(help) = diagnostic.help() {
        text.push_str(&format!("\nhint: {help}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use catena_store::StoreError;

    #[test]
    fn a_failure_says_what_to_try_if_its_error_knows_it_at_any_depth() {
        let busy = || StoreError::Busy { path: "state.sqlite".into() };
        let failure = |source: Box<dyn Error + Send + Sync>| {
            Failure::new(Exit::Environment, "cannot go on", source)
        };
        let known = failure(Box::new(busy()));
        assert_eq!(known.advice(), Some("wait for the other process, or end it"));
        let outer = failure(Box::new(known));
        assert_eq!(outer.advice(), Some("wait for the other process, or end it"));
        assert_eq!(outer.hint("ask ann").advice(), Some("ask ann"));
        assert_eq!(failure("no reason".into()).advice(), None);
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(failure(missing.into()).advice(), Some("check the path"));
    }
}
