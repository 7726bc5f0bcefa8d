//! Ctrl-C and termination: the first asks running work to stop, the second ends the process.

use crate::failure::Exit;
use crate::progress::say;
use catena_protocol::Cancel;

/// A flag that Ctrl-C, SIGTERM and SIGHUP set.
pub(crate) fn on_signal() -> Cancel {
    let cancel = Cancel::new();
    let flag = cancel.clone();
    let handler = move || {
        if flag.is_cancelled() {
            #[expect(clippy::exit, reason = "the user asked twice; finished work is on disk")]
            std::process::exit(Exit::Interrupted as i32);
        }
        say("stopping after the current step; once more ends at once");
        flag.cancel();
    };
    // A second handler in one process is a defect of ours, and a missing one only costs comfort.
    if let Err(error) = ctrlc::set_handler(handler) {
        say(&format!("warning: Ctrl-C will not save work: {error}"));
    }
    cancel
}
