//! The pictures that the model is most sure of, and wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::page::{begin_table, data_uri, escaped, paragraph, section};
use crate::client::{Evaluated, Wrong};

/// Small pictures by the names that records have for them: the files as they are.
///
/// Of each at most [`MOST_BYTES`](Thumbnails::MOST_BYTES), of all [`MOST_OF_ALL`](Thumbnails::MOST_OF_ALL): larger ones are left out.
#[derive(Clone, Debug, Default)]
pub struct Thumbnails {
    pictures: BTreeMap<String, String>,
    bytes: usize,
}

impl Thumbnails {
    /// Bytes of the largest file that is shown.
    pub const MOST_BYTES: usize = 8 << 10;
    /// Bytes of all files that are shown.
    pub const MOST_OF_ALL: usize = 160 << 10;

    /// Adds a PNG or JPEG file. Says whether it is shown: others, and too large ones, are not.
    pub fn add(&mut self, name: &str, file: &[u8]) -> bool {
        let fits = file.len() <= Self::MOST_BYTES && self.bytes + file.len() <= Self::MOST_OF_ALL;
        let Some(uri) = fits.then(|| data_uri(file)).flatten() else {
            return false;
        };
        self.bytes += file.len();
        self.pictures.insert(name.to_owned(), uri);
        true
    }
}

/// The list, with pictures where they are at hand.
pub(super) fn worst(found: &Evaluated, thumbnails: &Thumbnails) -> String {
    if found.worst.is_empty() {
        return String::new();
    }
    let known = |wrong: &&Wrong| wrong.file.is_some();
    let of = if found.worst.iter().any(|wrong| known(&wrong)) {
        "Pictures"
    } else {
        "Rows"
    };
    let picture = |wrong: &Wrong| {
        let file = wrong.file.as_ref()?;
        thumbnails.pictures.get(file)
    };
    let shown = found.worst.iter().any(|wrong| picture(wrong).is_some());
    let mut out = begin_table(&format!(
        "{of} that the model is most sure of, and wrong: the surest first"
    ));
    let sure = found.worst.iter().any(|wrong| wrong.probability.is_some());
    let measure = if sure { "how sure" } else { "margin" };
    for name in [
        if shown { "picture" } else { "" },
        "which",
        "is",
        "taken for",
        measure,
    ] {
        if !name.is_empty() {
            // Writing to a String does not fail.
            let _ = write!(out, "<th scope=\"col\">{name}</th>");
        }
    }
    out = out.replacen("<th", "<thead><tr><th", 1) + "</tr></thead>\n<tbody>\n";
    let class = |class: u32| {
        let known = found.per_class.get(class as usize);
        let name = known.and_then(|known| known.name.clone());
        escaped(&name.unwrap_or_else(|| class.to_string()))
    };
    for wrong in &found.worst {
        out.push_str("<tr>");
        if shown {
            let image =
                picture(wrong).map_or(String::new(), |uri| format!("<img alt=\"\" src=\"{uri}\">"));
            let _ = write!(out, "<td>{image}</td>");
        }
        let which = wrong
            .file
            .clone()
            .unwrap_or_else(|| format!("row {}", wrong.row));
        let how = match wrong.probability {
            Some(p) => format!("{:.1} %", 100.0 * p),
            None => format!("{:.2}", wrong.margin),
        };
        let _ = writeln!(
            out,
            "<th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{how}</td></tr>",
            escaped(&which),
            class(wrong.label),
            class(wrong.prediction)
        );
    }
    out.push_str("</tbody></table></div>\n");
    let out = out.replacen("<table>", "<table class=\"text\">", 1);
    let counts = "Look at these first: wrong labels and unusual pictures gather here. Rows count from 0 among those that were judged.";
    section("Worst confusions", &(out + &paragraph(counts)))
}
