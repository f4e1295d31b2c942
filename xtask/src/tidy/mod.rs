//! `cargo xtask tidy`: rules that the compiler does not know, as data ([`rules`]) and the code that applies them.

mod chains;
mod circles;
mod dependencies;
mod functions;
mod layout;
mod modules;
mod paths;
mod rules;
mod source;

use std::fmt;

use anyhow::{Result, bail};

use crate::cargo;
use source::File;

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Violation {
    /// File (and line), package or module.
    at: String,
    /// What was found.
    found: String,
    /// Why it must not be.
    reason: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.at, self.found, self.reason)
    }
}

/// Applies every rule to the working tree.
pub(crate) fn run() -> Result<()> {
    let files = load()?;
    let mut violations = Vec::new();
    violations.extend(layout::top_level(
        &files,
        rules::TOP_LEVEL,
        rules::TOP_LEVEL_OPTIONAL,
    ));
    violations.extend(layout::long_files(
        &files,
        rules::MAX_LINES,
        rules::LONG_FILES,
    ));
    violations.extend(layout::long_documents(&files, rules::DOCUMENT_LINES));
    violations.extend(layout::forbidden_text(&files, rules::FORBIDDEN_TEXT));
    violations.extend(modules::unsafe_code(&files, rules::UNSAFE_ALLOWED));
    violations.extend(modules::names(&files, rules::FORBIDDEN_NAMES));
    violations.extend(chains::chains(&files, rules::CHAINS));
    violations.extend(chains::table(&files, rules::CHAINS));
    violations.extend(circles::circles(&files));
    violations.extend(functions::folders(&files, rules::CODE_LINES));
    violations.extend(functions::functions(&files, rules::FUNCTIONS));
    for violation in &violations {
        eprintln!("tidy: {violation}");
    }
    // Last, because cargo itself fails on a manifest that it cannot read.
    let dependencies = dependencies::check(rules::FORBIDDEN_DEPENDENCIES)?;
    for violation in &dependencies {
        eprintln!("tidy: {violation}");
    }
    match violations.len() + dependencies.len() {
        0 => Ok(()),
        count => bail!("{count} violations of the tidy rules"),
    }
}

fn load() -> Result<Vec<File>> {
    let root = cargo::root();
    cargo::tracked_files(&root)?
        .into_iter()
        .map(|path| {
            let bytes = std::fs::read(root.join(&path))?;
            Ok(File {
                path,
                text: String::from_utf8(bytes).ok(),
            })
        })
        .collect()
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: Some(text.to_owned()),
    }
}
