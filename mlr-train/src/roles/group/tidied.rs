//! What a member's session folder holds no longer once all is done that is the member's to do.
//!
//! What was said stays, since it is posted again where somebody deletes it; so do the transcript, secrets and answers, and what tells a second run that nothing is left to do. What was fetched, and what was made of it to compute
//! with, is large and can be made or fetched again.

use std::fs;
use std::path::Path;

use crate::artifacts::RunError;
use crate::group::runner::OWN;

/// Of the member's own folder: names, or their beginnings.
const MADE: [&str; 5] = [
    "verified-",
    "eval-keys",
    "dataset",
    "first-shares",
    "planning",
];

/// Removes what is needed no more, from the session's folder of a member that is done.
///
/// # Errors
/// The system's: what is left can be removed by hand.
pub(super) fn tidy(folder: &Path) -> Result<(), RunError> {
    let mut old = vec![folder.join("received"), folder.join("work")];
    let own = folder.join(OWN);
    if own.is_dir() {
        let entries = fs::read_dir(&own).map_err(|error| RunError::io("read", &own, &error))?;
        let names = entries
            .filter_map(Result::ok)
            .map(|entry| entry.file_name());
        let made = |name: &std::ffi::OsString| {
            let name = name.to_string_lossy();
            MADE.iter().any(|begin| name.starts_with(begin))
        };
        old.extend(names.filter(made).map(|name| own.join(name)));
    }
    for path in old.iter().filter(|path| path.is_dir()) {
        fs::remove_dir_all(path).map_err(|error| RunError::io("remove", path, &error))?;
    }
    Ok(())
}
