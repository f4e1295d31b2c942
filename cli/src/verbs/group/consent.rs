//! What a member is asked before anything is said in its name.

use std::io::{self, BufRead as _, IsTerminal as _};

use he_core::error::printable;
use mlr_train::artifacts::RunError;
use mlr_train::roles::group::Consent;

use crate::face::console::aside;

/// Shows what is agreed to, and asks, unless `yes` was said.
pub(super) fn ask(what: &Consent, yes: bool) -> Result<(), RunError> {
    let mut text = format!("session {}\n", what.session);
    for line in &what.lines {
        text.push_str(&format!("  {line}\n"));
    }
    aside(&printable(&text));
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(
            RunError::input("expected somebody who agrees, found no terminal to ask at")
                .at(format!("session {}", what.session))
                .hint("compare the session with the others, and say --session with it and --yes"),
        );
    }
    aside("compare the session and the fingerprints with the others; agree? [y/N] ");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match read.is_ok() && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
        true => Ok(()),
        false => Err(
            RunError::input("expected agreement, found none; nothing was said")
                .at(format!("session {}", what.session))
                .hint("run it again when it is what the group means"),
        ),
    }
}
