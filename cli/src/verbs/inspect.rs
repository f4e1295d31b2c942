//! `inspect`: what a file or directory is, without a key.

use std::io::{self, Write};

use he_core::error::printable;
use mlr_train::artifacts::verify;
use mlr_train::roles::inspect::{self, Inspected};
use serde_json::Value;

use super::human_bytes;
use crate::args::inspect::InspectArgs;
use crate::face::console::Summary;
use crate::face::failure::Failure;

/// Looks at a file or directory, and with `--verify` reads all of it.
pub(crate) fn run(args: &InspectArgs) -> Result<Inspected, Failure> {
    let path = args.path.as_path();
    let checked = args.verify.then(|| verify::whole(path)).transpose()?;
    let mut found = inspect::run(path)?;
    if let Some(checked) = checked {
        let fields = &mut found.fields;
        fields.insert("verified_files".to_owned(), checked.files.into());
        fields.insert("verified_bytes".to_owned(), checked.bytes.into());
        fields.insert("blake3".to_owned(), checked.blake3.into());
    }
    Ok(found)
}

impl Summary for Inspected {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} ({})", self.kind, self.place)?;
        for (name, value) in &self.fields {
            let name = name.replace('_', " ");
            match value {
                Value::Null => {}
                Value::String(text) => writeln!(out, "  {name}: {}", printable(text))?,
                Value::Number(number) if name.ends_with("bytes") => {
                    let bytes = human_bytes(number.as_u64().unwrap_or(0));
                    writeln!(out, "  {name}: {bytes}")?;
                }
                other => writeln!(out, "  {name}: {}", printable(&other.to_string()))?,
            }
        }
        Ok(())
    }
}
